package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/domain"
)

// Store is where rows and findings are kept.
type Store interface {
	StandingVisits(ctx context.Context, after string, still time.Duration, limit int) ([]domain.StandingVisit, error)
	StandingVisit(ctx context.Context, id string) (domain.StandingVisit, error)
	BeginReplacement(ctx context.Context, r domain.Replacement) (a domain.Appointment, ok bool, err error)
	NoteRetry(ctx context.Context, appointmentID, id string, by domain.Actor, reasonCode string) error
	Leftovers(ctx context.Context, still, late time.Duration, limit int) ([]domain.Finding, error)
	MovedVisits(ctx context.Context, now time.Time, limit int) ([]domain.Finding, error)
	OpenReconciliation(ctx context.Context, id string, by domain.ReconcileTrigger) error
	AddFindings(ctx context.Context, id string, findings []domain.Finding) error
	CloseReconciliation(ctx context.Context, id string, counts domain.ReconcileCounts) error
}

// Processes are the appointments' processes.
type Processes interface {
	// Inspect says how the process of a visit stands, whose row the run claimed.
	Inspect(ctx context.Context, appointmentID, claimed string) (domain.Process, error)
	// Replace starts a process from the row, to which the claim of the dead run passes. One
	// that runs already is left alone.
	Replace(ctx context.Context, a domain.Appointment, dead string) error
	// Terminate ends an open run. One that has ended is no error.
	Terminate(ctx context.Context, appointmentID, runID, reason string) error
}

// Config bounds the reconciler.
type Config struct {
	// Still is how long a row and its process must have stood still. Defaults to 5 min.
	Still time.Duration
	// Late is the age at which a row of the outbox is reported. Defaults to three times Still.
	Late time.Duration
	// PerSecond bounds how many processes are looked at. Defaults to 50.
	PerSecond int
	// PageSize is how many rows one activity examines. Defaults to 500.
	PageSize int
}

func (c Config) withDefaults() Config {
	if c.Still <= 0 {
		c.Still = 5 * time.Minute
	}
	if c.Late <= 0 {
		c.Late = 3 * c.Still
	}
	if c.PerSecond <= 0 {
		c.PerSecond = 50
	}
	if c.PageSize <= 0 {
		c.PageSize = 500
	}
	return c
}

// Activities compare rows and processes.
type Activities struct {
	store     Store
	processes Processes
	cfg       Config
	log       *slog.Logger
}

// New returns the activities on store and processes.
func New(store Store, processes Processes, cfg Config, log *slog.Logger) *Activities {
	return &Activities{store: store, processes: processes, cfg: cfg.withDefaults(), log: log}
}

// Page examines one page of rows. A retry goes on where the last heartbeat was.
func (a *Activities) Page(ctx context.Context, in PageInput) (PageResult, error) {
	done := PageResult{Next: in.After}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &done); err != nil {
			done = PageResult{Next: in.After}
		}
	}
	if err := a.store.OpenReconciliation(ctx, in.ReconciliationID, in.Trigger); err != nil {
		return PageResult{}, err
	}
	left := a.cfg.PageSize - done.Counts.Checked
	visits, err := a.store.StandingVisits(ctx, done.Next, a.cfg.Still, left)
	if err != nil {
		return PageResult{}, err
	}
	pace := time.NewTicker(time.Second / time.Duration(a.cfg.PerSecond))
	defer pace.Stop()
	for _, v := range visits {
		select {
		case <-ctx.Done():
			return PageResult{}, ctx.Err()
		case <-pace.C:
		}
		if err := a.examine(ctx, in.ReconciliationID, v, &done); err != nil {
			return PageResult{}, err
		}
		done.Next = v.AppointmentID
		activity.RecordHeartbeat(ctx, done)
	}
	if len(visits) < left {
		done.Next = ""
	}
	return done, nil
}

// examine looks at one visit. A fault with one visit is a finding and does not hold up
// the others; a database that is gone does.
func (a *Activities) examine(ctx context.Context, id string, v domain.StandingVisit, done *PageResult) error {
	p, err := a.processes.Inspect(ctx, v.AppointmentID, v.RunID)
	if domain.CodeOf(err) == domain.CodeUnavailable {
		return err // Temporal is away for all of them
	}
	done.Counts.Checked++
	var code domain.FindingCode
	if err == nil {
		var replaced bool
		replaced, code, err = a.carryOut(ctx, v, p, judge(v, p, time.Now(), a.cfg.Still), domain.System(), "reconciled")
		if replaced {
			done.Counts.Replaced++
		}
	}
	if err != nil {
		a.log.WarnContext(ctx, "a visit could not be reconciled", "appointment_id", v.AppointmentID, "error", err)
		code = domain.FindingUnreachable
	}
	if code == "" {
		return nil
	}
	f := domain.Finding{
		Subject: "appointment/" + v.AppointmentID, Code: code, AppointmentID: v.AppointmentID,
		Detail: fmt.Sprintf("%s at version %d, process %s", v.Status, v.Version, shown(p)),
	}
	done.Counts.Reported++
	if len(done.Findings) < shownFindings {
		done.Findings = append(done.Findings, f)
	}
	return a.store.AddFindings(ctx, id, []domain.Finding{f})
}

func shown(p domain.Process) string {
	if p.State == "" {
		return "unknown"
	}
	if p.Status != "" {
		return string(p.State) + " as " + string(p.Status)
	}
	return string(p.State)
}

func (a *Activities) carryOut(ctx context.Context, v domain.StandingVisit, p domain.Process, what verdict, by domain.Actor, reason string) (replaced bool, report domain.FindingCode, err error) {
	if !what.replace {
		return false, what.report, nil
	}
	if what.terminate {
		if err := a.processes.Terminate(ctx, v.AppointmentID, p.RunID, "replaced from the row"); err != nil {
			return false, "", err
		}
	}
	row, ok, err := a.store.BeginReplacement(ctx, domain.Replacement{
		AppointmentID: v.AppointmentID, Dead: v.RunID, Version: v.Version, Actor: by, ReasonCode: reason,
	})
	if err != nil || (!ok && !what.terminate) {
		return false, "", err // not ok: it moved on, and so does not stand still
	}
	if !ok {
		return false, "", errMovedOn // tried again: its process is gone now
	}
	if err := a.processes.Replace(ctx, row, v.RunID); err != nil {
		return false, "", err
	}
	a.log.InfoContext(ctx, "a process was replaced", "appointment_id", v.AppointmentID, "status", v.Status, "was", p.State)
	return true, "", nil
}

var errMovedOn = errors.New("the row changed while its process was ended")

// Close adds what is left over beside the visits, and the visits whose zone has changed its
// rules, and ends the reconciliation.
func (a *Activities) Close(ctx context.Context, in CloseInput) (CloseResult, error) {
	const most = 500
	findings, err := a.store.Leftovers(ctx, a.cfg.Still, a.cfg.Late, most)
	if err != nil {
		return CloseResult{}, err
	}
	moved, err := a.store.MovedVisits(ctx, time.Now().UTC(), most)
	if err != nil {
		return CloseResult{}, err
	}
	findings = append(findings, moved...)
	if err := a.store.AddFindings(ctx, in.ReconciliationID, findings); err != nil {
		return CloseResult{}, err
	}
	counts := in.Counts.Add(domain.ReconcileCounts{Reported: len(findings)})
	if err := a.store.CloseReconciliation(ctx, in.ReconciliationID, counts); err != nil {
		return CloseResult{}, err
	}
	return CloseResult{Counts: counts, Findings: findings[:min(len(findings), shownFindings)]}, nil
}

// Visit puts one visit's process right on a person's word.
func (a *Activities) Visit(ctx context.Context, in VisitInput) (VisitResult, error) {
	if err := a.store.NoteRetry(ctx, in.AppointmentID, in.RequestID, in.Actor, in.ReasonCode); err != nil {
		return VisitResult{}, fault(err)
	}
	v, err := a.store.StandingVisit(ctx, in.AppointmentID)
	if err != nil {
		return VisitResult{}, fault(err)
	}
	p, err := a.processes.Inspect(ctx, v.AppointmentID, v.RunID)
	if err != nil {
		return VisitResult{}, fault(err)
	}
	replaced, code, err := a.carryOut(ctx, v, p, judgeRetry(v, p, time.Now()), in.Actor, in.ReasonCode)
	switch {
	case err != nil:
		return VisitResult{}, fault(err)
	case replaced:
		return VisitResult{Action: domain.RepairReplaced}, nil
	case code != "":
		return VisitResult{Action: domain.RepairReported, Code: code}, nil
	}
	return VisitResult{Action: domain.RepairNone}, nil
}

// fault keeps a visit that does not exist from being tried again.
func fault(err error) error {
	if domain.CodeOf(err) == domain.CodeNotFound {
		return temporal.NewNonRetryableApplicationError("there is no such appointment", string(domain.CodeNotFound), nil)
	}
	return err
}
