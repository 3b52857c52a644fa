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

// BackupFreshness returns how old the newest proven backup of each target is. A target
// that is asked for the first time is expected from now on.
func (s *Catalogue) BackupFreshness(ctx context.Context, targets []string) ([]domain.BackupFreshness, error) {
	rows, err := s.q.BackupFreshness(ctx, targets)
	if err == nil && len(rows) < len(targets) {
		if err = s.q.ExpectBackups(ctx, db.ExpectBackupsParams{Names: targets, ExpectedSince: time.Now().UTC()}); err == nil {
			rows, err = s.q.BackupFreshness(ctx, targets)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("asking how old backups are: %w", err)
	}
	list := make([]domain.BackupFreshness, 0, len(rows))
	for _, r := range rows {
		list = append(list, domain.BackupFreshness{Target: r.Name, NewestAt: utc(r.Newest), ExpectedSince: r.ExpectedSince.UTC()})
	}
	return list, nil
}

// ClaimAlarm keeps an alarm under its key and gives it to one process for the length of
// the lease. ok is false for who comes second, and for an alarm that was settled.
func (s *Catalogue) ClaimAlarm(ctx context.Context, a domain.Alarm, lease time.Duration) (k domain.KeptAlarm, ok bool, err error) {
	row, err := s.q.ClaimAlarm(ctx, db.ClaimAlarmParams{
		ID: domain.NewID(), Key: a.Key, Kind: a.Kind, Subject: a.Subject, Ref: a.Ref, Code: string(a.Code), Detail: a.Detail, RaisedAt: a.At,
		LeaseSeconds: lease.Seconds(),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.KeptAlarm{}, false, nil
	}
	if err != nil {
		return domain.KeptAlarm{}, false, fmt.Errorf("claiming an alarm: %w", err)
	}
	return domain.KeptAlarm{ID: row.ID, State: domain.AlarmState(row.State), Told: row.Told}, true, nil
}
