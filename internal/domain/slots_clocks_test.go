package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// dayOf lists the slots that one local stretch offers on one day, long before it.
func dayOf(t *testing.T, zoneName, day string, from, to int, length, step domain.Duration) []domain.Slot {
	t.Helper()
	loc := zone(t, zoneName)
	noon, err := time.ParseInLocation("2006-01-02 15:04", day+" 12:00", loc)
	require.NoError(t, err)
	s := domain.Schedule{Zone: zoneName, Hours: []domain.LocalHours{{Weekday: noon.Weekday(), Start: from, End: to}}}
	x := terms()
	x.InstantConfirm = true
	r := domain.SlotRules{Duration: length, Step: step}
	span := domain.Window{Start: noon.Add(-36 * time.Hour), End: noon.Add(36 * time.Hour)}
	slots, err := domain.Slots(s, r, x, nil, span, noon.Add(-100*time.Hour))
	require.NoError(t, err)
	for _, slot := range slots { // a booking of each is accepted
		at, err := domain.SlotAt(s, r, x, slot.Start, noon.Add(-100*time.Hour))
		require.NoError(t, err, slot.Local)
		require.Equal(t, slot, at)
	}
	return slots
}

func TestADoctorInNewYorkKeepsLocalHoursOnBothClockChanges(t *testing.T) {
	t.Parallel()
	for day, c := range map[string]struct{ first, last, firstLocal string }{
		"2026-03-07": {"2026-03-07T18:00:00Z", "2026-03-07T22:30:00Z", "2026-03-07T13:00:00-05:00"},
		"2026-03-08": {"2026-03-08T17:00:00Z", "2026-03-08T21:30:00Z", "2026-03-08T13:00:00-04:00"},
		"2026-10-31": {"2026-10-31T17:00:00Z", "2026-10-31T21:30:00Z", "2026-10-31T13:00:00-04:00"},
		"2026-11-01": {"2026-11-01T18:00:00Z", "2026-11-01T22:30:00Z", "2026-11-01T13:00:00-05:00"},
	} {
		t.Run(day, func(t *testing.T) {
			t.Parallel()
			slots := dayOf(t, "America/New_York", day, 13*60, 18*60, minutes(30), minutes(30))
			require.Len(t, slots, 10)
			require.Equal(t, instant(t, c.first), slots[0].Start)
			require.Equal(t, instant(t, c.last), slots[9].Start)
			require.Equal(t, c.firstLocal, slots[0].Local)
		})
	}
}

func TestATimeThatTheClockSkipsIsNotOffered(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"2026-03-08T01:00:00-05:00", "2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00",
	}, starts(dayOf(t, "America/New_York", "2026-03-08", 60, 4*60, minutes(30), minutes(30))))
}

func TestATimeThatComesTwiceIsOfferedOnceAtItsFirstOccurrence(t *testing.T) {
	t.Parallel()
	for zoneName, c := range map[string]struct {
		day  string
		want []string
	}{
		"America/New_York": {"2026-11-01", []string{
			"2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-01T02:00:00-05:00", "2026-11-01T02:30:00-05:00",
		}},
		"Europe/London": {"2026-10-25", []string{
			"2026-10-25T01:00:00+01:00", "2026-10-25T01:30:00+01:00", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z",
		}},
		"Australia/Sydney": {"2026-04-05", []string{
			"2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+11:00", "2026-04-05T02:00:00+11:00", "2026-04-05T02:30:00+11:00",
		}},
	} {
		t.Run(zoneName, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, starts(dayOf(t, zoneName, c.day, 60, 3*60, minutes(30), minutes(30))))
		})
	}
}

func TestLordHoweShiftsByHalfAnHour(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"2026-10-04T01:30:00+10:30", "2026-10-04T01:45:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00",
	}, starts(dayOf(t, "Australia/Lord_Howe", "2026-10-04", 90, 3*60, minutes(15), minutes(15))), "02:00 to 02:30 does not exist")
	require.Equal(t, []string{
		"2026-04-05T01:15:00+11:00", "2026-04-05T01:30:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-05T02:00:00+10:30",
	}, starts(dayOf(t, "Australia/Lord_Howe", "2026-04-05", 75, 2*60+15, minutes(15), minutes(15))), "01:30 to 02:00 comes twice")
}

func TestZonesThatChangeAtMidnight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone, day string
		from, to  int
		want      []string
	}{
		"Havana skips midnight":        {"America/Havana", "2026-03-08", 0, 90, []string{"2026-03-08T01:00:00-04:00"}},
		"Havana repeats midnight":      {"America/Havana", "2026-11-01", 0, 90, []string{"2026-11-01T00:00:00-04:00", "2026-11-01T00:30:00-04:00", "2026-11-01T01:00:00-05:00"}},
		"Beirut skips midnight":        {"Asia/Beirut", "2026-03-29", 0, 90, []string{"2026-03-29T01:00:00+03:00"}},
		"Beirut repeats the last hour": {"Asia/Beirut", "2026-10-24", 23 * 60, 24 * 60, []string{"2026-10-24T23:00:00+03:00", "2026-10-24T23:30:00+03:00"}},
		"Beirut after the repetition":  {"Asia/Beirut", "2026-10-25", 0, 60, []string{"2026-10-25T00:00:00+02:00", "2026-10-25T00:30:00+02:00"}},
		"Amman repeated midnight":      {"Asia/Amman", "2021-10-29", 0, 60, []string{"2021-10-29T00:00:00+03:00", "2021-10-29T00:30:00+03:00"}},
		"hours to a skipped midnight":  {"Asia/Beirut", "2026-03-28", 23 * 60, 24 * 60, []string{"2026-03-28T23:00:00+02:00", "2026-03-28T23:30:00+02:00"}},
		"hours to a skipped midnight in the west": {
			"America/Havana", "2026-03-07", 23 * 60, 24 * 60, []string{"2026-03-07T23:00:00-05:00", "2026-03-07T23:30:00-05:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, starts(dayOf(t, c.zone, c.day, c.from, c.to, minutes(30), minutes(30))))
		})
	}
}

func TestASlotInARepeatedMidnightCanBeFoundByItself(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{Zone: "Asia/Amman", Hours: []domain.LocalHours{{Weekday: time.Friday, Start: 0, End: 60}}}
	x := terms()
	x.InstantConfirm = true
	start := instant(t, "2021-10-29T00:00:00+03:00")
	slot, err := domain.SlotAt(s, domain.SlotRules{Duration: minutes(30), Step: minutes(30)}, x, start, start.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, start, slot.Start)
}

func TestAVisitAcrossAClockChangeKeepsItsLengthAndItsHours(t *testing.T) {
	t.Parallel()
	// Forward: 01:30 plus an hour is 03:30 on the clock.
	slots := dayOf(t, "America/New_York", "2026-03-08", 60, 3*60+30, minutes(60), minutes(30))
	require.Equal(t, []string{"2026-03-08T01:00:00-05:00", "2026-03-08T01:30:00-05:00"}, starts(slots))
	require.Equal(t, instant(t, "2026-03-08T03:30:00-04:00"), slots[1].End)
	// With hours that end at 03:15 the second one would end too late.
	require.Equal(t, []string{"2026-03-08T01:00:00-05:00"},
		starts(dayOf(t, "America/New_York", "2026-03-08", 60, 3*60+15, minutes(60), minutes(30))))
	// Back: an hour from the first 01:30 ends at the second 01:30.
	slots = dayOf(t, "America/New_York", "2026-11-01", 60, 3*60, minutes(60), minutes(30))
	require.Equal(t, instant(t, "2026-11-01T01:30:00-05:00"), slots[1].End)
	for _, slot := range slots {
		require.Equal(t, time.Hour, slot.End.Sub(slot.Start))
	}
}

func TestHoursThatEndInASkippedTimeEndAtTheClockChange(t *testing.T) {
	t.Parallel()
	// West and east of Greenwich: a time that does not exist is read differently there.
	require.Equal(t, []string{"2026-03-08T01:00:00-05:00", "2026-03-08T01:30:00-05:00"},
		starts(dayOf(t, "America/New_York", "2026-03-08", 60, 2*60+30, minutes(30), minutes(30))))
	require.Equal(t, []string{"2026-03-29T01:00:00+01:00", "2026-03-29T01:30:00+01:00"},
		starts(dayOf(t, "Europe/Berlin", "2026-03-29", 60, 2*60+30, minutes(30), minutes(30))))
	require.Equal(t, []string{"2026-03-29T01:00:00+01:00"},
		starts(dayOf(t, "Europe/Berlin", "2026-03-29", 60, 2*60+30, minutes(60), minutes(30))), "03:30 would be an hour past the end")
}

func TestADayThatAZoneSkippedHasNoSlots(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{Zone: "Pacific/Apia", Hours: []domain.LocalHours{{Weekday: time.Friday, Start: 9 * 60, End: 10 * 60}, {Weekday: time.Saturday, Start: 9 * 60, End: 10 * 60}}}
	x := terms()
	x.InstantConfirm = true
	span := domain.Window{Start: instant(t, "2011-12-28T00:00:00Z"), End: instant(t, "2012-01-02T00:00:00Z")}
	slots, err := domain.Slots(s, domain.SlotRules{Duration: minutes(60), Step: minutes(60)}, x, nil, span, span.Start)
	require.NoError(t, err)
	require.Equal(t, []string{"2011-12-31T09:00:00+14:00"}, starts(slots))
}

func TestTheLocalStartIsTheClockOfItsZone(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-03-08T17:00:00Z")
	for zoneName, want := range map[string]string{
		"America/New_York": "2026-03-08T13:00:00-04:00", "Asia/Kolkata": "2026-03-08T22:30:00+05:30", "UTC": "2026-03-08T17:00:00Z",
	} {
		got, err := domain.LocalStart(at, zoneName)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := domain.LocalStart(at, "Mars/Olympus")
	require.Equal(t, domain.CodeInvalidTimeZone, domain.CodeOf(err))
}
