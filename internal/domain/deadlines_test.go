package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestTheHoldEndsAtTheEarliestOfWindowMaximumAndStart(t *testing.T) {
	t.Parallel()
	booked := instant(t, "2026-03-10T12:00:00Z")
	far := booked.Add(48 * time.Hour)
	for name, c := range map[string]struct{ payable, start, want time.Time }{
		"payable at once":           {booked, far, booked.Add(15 * time.Minute)},
		"payable after a while":     {booked.Add(20 * time.Minute), far, booked.Add(35 * time.Minute)},
		"the window meets its max":  {booked.Add(45 * time.Minute), far, booked.Add(time.Hour)},
		"payable after the max":     {booked.Add(3 * time.Hour), far, booked.Add(time.Hour)},
		"the visit starts before":   {booked, booked.Add(10 * time.Minute), booked.Add(10 * time.Minute)},
		"the visit has begun":       {booked.Add(time.Minute), booked, booked},
		"the start is the maximum":  {booked.Add(50 * time.Minute), booked.Add(time.Hour), booked.Add(time.Hour)},
		"zones of the inputs count": {booked.In(zone(t, "Asia/Kolkata")), far, booked.Add(15 * time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, c.want.Equal(terms().PayBy(booked, c.payable, c.start)))
		})
	}
}

func TestTheAnswerIsDueAtTheEarliestOfDeadlineFundsAndCutOff(t *testing.T) {
	t.Parallel()
	asked := instant(t, "2026-03-10T12:00:00Z")
	far := asked.Add(30 * 24 * time.Hour)
	for name, c := range map[string]struct{ captureBefore, start, want time.Time }{
		"a day":                        {time.Time{}, far, asked.Add(24 * time.Hour)},
		"funds that last":              {asked.Add(7 * 24 * time.Hour), far, asked.Add(24 * time.Hour)},
		"funds that lapse earlier":     {asked.Add(20 * time.Hour), far, asked.Add(8 * time.Hour)},
		"funds that lapse at the day":  {asked.Add(36 * time.Hour), far, asked.Add(24 * time.Hour)},
		"funds nearly lapsed":          {asked.Add(time.Hour), far, asked.Add(-11 * time.Hour)},
		"a visit soon":                 {time.Time{}, asked.Add(5 * time.Hour), asked.Add(3 * time.Hour)},
		"a visit soon and funds later": {asked.Add(16 * time.Hour), asked.Add(5 * time.Hour), asked.Add(3 * time.Hour)},
		"a visit soon, funds sooner":   {asked.Add(14 * time.Hour), asked.Add(5 * time.Hour), asked.Add(2 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, c.want.Equal(terms().AnswerBy(asked, c.captureBefore, c.start)))
		})
	}
}

func TestASlotLeavesTheDoctorTimeAfterTheWholePaymentWindow(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-03-10T12:00:00Z")
	edge := now.Add(2*time.Hour + 15*time.Minute)
	free, instantly := terms(), terms()
	free.Price.Minor, instantly.InstantConfirm = 0, true

	require.False(t, terms().TimeToAnswer(now, edge))
	require.True(t, terms().TimeToAnswer(now, edge.Add(1)))
	require.False(t, free.TimeToAnswer(now, now.Add(2*time.Hour)))
	require.True(t, free.TimeToAnswer(now, now.Add(2*time.Hour+1)), "a free visit has no payment window")
	require.True(t, instantly.TimeToAnswer(now, now.Add(1)))
	require.False(t, instantly.TimeToAnswer(now, now))
}

func TestADeadlineThatFiredLateGivesAFreshGrace(t *testing.T) {
	t.Parallel()
	deadline := instant(t, "2026-03-10T12:00:00Z")
	for name, c := range map[string]struct{ late, want time.Duration }{
		"early":          {-time.Minute, 0},
		"on time":        {0, 0},
		"a little late":  {time.Minute, 0},
		"at the limit":   {5 * time.Minute, 0},
		"over the limit": {5*time.Minute + 1, 35*time.Minute + 1},
		"hours late":     {3 * time.Hour, 3*time.Hour + 30*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, deadline.Add(c.want), terms().Grace(deadline, deadline.Add(c.late)))
		})
	}
	own := terms()
	own.LateAfter, own.FreshGrace = domain.Duration(time.Second), domain.Duration(time.Minute)
	require.Equal(t, deadline, own.Grace(deadline, deadline.Add(time.Second)))
	require.Equal(t, deadline.Add(62*time.Second), own.Grace(deadline, deadline.Add(2*time.Second)), "terms may say otherwise")
	require.Equal(t, deadline.Add(30*time.Minute), terms().VisitOver(deadline))
}

func TestAReminderIsDecidedWhenItFires(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-03-10T12:00:00Z") // reminders at 48, 24 and 2 h
	for name, c := range map[string]struct {
		index int
		left  time.Duration
		want  domain.ReminderDecision
	}{
		"in time":                        {0, 48 * time.Hour, domain.ReminderSend},
		"late, the next one far":         {0, 24*time.Hour + 1, domain.ReminderSend},
		"the next one is due":            {0, 24 * time.Hour, domain.ReminderSkipped},
		"two later ones are due":         {0, time.Hour, domain.ReminderSkipped},
		"the last one, late":             {2, 1, domain.ReminderSend},
		"the last one at the start":      {2, 0, domain.ReminderSkippedGo},
		"the first one after the start":  {0, -time.Hour, domain.ReminderSkippedGo},
		"the middle one in three hours":  {1, 3 * time.Hour, domain.ReminderSend},
		"the middle one in two hours":    {1, 2 * time.Hour, domain.ReminderSkipped},
		"an outage over the middle one ": {1, 21 * time.Hour, domain.ReminderSend},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, terms().DecideReminder(c.index, start.Add(-c.left), start))
		})
	}
}

func TestAVisitBookedAtShortNoticeHasTheShorterRemindersOnly(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-03-10T12:00:00Z")
	for name, c := range map[string]struct {
		left time.Duration
		want int
	}{
		"a week ahead":        {7 * 24 * time.Hour, 0},
		"just over two days":  {48*time.Hour + 1, 0},
		"exactly two days":    {48 * time.Hour, 1},
		"a day and a half":    {36 * time.Hour, 1},
		"three hours":         {3 * time.Hour, 2},
		"thirty minutes":      {30 * time.Minute, 3},
		"after it has begun":  {-time.Minute, 3},
		"exactly two hours ":  {2 * time.Hour, 3},
		"two hours and a bit": {2*time.Hour + 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, terms().FirstReminder(start.Add(-c.left), start))
		})
	}
}
