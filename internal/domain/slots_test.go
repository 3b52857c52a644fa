package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// tuesday is a doctor in UTC who works one stretch of Tuesdays, and the rules of a
// half-hour visit that confirms instantly, so that only what a test is about counts.
func tuesday(from, to int) (domain.Schedule, domain.SlotRules, domain.Terms) {
	s := domain.Schedule{Zone: "UTC", Hours: []domain.LocalHours{{Weekday: time.Tuesday, Start: from, End: to}}}
	x := terms()
	x.InstantConfirm = true
	return s, domain.SlotRules{Duration: minutes(30), Step: minutes(30)}, x
}

func week(t testing.TB) (span domain.Window, now time.Time) {
	t.Helper()
	now = instant(t, "2026-03-09T00:00:00Z") // a Monday
	return domain.Window{Start: now, End: now.Add(7 * 24 * time.Hour)}, now
}

// starts lists the starts as the doctor's clock shows them.
func starts(slots []domain.Slot) []string {
	list := []string{}
	for _, s := range slots {
		list = append(list, s.Local)
	}
	return list
}

func TestSlotsFillTheWeeklyHours(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 11*60)
	span, now := week(t)
	slots, err := domain.Slots(s, r, x, nil, span, now)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T09:00:00Z", "2026-03-10T09:30:00Z", "2026-03-10T10:00:00Z", "2026-03-10T10:30:00Z"}, starts(slots))
	require.Equal(t, instant(t, "2026-03-10T09:30:00Z"), slots[0].End)
	require.Equal(t, "UTC", slots[0].Zone)
}

func TestAVisitThatDoesNotFitBeforeTheEndIsNotOffered(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 10*60+15)
	r.Step = minutes(20)
	span, now := week(t)
	slots, err := domain.Slots(s, r, x, nil, span, now)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T09:00:00Z", "2026-03-10T09:20:00Z", "2026-03-10T09:40:00Z"}, starts(slots))
}

func TestOverlappingHoursOfferATimeOnce(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 10*60)
	s.Hours = append(s.Hours, domain.LocalHours{Weekday: time.Tuesday, Start: 9 * 60, End: 11 * 60})
	span, now := week(t)
	slots, err := domain.Slots(s, r, x, nil, span, now)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T09:00:00Z", "2026-03-10T09:30:00Z", "2026-03-10T10:00:00Z", "2026-03-10T10:30:00Z"}, starts(slots))
}

func TestHoursToMidnightOfferTheLastVisitOfTheDay(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(23*60, 24*60)
	span, now := week(t)
	slots, err := domain.Slots(s, r, x, nil, span, now)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T23:00:00Z", "2026-03-10T23:30:00Z"}, starts(slots))
}

func TestTheSpanIsHalfOpen(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 11*60)
	_, now := week(t)
	span := domain.Window{Start: instant(t, "2026-03-10T09:30:00Z"), End: instant(t, "2026-03-10T10:30:00Z")}
	slots, err := domain.Slots(s, r, x, nil, span, now)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T09:30:00Z", "2026-03-10T10:00:00Z"}, starts(slots))
}

func TestBuffersOfNeighboursAddUp(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 12*60)
	r.Step, x.BufferBefore, x.BufferAfter = minutes(5), minutes(5), minutes(10)
	span, now := week(t)
	// A visit from 10:00 to 10:30 under the same terms occupies 09:55 to 10:40.
	busy := []domain.Window{x.Occupied(domain.Window{Start: instant(t, "2026-03-10T10:00:00Z"), End: instant(t, "2026-03-10T10:30:00Z")})}
	slots, err := domain.Slots(s, r, x, busy, span, now)
	require.NoError(t, err)
	got := starts(slots)
	require.Equal(t, []string{"2026-03-10T09:00:00Z", "2026-03-10T09:05:00Z", "2026-03-10T09:10:00Z", "2026-03-10T09:15:00Z"}, got[:4],
		"the last one before ends at 09:45 and its buffer at 09:55")
	require.Equal(t, "2026-03-10T10:45:00Z", got[4], "the first one after starts when its own buffer fits behind the neighbour's")
}

func TestBusyTimesHideSlotsInWhateverOrderTheyCome(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 11*60)
	span, now := week(t)
	at := func(from, to string) domain.Window {
		return domain.Window{Start: instant(t, "2026-03-10T"+from+":00Z"), End: instant(t, "2026-03-10T"+to+":00Z")}
	}
	busy := []domain.Window{at("10:30", "11:00"), at("08:00", "09:30")}
	slots, err := domain.Slots(s, r, x, busy, span, now)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T09:30:00Z", "2026-03-10T10:00:00Z"}, starts(slots))
	require.Equal(t, at("10:30", "11:00"), busy[0], "the caller's list is left alone")
}

func TestTimeOffHidesEverythingItTouches(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 11*60)
	s.TimeOff = []domain.Window{{Start: instant(t, "2026-03-10T09:45:00Z"), End: instant(t, "2026-03-10T10:00:00Z")}}
	span, now := week(t)
	slots, err := domain.Slots(s, r, x, nil, span, now)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T09:00:00Z", "2026-03-10T10:00:00Z", "2026-03-10T10:30:00Z"}, starts(slots))
}

func TestNoticeWindowAndCutOffBoundWhatIsOffered(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-03-10T08:30:00Z")
	span := domain.Window{Start: now.Add(-24 * time.Hour), End: now.Add(15 * 24 * time.Hour)}
	for name, c := range map[string]struct {
		change      func(*domain.SlotRules, *domain.Terms)
		first, last string
	}{
		"nothing asked":               {func(*domain.SlotRules, *domain.Terms) {}, "2026-03-10T09:00:00Z", "2026-03-24T10:30:00Z"},
		"an hour's notice, inclusive": {func(r *domain.SlotRules, _ *domain.Terms) { r.MinimumNotice = hours(1) }, "2026-03-10T09:30:00Z", "2026-03-24T10:30:00Z"},
		"a notice of days":            {func(r *domain.SlotRules, _ *domain.Terms) { r.MinimumNotice = hours(48) }, "2026-03-17T09:00:00Z", "2026-03-24T10:30:00Z"},
		"a week's window, inclusive": {func(r *domain.SlotRules, _ *domain.Terms) {
			r.BookingWindow = hours(7*24) + minutes(60)
		}, "2026-03-10T09:00:00Z", "2026-03-17T09:30:00Z"},
		"time to answer": {func(_ *domain.SlotRules, x *domain.Terms) {
			x.InstantConfirm, x.AnswerCutoff = false, minutes(60)
		}, "2026-03-10T10:00:00Z", "2026-03-24T10:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r, x := tuesday(9*60, 11*60)
			c.change(&r, &x)
			slots, err := domain.Slots(s, r, x, nil, span, now)
			require.NoError(t, err)
			got := starts(slots)
			require.NotEmpty(t, got)
			require.Equal(t, c.first, got[0])
			require.Equal(t, c.last, got[len(got)-1])
		})
	}
}

func TestASlotThatStartsNowIsOver(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 10*60)
	span, _ := week(t)
	slots, err := domain.Slots(s, r, x, nil, span, instant(t, "2026-03-10T09:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-10T09:30:00Z"}, starts(slots))
}

func TestABookingIsCheckedByTheRuleThatListsSlots(t *testing.T) {
	t.Parallel()
	s, r, x := tuesday(9*60, 11*60)
	_, now := week(t)
	slot, err := domain.SlotAt(s, r, x, instant(t, "2026-03-10T10:00:00Z"), now)
	require.NoError(t, err)
	require.Equal(t, "2026-03-10T10:00:00Z", slot.Local)
	for _, start := range []string{
		"2026-03-10T10:00:01Z", "2026-03-10T09:59:59Z", "2026-03-10T10:15:00Z", "2026-03-10T11:00:00Z", "2026-03-11T10:00:00Z", "2026-03-03T10:00:00Z",
	} {
		_, err := domain.SlotAt(s, r, x, instant(t, start), now)
		require.Equal(t, domain.CodeSlotNotOffered, domain.CodeOf(err), start)
	}
	_, err = domain.SlotAt(s, r, x, instant(t, "2026-03-10T10:00:00Z").Add(1), now)
	require.Equal(t, domain.CodeSlotNotOffered, domain.CodeOf(err))
}

func TestASearchWithoutAZoneOrALengthIsRefused(t *testing.T) {
	t.Parallel()
	span, now := week(t)
	s, r, x := tuesday(9*60, 11*60)
	s.Zone = "Mars/Olympus"
	_, err := domain.Slots(s, r, x, nil, span, now)
	require.Equal(t, domain.CodeInvalidTimeZone, domain.CodeOf(err))
	s.Zone, r.Duration = "UTC", 0
	_, err = domain.Slots(s, r, x, nil, span, now)
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	r.Duration, r.Step = minutes(30), 0
	_, err = domain.Slots(s, r, x, nil, span, now)
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
}

func TestWindowsAreHalfOpen(t *testing.T) {
	t.Parallel()
	at := func(from, to int) domain.Window {
		return domain.Window{Start: time.Unix(int64(from), 0), End: time.Unix(int64(to), 0)}
	}
	require.False(t, at(0, 10).Overlaps(at(10, 20)))
	require.False(t, at(10, 20).Overlaps(at(0, 10)))
	require.True(t, at(0, 11).Overlaps(at(10, 20)))
	require.True(t, at(0, 30).Overlaps(at(10, 20)))
	require.True(t, at(12, 13).Overlaps(at(10, 20)))
}
