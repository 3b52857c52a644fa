package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// keepReconciliations is how many days of reconciliations are kept.
const keepReconciliations = 7

// StandingVisits returns rows that are not archived and have not changed for still, by ID,
// after the given one ("" for the first page).
func (s *Store) StandingVisits(ctx context.Context, after string, still time.Duration, limit int) ([]domain.StandingVisit, error) {
	if after == "" {
		after = "00000000-0000-0000-0000-000000000000"
	}
	rows, err := s.q.StandingVisits(ctx, db.StandingVisitsParams{AfterID: after, StillSeconds: still.Seconds(), MaxRows: int32(limit)}) //nolint:gosec // a page
	if err != nil {
		return nil, fmt.Errorf("reading the rows that stand still: %w", err)
	}
	visits := make([]domain.StandingVisit, 0, len(rows))
	for _, r := range rows {
		visits = append(visits, standing(db.StandingVisitRow(r)))
	}
	return visits, nil
}

// StandingVisit returns one row, whether it stands still or not.
func (s *Store) StandingVisit(ctx context.Context, id string) (domain.StandingVisit, error) {
	r, err := s.q.StandingVisit(ctx, id)
	if err != nil {
		return domain.StandingVisit{}, missing(err, "appointment")
	}
	return standing(r), nil
}

func standing(r db.StandingVisitRow) domain.StandingVisit {
	return domain.StandingVisit{
		AppointmentID: r.ID, Status: domain.Status(r.Status), Version: int(r.Version), StartsAt: r.StartsAt.UTC(),
		Stuck: domain.Code(deref(r.Stuck)), ChangedAt: r.UpdatedAt.UTC(), RunID: deref(r.ProcessRunID), InTimeline: r.InTimeline, Replaced: int(r.Replaced),
	}
}

// BeginReplacement notes in the timeline that a process is replaced, takes the stuck mark
// off and returns the row that the new process starts from. ok is false, and nothing
// changes, when the row moved on or another run claimed it in the meantime. The mark goes
// first: a replacement that gets stuck at once sets it again.
func (s *Store) BeginReplacement(ctx context.Context, r domain.Replacement) (a domain.Appointment, ok bool, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		ok = false
		row, err := q.LockForReplacement(ctx, r.AppointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		if deref(row.ProcessRunID) != r.Dead || int(row.Version) != r.Version {
			return nil
		}
		ok = true
		id := fmt.Sprintf("process-replaced/%s/%d", r.Dead, r.Version)
		return note(ctx, q, r.AppointmentID, id, "process_replaced", r.Actor, r.ReasonCode)
	})
	if err != nil || !ok {
		return a, false, err
	}
	a, err = s.ProcessInput(ctx, r.AppointmentID)
	return a, err == nil, err
}

// ResolveStuck takes the stuck mark off a visit, with a person's reason, which stays in
// the timeline. The same id again changes nothing. CodeConflict when it is not marked.
func (s *Store) ResolveStuck(ctx context.Context, appointmentID, id string, by domain.Actor, reasonCode string) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockForReplacement(ctx, appointmentID); err != nil {
			return missing(err, "appointment")
		}
		_, err := q.TransitionDone(ctx, db.TransitionDoneParams{AppointmentID: appointmentID, TransitionID: id})
		if err == nil {
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("looking for the event: %w", err)
		}
		mark, err := q.StuckOf(ctx, appointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		if mark == nil {
			return domain.Errorf(domain.CodeConflict, "this visit is not marked as stuck")
		}
		return note(ctx, q, appointmentID, id, "stuck_resolved", by, reasonCode)
	})
}

// NoteRetry keeps in the timeline that a person asked for a visit's process to be put
// right, and why.
func (s *Store) NoteRetry(ctx context.Context, appointmentID, id string, by domain.Actor, reasonCode string) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockForReplacement(ctx, appointmentID); err != nil {
			return missing(err, "appointment")
		}
		return appendNote(ctx, q, appointmentID, id, "retry_requested", by, reasonCode)
	})
}

// note adds a line to the timeline, once, and takes the stuck mark off.
func note(ctx context.Context, q *db.Queries, appointmentID, id, kind string, by domain.Actor, reasonCode string) error {
	if err := q.ClearStuck(ctx, appointmentID); err != nil {
		return fmt.Errorf("taking the mark off: %w", err)
	}
	return appendNote(ctx, q, appointmentID, id, kind, by, reasonCode)
}

// appendNote adds a line that leaves status and version alone, once per ID. The row is
// locked already.
func appendNote(ctx context.Context, q *db.Queries, appointmentID, id, kind string, by domain.Actor, reasonCode string) error {
	_, err := q.TransitionDone(ctx, db.TransitionDoneParams{AppointmentID: appointmentID, TransitionID: id})
	if err == nil {
		return nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("looking for the event: %w", err)
	}
	row, err := q.LockForReplacement(ctx, appointmentID)
	if err != nil {
		return missing(err, "appointment")
	}
	seq, err := q.BumpEventSeq(ctx, appointmentID)
	if err != nil {
		return fmt.Errorf("numbering the event: %w", err)
	}
	err = q.AppendEvent(ctx, db.AppendEventParams{
		AppointmentID: appointmentID, Seq: seq, Version: row.Version, TransitionID: id, Kind: kind,
		FromStatus: row.Status, ToStatus: row.Status, ActorKind: string(by.Kind), ActorID: by.ID, ReasonCode: reasonCode,
		At: time.Now().UTC(),
	})
	if err != nil {
		return fmt.Errorf("appending the event: %w", err)
	}
	return nil
}

// Leftovers returns what no process is going to do any more, or nobody has done for long:
// messages of visits whose process has ended, outbox rows and letters of accounts older than
// late, and payment cases whose process should have looked so long ago: those are told to.
func (s *Store) Leftovers(ctx context.Context, still, late time.Duration, limit int) ([]domain.Finding, error) {
	messages, err := s.q.UndeliveredAfterTheEnd(ctx, db.UndeliveredAfterTheEndParams{StillSeconds: still.Seconds(), MaxRows: int32(limit)}) //nolint:gosec // a bound
	if err != nil {
		return nil, fmt.Errorf("reading undelivered messages: %w", err)
	}
	rows, err := s.q.LateOutbox(ctx, db.LateOutboxParams{LateSeconds: late.Seconds(), MaxRows: int32(limit)}) //nolint:gosec // a bound
	if err != nil {
		return nil, fmt.Errorf("reading late outbox rows: %w", err)
	}
	letters, err := s.q.LateAccountMessages(ctx, db.LateAccountMessagesParams{LateSeconds: late.Seconds(), MaxRows: int32(limit)}) //nolint:gosec // a bound
	if err != nil {
		return nil, fmt.Errorf("reading late letters of accounts: %w", err)
	}
	cases, err := s.q.LateCases(ctx, db.LateCasesParams{LateSeconds: late.Seconds(), MaxRows: int32(limit)}) //nolint:gosec // a bound
	if err != nil {
		return nil, fmt.Errorf("reading late payment cases: %w", err)
	}
	findings := make([]domain.Finding, 0, len(messages)+len(rows)+len(letters)+len(cases))
	for _, m := range letters {
		findings = append(findings, domain.Finding{
			Subject: "account_message/" + m.ID, Code: domain.FindingUndelivered, Detail: fmt.Sprintf("%s, %d attempts", m.Kind, m.Attempts),
		})
	}
	for _, c := range cases {
		// Its process is told to look, and started where it is gone; once for each look it missed.
		if err := oweCase(ctx, s.q, c.AppointmentID, c.IntentID, fmt.Sprintf("payment-case/%s/late/%d", c.ID, c.LookAt.Unix())); err != nil {
			return nil, err
		}
		findings = append(findings, domain.Finding{
			Subject: "payment_case/" + c.ID, Code: domain.FindingCaseLate, AppointmentID: c.AppointmentID,
			Detail: fmt.Sprintf("%s, waits for %s", c.State, c.WaitsFor),
		})
	}
	for _, m := range messages {
		findings = append(findings, domain.Finding{
			Subject: "message/" + m.ID, Code: domain.FindingUndelivered, AppointmentID: m.AppointmentID, Detail: m.Kind,
		})
	}
	for _, r := range rows {
		findings = append(findings, domain.Finding{
			Subject: fmt.Sprintf("outbox/%d", r.ID), Code: domain.FindingOutboxLate, AppointmentID: deref(r.AppointmentID),
			Detail: fmt.Sprintf("%s, %d attempts", r.Topic, r.Attempts),
		})
	}
	return findings, nil
}

// OpenReconciliation notes the beginning of a reconciliation; again, it changes nothing.
func (s *Store) OpenReconciliation(ctx context.Context, id string, by domain.ReconcileTrigger) error {
	if err := s.q.OpenReconcileRun(ctx, db.OpenReconcileRunParams{ID: id, Trigger: string(by)}); err != nil {
		return fmt.Errorf("noting the reconciliation: %w", err)
	}
	return nil
}

// AddFindings keeps findings, each once per reconciliation.
func (s *Store) AddFindings(ctx context.Context, id string, findings []domain.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	return s.inTx(ctx, func(q *db.Queries) error {
		for _, f := range findings {
			err := q.AddReconcileFinding(ctx, db.AddReconcileFindingParams{
				RunID: id, Subject: f.Subject, Code: string(f.Code), AppointmentID: optional(f.AppointmentID), Detail: f.Detail,
			})
			if err != nil {
				return fmt.Errorf("keeping a finding: %w", err)
			}
		}
		return nil
	})
}

// CloseReconciliation notes the end and forgets reconciliations of more than a week ago.
func (s *Store) CloseReconciliation(ctx context.Context, id string, counts domain.ReconcileCounts) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		err := q.CloseReconcileRun(ctx, db.CloseReconcileRunParams{
			ID: id, Checked: int32(counts.Checked), Replaced: int32(counts.Replaced), //nolint:gosec // counts of rows
		})
		if err != nil {
			return fmt.Errorf("noting the end of the reconciliation: %w", err)
		}
		return q.PruneReconcileRuns(ctx, keepReconciliations)
	})
}

// Reconciliations returns the newest ones first, each with up to findings of its findings.
func (s *Store) Reconciliations(ctx context.Context, limit, findings int) ([]domain.Reconciliation, error) {
	rows, err := s.q.ReconcileRuns(ctx, int32(limit)) //nolint:gosec // bounded by the API
	if err != nil {
		return nil, fmt.Errorf("reading the reconciliations: %w", err)
	}
	list := make([]domain.Reconciliation, 0, len(rows))
	for _, r := range rows {
		found, err := s.q.ReconcileFindings(ctx, db.ReconcileFindingsParams{RunID: r.ID, MaxRows: int32(findings)}) //nolint:gosec // a bound
		if err != nil {
			return nil, fmt.Errorf("reading the findings: %w", err)
		}
		one := domain.Reconciliation{
			ID: r.ID, Trigger: domain.ReconcileTrigger(r.Trigger), StartedAt: r.StartedAt.UTC(), FinishedAt: utc(r.FinishedAt),
			Counts: domain.ReconcileCounts{Checked: int(r.Checked), Replaced: int(r.Replaced), Reported: int(r.Reported)},
		}
		for _, f := range found {
			one.Findings = append(one.Findings, domain.Finding{
				Subject: f.Subject, Code: domain.FindingCode(f.Code), AppointmentID: deref(f.AppointmentID), Detail: f.Detail, At: f.FoundAt.UTC(),
			})
		}
		list = append(list, one)
	}
	return list, nil
}
