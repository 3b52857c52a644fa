package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestANoShowFeeIsAShareOfWhatIsStillThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		share                    int
		captured, refunded, want int64
	}{
		"all of it":                   {100, 8000, 0, 8000},
		"a share":                     {30, 8000, 0, 2400},
		"rounded half up":             {50, 8001, 0, 4001},
		"no fee":                      {0, 8000, 0, 0},
		"nothing was taken":           {100, 0, 0, 0},
		"some has gone back":          {50, 8000, 6000, 2000},
		"all has gone back":           {100, 8000, 8000, 0},
		"more has gone back than was": {100, 8000, 9000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := terms()
			x.NoShowFeeShare = c.share
			require.Equal(t, c.want, x.NoShowFee(c.captured, c.refunded))
		})
	}
}

func TestVisitsBookedBeforeThereWereDisputesHaveTheUsualPeriod(t *testing.T) {
	t.Parallel()
	old, own := terms(), terms()
	old.DisputePeriod, own.DisputePeriod = 0, hours(5)
	require.Equal(t, 72*time.Hour, old.DisputeWindow())
	require.Equal(t, 5*time.Hour, own.DisputeWindow())
	require.Equal(t, hours(72), domain.DefaultTerms().DisputePeriod)
}

func TestTheDisputePeriodCountsFromWhenThePatientWasTold(t *testing.T) {
	t.Parallel()
	marked := instant(t, "2026-03-10T12:00:00Z")
	end := marked.Add(72 * time.Hour)
	told, again := terms().NoticeCheck(time.Time{}, end)
	require.False(t, told, "nobody was told")
	require.Zero(t, again)
	told, again = terms().NoticeCheck(marked.Add(time.Minute), end)
	require.True(t, told)
	require.Zero(t, again, "a minute on its way is no delay")
	told, again = terms().NoticeCheck(marked.Add(10*time.Hour), end)
	require.True(t, told)
	require.Equal(t, end.Add(10*time.Hour), again)
}

func TestNoGraceLetsADoctorConfirmABegunVisitOrDeadFunds(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-03-10T12:00:00Z")
	require.Equal(t, start, domain.AnswerableUntil(time.Time{}, start))
	require.Equal(t, start, domain.AnswerableUntil(start.Add(time.Hour), start))
	require.Equal(t, start.Add(-time.Hour), domain.AnswerableUntil(start.Add(-time.Hour), start))
}
