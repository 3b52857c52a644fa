package freshness_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/activities/alarm"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/worker/freshness"
)

const limit = 26 * time.Hour

// desk keeps alarms as the database does, and is the mail vendor.
type desk struct {
	mu     sync.Mutex
	newest time.Time
	since  time.Time
	claims map[string]time.Time
	sent   map[string]int
	down   bool
}

func (d *desk) BackupFreshness(context.Context, []string) ([]domain.BackupFreshness, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []domain.BackupFreshness{{Target: "clinic", NewestAt: d.newest, ExpectedSince: d.since}}, nil
}

func (d *desk) ClaimAlarm(_ context.Context, a domain.Alarm, lease time.Duration) (domain.KeptAlarm, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sent[a.Key] > 0 || time.Now().Before(d.claims[a.Key]) {
		return domain.KeptAlarm{}, false, nil
	}
	d.claims[a.Key] = time.Now().Add(lease)
	return domain.KeptAlarm{ID: a.Key, State: domain.AlarmPending}, true, nil
}

func (d *desk) Tell(_ context.Context, a domain.Alarm, _ domain.KeptAlarm, _ alarm.Logger) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errors.New("the vendor is away")
	}
	d.sent[a.Key]++
	return nil
}

func (d *desk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *desk) mails() (all int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.sent {
		all += n
	}
	return all
}

// Three processes look each minute for days: people hear once of each time that backups
// stop, as soon as the mail vendor takes it, and of the next time again.
func TestPeopleHearOnceOfEachTimeThatBackupsStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{since: time.Now(), claims: map[string]time.Time{}, sent: map[string]int{}}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for range 3 {
			w := freshness.New(d, d, freshness.Config{Targets: []string{"clinic"}, Limit: limit}, slog.New(slog.DiscardHandler))
			running.Go(func() { w.Run(ctx) })
		}
		time.Sleep(limit)
		require.Zero(t, d.mails(), "a new installation is given its first night")
		time.Sleep(48 * time.Hour)
		require.Equal(t, 1, d.mails())

		d.set(func() { d.newest = time.Now() })
		time.Sleep(limit)
		require.Equal(t, 1, d.mails(), "a proven backup ends it")
		d.set(func() { d.down = true })
		time.Sleep(3 * time.Hour)
		require.Equal(t, 1, d.mails())
		d.set(func() { d.down = false })
		time.Sleep(48 * time.Hour)
		require.Equal(t, 2, d.mails(), "the next time is another alarm, and outlives the vendor's outage")
		stop()
		running.Wait()
	})
}
