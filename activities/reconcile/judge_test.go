package reconcile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestWhatTheReconcilerDoesAboutAVisit(t *testing.T) {
	t.Parallel()
	const still = 5 * time.Minute
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	start := now.Add(48 * time.Hour)
	long, recent := now.Add(-still), now.Add(-still+time.Second)
	row := domain.StandingVisit{Status: domain.StatusConfirmed, Version: 4, StartsAt: start, RunID: "r1", InTimeline: true, ChangedAt: long}
	with := func(change func(v *domain.StandingVisit)) domain.StandingVisit { v := row; change(&v); return v }
	stuck := func(code domain.Code) domain.StandingVisit {
		return with(func(v *domain.StandingVisit) { v.Stuck = code })
	}
	running := domain.Process{State: domain.ProcessRunning, RunID: "r1", Since: long, Status: domain.StatusConfirmed, StartsAt: start.Add(300 * time.Nanosecond)}
	older := running
	older.Status = domain.StatusPending
	moved := running
	moved.StartsAt = start.Add(time.Hour)
	fresh := older
	fresh.Since = recent
	dead := domain.Process{State: domain.ProcessDead, Since: long}

	for _, tt := range []struct {
		name    string
		visit   domain.StandingVisit
		process domain.Process
		want    verdict
		retried verdict
	}{
		{"in order", row, running, verdict{}, verdict{}},
		{"shows nothing", row, domain.Process{State: domain.ProcessRunning, Since: long}, verdict{}, verdict{}},
		{"behind in status", row, older, verdict{report: domain.FindingVersionConflict}, verdict{replace: true, terminate: true}},
		{"behind in time", row, moved, verdict{report: domain.FindingVersionConflict}, verdict{replace: true, terminate: true}},
		{"behind, but just started", row, fresh, verdict{}, verdict{replace: true, terminate: true}},
		{
			"behind, but just written", with(func(v *domain.StandingVisit) { v.ChangedAt = now.Add(-time.Second) }), fresh,
			verdict{}, verdict{report: domain.FindingVersionConflict},
		},
		{"runs, marked", stuck("version_conflict"), running, verdict{report: "version_conflict"}, verdict{replace: true, terminate: true}},
		{
			"no worker takes it", with(func(v *domain.StandingVisit) { v.RunID = "" }), running,
			verdict{report: domain.FindingNotClaimed}, verdict{report: domain.FindingNotClaimed},
		},
		{"missing", row, domain.Process{State: domain.ProcessMissing}, verdict{replace: true}, verdict{replace: true}},
		{"dead", row, dead, verdict{replace: true}, verdict{replace: true}},
		{"just died", row, domain.Process{State: domain.ProcessDead, Since: recent}, verdict{}, verdict{replace: true}},
		{"died of an outage", stuck(domain.CodeVendorUnavailable), dead, verdict{replace: true}, verdict{replace: true}},
		{"died of a row that went on", stuck("version_conflict"), dead, verdict{replace: true}, verdict{replace: true}},
		{
			"died of a row written by hand", with(func(v *domain.StandingVisit) { v.Stuck, v.InTimeline = "version_conflict", false }), dead,
			verdict{report: domain.FindingVersionConflict}, verdict{replace: true},
		},
		{"died of a final no", stuck(domain.CodeVendorRejected), dead, verdict{report: "vendor_rejected"}, verdict{replace: true}},
		{"died of money", stuck(domain.CodePaymentRefused), dead, verdict{report: "payment_refused"}, verdict{replace: true}},
		{
			"dies each time", with(func(v *domain.StandingVisit) { v.Replaced = oftenReplaced }), dead,
			verdict{report: domain.FindingReplacedOften}, verdict{replace: true},
		},
		{
			"ended too early", row, domain.Process{State: domain.ProcessCompleted, Since: long},
			verdict{report: domain.FindingProcessCompleted}, verdict{replace: true},
		},
		{
			"archived", with(func(v *domain.StandingVisit) { v.Status = domain.StatusArchived }),
			domain.Process{State: domain.ProcessCompleted, Since: recent}, verdict{}, verdict{},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, judge(tt.visit, tt.process, now, still))
			require.Equal(t, tt.retried, judgeRetry(tt.visit, tt.process, now))
		})
	}
}
