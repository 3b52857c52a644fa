package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// NoteRestore keeps how a restore stands. A note that comes late changes nothing.
func (s *Catalogue) NoteRestore(ctx context.Context, r domain.RestoreRecord) error {
	record, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing a restore's record: %w", err)
	}
	err = s.q.NoteRestore(ctx, db.NoteRestoreParams{
		ID: r.RestoreID, Target: r.Target, State: string(r.State), Seq: int32(r.Seq), //nolint:gosec // a small count
		RequestedBy: r.RequestedBy, Record: record, StartedAt: r.StartedAt, FinishedAt: optionalTime(r.FinishedAt),
	})
	if err != nil {
		return fmt.Errorf("noting a restore: %w", err)
	}
	return nil
}

// Restore returns one restore; CodeNotFound where there is none.
func (s *Catalogue) Restore(ctx context.Context, id string) (domain.RestoreRecord, error) {
	record, err := s.q.RestoreByID(ctx, id)
	if err != nil {
		return domain.RestoreRecord{}, missing(err, "restore")
	}
	return decoded[domain.RestoreRecord](record)
}

// Restores lists restores, the newest first.
func (s *Catalogue) Restores(ctx context.Context, f domain.RestoreFilter) ([]domain.RestoreRecord, error) {
	rows, err := s.q.Restores(ctx, db.RestoresParams{
		Target: f.Target, BeforeAt: optionalTime(f.BeforeAt), BeforeID: cmp.Or(f.BeforeID, noBackup),
		MaxRows: int32(f.Limit), //nolint:gosec // a page
	})
	if err != nil {
		return nil, fmt.Errorf("listing restores: %w", err)
	}
	return allDecoded[domain.RestoreRecord](rows)
}

// LostVisits lists what a restore does not have, by ID.
func (s *Catalogue) LostVisits(ctx context.Context, f domain.LostVisitFilter) ([]domain.LostVisit, error) {
	rows, err := s.q.LostVisits(ctx, db.LostVisitsParams{
		RestoreID: f.RestoreID, After: cmp.Or(f.After, noBackup), MaxRows: int32(f.Limit), //nolint:gosec // a page
	})
	if err != nil {
		return nil, fmt.Errorf("listing the visits of a restore: %w", err)
	}
	return allDecoded[domain.LostVisit](rows)
}

// CountLostVisits counts them.
func (s *Catalogue) CountLostVisits(ctx context.Context, restoreID string) (int, error) {
	n, err := s.q.CountLostVisits(ctx, restoreID)
	if err != nil {
		return 0, fmt.Errorf("counting the visits of a restore: %w", err)
	}
	return int(n), nil
}

// LostVisit returns one of them; CodeNotFound where it is not listed.
func (s *Catalogue) LostVisit(ctx context.Context, restoreID, appointmentID string) (domain.LostVisit, error) {
	record, err := s.q.LostVisit(ctx, db.LostVisitParams{RestoreID: restoreID, AppointmentID: appointmentID})
	if err != nil {
		return domain.LostVisit{}, missing(err, "visit")
	}
	return decoded[domain.LostVisit](record)
}

// KeepLostVisit lists a visit, or what is known of it by now.
func (s *Catalogue) KeepLostVisit(ctx context.Context, restoreID string, v domain.LostVisit) error {
	return keepLostVisit(ctx, s.q, restoreID, v)
}

func keepLostVisit(ctx context.Context, q *db.Queries, restoreID string, v domain.LostVisit) error {
	record, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing a visit of a restore: %w", err)
	}
	if err := q.KeepLostVisit(ctx, db.KeepLostVisitParams{RestoreID: restoreID, AppointmentID: v.AppointmentID, Record: record}); err != nil {
		return fmt.Errorf("keeping a visit of a restore: %w", err)
	}
	return nil
}

// RaiseFence stops letters, money and processes for as long as it stands; see Fenced.
func (s *Catalogue) RaiseFence(ctx context.Context, restoreID string) error {
	if err := s.q.RaiseFence(ctx, restoreID); err != nil {
		return fmt.Errorf("raising the fence: %w", err)
	}
	return nil
}

// LiftFence takes a restore's own fence away.
func (s *Catalogue) LiftFence(ctx context.Context, restoreID string) error {
	if err := s.q.LiftFence(ctx, restoreID); err != nil {
		return fmt.Errorf("lifting the fence: %w", err)
	}
	return nil
}

// Fenced reports whether a restore is under way, behind whose fence nothing moves.
func (s *Catalogue) Fenced(ctx context.Context) (bool, error) {
	fenced, err := s.q.Fenced(ctx)
	if err != nil {
		return false, fmt.Errorf("looking at the fence: %w", err)
	}
	return fenced, nil
}

// behindFence says that nothing moves now, unless the look itself failed.
func behindFence(err error) error {
	if err != nil {
		return fmt.Errorf("looking at the fence: %w", err)
	}
	return domain.Errorf(domain.CodeUnavailable, "a restore is under way: nothing is sent until it is done")
}

func decoded[T any](record []byte) (T, error) {
	var v T
	if err := json.Unmarshal(record, &v); err != nil {
		return v, fmt.Errorf("reading a record: %w", err)
	}
	return v, nil
}

func allDecoded[T any](rows [][]byte) ([]T, error) {
	list := make([]T, 0, len(rows))
	for _, row := range rows {
		v, err := decoded[T](row)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// RowVersion returns the version of a visit's row and the run that claimed it; CodeNotFound
// where there is no row.
func (s *Store) RowVersion(ctx context.Context, appointmentID string) (version int, runID string, err error) {
	row, err := s.q.RowVersion(ctx, appointmentID)
	if err != nil {
		return 0, "", missing(err, "appointment")
	}
	return int(row.Version), deref(row.ProcessRunID), nil
}

// AgeMessages makes the messages that a step owes, by the ID of the step or what that begins
// with, no younger than at, when it was taken.
func (s *Store) AgeMessages(ctx context.Context, appointmentID, step string, at time.Time) error {
	if err := s.q.AgeMessages(ctx, db.AgeMessagesParams{AppointmentID: appointmentID, Step: step, At: at}); err != nil {
		return fmt.Errorf("ageing messages: %w", err)
	}
	return nil
}

// OweDeliveredReminder records a reminder that came up by at; see OweReminder.
func (s *Store) OweDeliveredReminder(ctx context.Context, appointmentID string, r domain.Reminder, at time.Time) error {
	if err := s.OweReminder(ctx, appointmentID, r); err != nil {
		return err
	}
	return s.AgeMessages(ctx, appointmentID, reminderKey(r), at)
}

// SettleDelivered notes that what a visit owed at at was handed over, and returns how many
// messages that were.
func (s *Store) SettleDelivered(ctx context.Context, appointmentID string, at time.Time, clean bool) (int, error) {
	n, err := s.q.SettleDelivered(ctx, db.SettleDeliveredParams{AppointmentID: appointmentID, At: &at, Clean: clean})
	if err != nil {
		return 0, fmt.Errorf("settling messages: %w", err)
	}
	return int(n), nil
}
