package domain_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/careflow/careflow/internal/domain"
)

var zones = []string{
	"UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Havana", "America/Santiago", "America/Asuncion",
	"America/Nuuk", "America/St_Johns", "Atlantic/Azores", "Africa/Casablanca", "Africa/Cairo", "Asia/Beirut", "Asia/Amman",
	"Asia/Gaza", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham",
	"Pacific/Kiritimati", "Antarctica/Troll",
}

// search is one slot search with everything it depends on.
type search struct {
	schedule domain.Schedule
	rules    domain.SlotRules
	terms    domain.Terms
	busy     []domain.Window
	span     domain.Window
	now      time.Time
}

// drawSearch draws a search of two days around a clock change of a zone, if it has any.
func drawSearch(t *rapid.T) search {
	s := search{schedule: domain.Schedule{Zone: rapid.SampledFrom(zones).Draw(t, "zone")}, terms: domain.DefaultTerms()}
	loc, err := time.LoadLocation(s.schedule.Zone)
	require.NoError(t, err)
	at := time.Unix(rapid.Int64Range(1_200_000_000, 1_900_000_000).Draw(t, "around"), 0).In(loc)
	if change, _ := at.ZoneBounds(); !change.IsZero() {
		at = change
	}
	at = at.UTC().Truncate(time.Minute)
	s.span.Start = at.Add(time.Duration(-rapid.IntRange(0, 30*60).Draw(t, "before")) * time.Minute)
	s.span.End = s.span.Start.Add(time.Duration(rapid.IntRange(0, 48*60).Draw(t, "length")) * time.Minute)
	s.now = s.span.Start.Add(time.Duration(rapid.IntRange(-50*60, 600).Draw(t, "now")) * time.Minute)
	for weekday := range time.Saturday + 1 {
		for range rapid.IntRange(0, 2).Draw(t, "stretches") {
			from := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 24*12-1)).Draw(t, "from") * 5
			s.schedule.Hours = append(s.schedule.Hours, domain.LocalHours{
				Weekday: weekday, Start: from, End: rapid.OneOf(rapid.Just(24*12), rapid.IntRange(from/5+1, 24*12)).Draw(t, "to") * 5,
			})
		}
	}
	window := func(name string) domain.Window {
		start := s.span.Start.Add(time.Duration(rapid.IntRange(-200, 48*60).Draw(t, name)) * time.Minute)
		return domain.Window{Start: start, End: start.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, name+" length")) * time.Minute)}
	}
	for range rapid.IntRange(0, 3).Draw(t, "off") {
		s.schedule.TimeOff = append(s.schedule.TimeOff, window("time off"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "visits") {
		s.busy = append(s.busy, window("busy"))
	}
	s.rules = domain.SlotRules{
		Duration:      minutes(rapid.IntRange(1, 24).Draw(t, "duration") * 5),
		Step:          minutes(rapid.IntRange(1, 12).Draw(t, "step") * 5),
		MinimumNotice: minutes(rapid.SampledFrom([]int{0, 60, 1440}).Draw(t, "notice")),
		BookingWindow: minutes(rapid.SampledFrom([]int{0, 1440, 6000}).Draw(t, "window")),
	}
	s.terms.BufferBefore = minutes(rapid.SampledFrom([]int{0, 5, 20}).Draw(t, "buffer before"))
	s.terms.BufferAfter = minutes(rapid.SampledFrom([]int{0, 5, 20}).Draw(t, "buffer after"))
	s.terms.InstantConfirm = rapid.Bool().Draw(t, "instant")
	s.terms.Price = domain.Money{Minor: rapid.SampledFrom([]int64{0, 8000}).Draw(t, "price"), Currency: "EUR"}
	return s
}

// wall is what a clock shows, to the minute.
func wall(t time.Time) string { return t.Format("2006-01-02 15:04") }

// expected walks every minute of the span with a clock in its hand.
func (s search) expected(loc *time.Location) []time.Time {
	var list []time.Time
	shown := map[string]bool{} // what the clock showed before
	for at := s.span.Start.Add(-26 * time.Hour); at.Before(s.span.End); at = at.Add(time.Minute) {
		local := at.In(loc)
		again := shown[wall(local)]
		shown[wall(local)] = true
		if !again && !at.Before(s.span.Start) && s.works(local) && s.free(at) {
			list = append(list, at)
		}
	}
	return list
}

// works reports whether a visit from a local time fits the grid and the hours of its day.
func (s search) works(local time.Time) bool {
	m := local.Hour()*60 + local.Minute()
	// The clock at the last instant, in minutes of the same day: it may have gone back.
	last := m + int(asUTC(local.Add(s.rules.Duration.Std()-time.Minute)).Sub(asUTC(local)).Minutes())
	step, length := int(s.rules.Step.Std().Minutes()), int(s.rules.Duration.Std().Minutes())
	return slices.ContainsFunc(s.schedule.Hours, func(h domain.LocalHours) bool {
		until := h.End
		if h.End == 24*60 {
			until += s.fromMidnight((h.Weekday + 1) % 7)
		}
		return h.Weekday == local.Weekday() && m >= h.Start && m < h.End && (m-h.Start)%step == 0 && m+length <= until && last < until
	})
}

// fromMidnight is how many minutes the doctor works from the midnight that a day begins with.
func (s search) fromMidnight(day time.Weekday) int {
	most := 0
	for _, h := range s.schedule.Hours {
		if h.Weekday == day && h.Start == 0 {
			most = max(most, h.End)
		}
	}
	return most
}

// asUTC is what the clock shows, read as if it were in UTC: it counts what clocks count.
func asUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}

func (s search) free(start time.Time) bool {
	visit := domain.Window{Start: start, End: start.Add(s.rules.Duration.Std())}
	padded := s.terms.Occupied(visit)
	notice := start.Sub(s.now)
	answer := s.terms.AnswerCutoff.Std()
	if s.terms.Price.Minor > 0 {
		answer += s.terms.PaymentWindow.Std()
	}
	return notice > 0 && notice >= s.rules.MinimumNotice.Std() &&
		(s.rules.BookingWindow == 0 || notice <= s.rules.BookingWindow.Std()) &&
		(s.terms.InstantConfirm || notice > answer) &&
		!slices.ContainsFunc(s.schedule.TimeOff, visit.Overlaps) && !slices.ContainsFunc(s.busy, padded.Overlaps)
}

func TestSlotsAreWhatAClockOnTheWallWouldSay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSearch(t)
		loc, err := time.LoadLocation(s.schedule.Zone)
		require.NoError(t, err)
		slots, err := domain.Slots(s.schedule, s.rules, s.terms, s.busy, s.span, s.now)
		require.NoError(t, err)
		var got []time.Time
		for _, slot := range slots {
			got = append(got, slot.Start)
		}
		require.Equal(t, s.expected(loc), got)
	})
}

func TestEverySlotKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSearch(t)
		slots, err := domain.Slots(s.schedule, s.rules, s.terms, s.busy, s.span, s.now)
		require.NoError(t, err)
		for i, slot := range slots {
			require.Equal(t, s.rules.Duration.Std(), slot.End.Sub(slot.Start))
			require.Equal(t, time.UTC, slot.Start.Location())
			require.True(t, i == 0 || slots[i-1].Start.Before(slot.Start), "sorted and unique")
			for _, b := range s.busy {
				require.False(t, b.Overlaps(s.terms.Occupied(slot.Window)))
			}
			local, err := time.Parse(time.RFC3339, slot.Local)
			require.NoError(t, err)
			require.True(t, local.Equal(slot.Start), "the promised local time is the instant")
			again, err := domain.LocalStart(slot.Start, slot.Zone)
			require.NoError(t, err)
			require.Equal(t, slot.Local, again)
			at, err := domain.SlotAt(s.schedule, s.rules, s.terms, slot.Start, s.now)
			require.NoError(t, err)
			require.Equal(t, slot, at)
		}
	})
}

func TestABookingIsAcceptedExactlyWhereASlotIsListed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSearch(t)
		s.busy = nil // a booking leaves other visits to the database
		slots, err := domain.Slots(s.schedule, s.rules, s.terms, nil, s.span, s.now)
		require.NoError(t, err)
		if s.span.End.Equal(s.span.Start) {
			return
		}
		length := int64(s.span.End.Sub(s.span.Start) / time.Minute)
		start := s.span.Start.Add(time.Duration(rapid.Int64Range(0, length-1).Draw(t, "minute")) * time.Minute)
		_, err = domain.SlotAt(s.schedule, s.rules, s.terms, start, s.now)
		listed := slices.ContainsFunc(slots, func(slot domain.Slot) bool { return slot.Start.Equal(start) })
		require.Equal(t, listed, err == nil, "%v", start)
	})
}
