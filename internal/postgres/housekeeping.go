package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Sweep removes at most limit rows of a kind that are older than before (UTC), the oldest
// first, and returns how many. Rows that somebody holds at this moment are left alone.
func (s *Store) Sweep(ctx context.Context, what domain.Litter, before time.Time, limit int) (removed int, err error) {
	var n int64
	rows := int32(limit) //nolint:gosec // a batch
	switch what {
	case domain.LitterOutbox:
		n, err = s.q.SweepOutbox(ctx, db.SweepOutboxParams{Before: before, MaxRows: rows})
	case domain.LitterKeys:
		n, err = s.q.SweepKeys(ctx, db.SweepKeysParams{Before: before, MaxRows: rows})
	case domain.LitterTokens:
		n, err = s.q.SweepRefreshTokens(ctx, db.SweepRefreshTokensParams{Before: before, MaxRows: rows})
	case domain.LitterSessions:
		n, err = s.q.SweepSessions(ctx, db.SweepSessionsParams{Before: before, MaxRows: rows})
	case domain.LitterAttempts:
		n, err = s.q.SweepAttempts(ctx, db.SweepAttemptsParams{Before: before, MaxRows: rows})
	case domain.LitterRuns:
		n, err = s.q.SweepHousekeepingRuns(ctx, db.SweepHousekeepingRunsParams{Before: before, MaxRows: rows})
	default:
		return 0, domain.Errorf(domain.CodeInvalid, "nothing is known of %q", what)
	}
	if err != nil {
		return 0, fmt.Errorf("removing old %s: %w", what, err)
	}
	return int(n), nil
}

// OpenHousekeeping notes that a run began, once.
func (s *Store) OpenHousekeeping(ctx context.Context, id string, by domain.ReconcileTrigger) error {
	if err := s.q.OpenHousekeepingRun(ctx, db.OpenHousekeepingRunParams{ID: id, Trigger: string(by)}); err != nil {
		return fmt.Errorf("noting the begin of housekeeping: %w", err)
	}
	return nil
}

// CloseHousekeeping notes what a run removed.
func (s *Store) CloseHousekeeping(ctx context.Context, id string, removed map[domain.Litter]int) error {
	raw, err := json.Marshal(removed)
	if err != nil {
		return fmt.Errorf("noting what was removed: %w", err)
	}
	if err := s.q.CloseHousekeepingRun(ctx, db.CloseHousekeepingRunParams{ID: id, Removed: raw}); err != nil {
		return fmt.Errorf("noting the end of housekeeping: %w", err)
	}
	return nil
}

// Housekeepings returns the newest runs first.
func (s *Store) Housekeepings(ctx context.Context, limit int) ([]domain.Housekeeping, error) {
	rows, err := s.q.HousekeepingRuns(ctx, int32(limit)) //nolint:gosec // bounded by the API
	if err != nil {
		return nil, fmt.Errorf("reading the runs of housekeeping: %w", err)
	}
	list := make([]domain.Housekeeping, 0, len(rows))
	for _, r := range rows {
		one := domain.Housekeeping{
			ID: r.ID, Trigger: domain.ReconcileTrigger(r.Trigger), StartedAt: r.StartedAt.UTC(), FinishedAt: utc(r.FinishedAt),
		}
		if err := json.Unmarshal(r.Removed, &one.Removed); err != nil {
			return nil, fmt.Errorf("reading what was removed: %w", err)
		}
		list = append(list, one)
	}
	return list, nil
}
