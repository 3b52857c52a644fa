package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Restored gets a database ready that is not the product's yet, by its URL.
type Restored struct{}

// CarriedTables are those that a restore takes along instead of setting them back: its own
// record and those of backups and deployments, which are about the present; who read which
// record, which stays true of a record that is set back; and who is logged in, since a session
// that was ended must not come back to life. What others refer to comes first.
func (Restored) CarriedTables() []domain.CarriedTable {
	return []domain.CarriedTable{
		{Name: "public.restore_logs"}, {Name: "public.restore_visits"}, {Name: "public.backup_logs"}, {Name: "public.ops_alarms"},
		{Name: "public.backup_targets"}, {Name: "public.deployments"}, {Name: "public.deployment_steps"},
		{Name: "public.record_accesses"},
		{Name: "public.sessions", Where: "EXISTS (SELECT 1 FROM public.users u WHERE u.id = t.user_id)"},
		{Name: "public.refresh_tokens", Where: "EXISTS (SELECT 1 FROM public.sessions s WHERE s.id = t.session_id)"},
	}
}

// EndSessions logs everybody out, where nobody can tell who has been since.
func (Restored) EndSessions(ctx context.Context, url string) error {
	return inDatabase(ctx, url, func(s *Store) error {
		if err := s.q.EndAllSessions(ctx); err != nil {
			return fmt.Errorf("ending all sessions: %w", err)
		}
		return nil
	})
}

// Migrate brings the database up to this build's schema.
func (Restored) Migrate(ctx context.Context, url string) error {
	_, err := Migrate(ctx, url)
	return err
}

// Fence raises the fence in the database. Fresh ones come out of a backup: what accounts
// were owed then may have been handed over since, and is not sent again.
func (Restored) Fence(ctx context.Context, url, restoreID string, fresh bool) error {
	return inDatabase(ctx, url, func(s *Store) error {
		return s.inTx(ctx, func(q *db.Queries) error {
			if err := q.RaiseFence(ctx, restoreID); err != nil {
				return fmt.Errorf("raising the fence: %w", err)
			}
			if !fresh {
				return nil
			}
			if err := q.QuietAccountMessages(ctx); err != nil {
				return fmt.Errorf("settling letters of accounts: %w", err)
			}
			return nil
		})
	})
}

// KeepVisits lists in live, under the restore, the visits of before that were booked after
// since and have no row in live; those of an earlier list that have one by now go. News of
// the payment provider that waited in before are taken along for the visits that live has:
// they were accepted, and do not come again.
func (Restored) KeepVisits(ctx context.Context, before, live, restoreID string, since time.Time) error {
	var known []db.VisitsSinceRow
	var news []db.WaitingNewsRow
	err := inDatabase(ctx, before, func(s *Store) (err error) {
		if known, err = s.q.VisitsSince(ctx, since); err != nil {
			return err
		}
		news, err = s.q.WaitingNews(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the visits of before: %w", err)
	}
	return inDatabase(ctx, live, func(s *Store) error {
		return s.inTx(ctx, func(q *db.Queries) error {
			for _, v := range known {
				err := keepLostVisit(ctx, q, restoreID, domain.LostVisit{
					AppointmentID: v.ID, Why: domain.LostRow, BookedAt: v.CreatedAt.UTC(), StartsAt: v.StartsAt.UTC(), DoctorID: v.DoctorID,
					PatientID: v.PatientID, BookedBy: v.BookedBy, Status: domain.Status(v.Status), Version: int(v.Version),
				})
				if err != nil {
					return err
				}
			}
			if err := q.ForgetFoundVisits(ctx, restoreID); err != nil {
				return fmt.Errorf("forgetting visits that are there: %w", err)
			}
			return takeNewsAlong(ctx, q, news)
		})
	})
}

func takeNewsAlong(ctx context.Context, q *db.Queries, news []db.WaitingNewsRow) error {
	for _, n := range news {
		there, err := q.AppointmentExists(ctx, deref(n.AppointmentID))
		if err == nil && there {
			_, err = q.EnqueueOutbox(ctx, db.EnqueueOutboxParams(n))
		}
		if err != nil {
			return fmt.Errorf("taking news of the payment provider along: %w", err)
		}
	}
	return nil
}

func inDatabase(ctx context.Context, url string, use func(*Store) error) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("opening a database: %w", err)
	}
	defer pool.Close()
	return use(New(pool, nil))
}
