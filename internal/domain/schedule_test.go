package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// half lists the slots of half an hour that a schedule offers within a span.
func half(t *testing.T, s domain.Schedule, from, to string) []string {
	t.Helper()
	x := terms()
	x.InstantConfirm = true
	span := domain.Window{Start: instant(t, from), End: instant(t, to)}
	slots, err := domain.Slots(s, domain.SlotRules{Duration: minutes(30), Step: minutes(30)}, x, nil, span, span.Start.Add(-time.Hour))
	require.NoError(t, err)
	for _, slot := range slots {
		covered, err := s.Covers(slot.Window)
		require.NoError(t, err)
		require.True(t, covered, "what is offered is covered: %s", slot.Local)
	}
	return starts(slots)
}

func TestADateOverrideReplacesTheWeeklyHoursOfItsDay(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{Zone: "Europe/Berlin", Hours: []domain.LocalHours{
		{Weekday: time.Monday, Start: 9 * 60, End: 10 * 60}, {Weekday: time.Tuesday, Start: 9 * 60, End: 10 * 60},
	}}
	monday := func() []string { return half(t, s, "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z") }
	require.Equal(t, []string{"2026-03-02T09:00:00+01:00", "2026-03-02T09:30:00+01:00"}, monday())

	s.Overrides = []domain.DayOverride{{Date: "2026-03-02", Hours: []domain.Stretch{{Start: 14 * 60, End: 14*60 + 30}, {Start: 20 * 60, End: 20*60 + 30}}}}
	require.Equal(t, []string{"2026-03-02T14:00:00+01:00", "2026-03-02T20:00:00+01:00"}, monday())

	s.Overrides[0].Hours = nil
	require.Empty(t, monday(), "a day without hours is a day off")
	require.Equal(t, []string{"2026-03-03T09:00:00+01:00", "2026-03-03T09:30:00+01:00"},
		half(t, s, "2026-03-02T23:00:00Z", "2026-03-03T23:00:00Z"), "the day after is as it was")

	s.Hours = nil
	s.Overrides[0].Hours = []domain.Stretch{{Start: 23*60 + 30, End: 24 * 60}}
	require.Equal(t, []string{"2026-03-02T23:30:00+01:00"}, monday(), "a day may have hours that its weekday does not")
}

func TestAVisitMayLastBeyondMidnightWhereTheNextDayGoesOn(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{Zone: "Europe/Berlin", Hours: []domain.LocalHours{
		{Weekday: time.Monday, Start: 22*60 + 45, End: 24 * 60}, {Weekday: time.Tuesday, Start: 0, End: 45},
	}}
	night := func() []string { return half(t, s, "2026-03-02T12:00:00Z", "2026-03-03T12:00:00Z") }
	require.Equal(t, []string{
		"2026-03-02T22:45:00+01:00", "2026-03-02T23:15:00+01:00", "2026-03-02T23:45:00+01:00", "2026-03-03T00:00:00+01:00",
	}, night(), "each day has its own grid")

	s.Hours[1].End = 10
	require.Equal(t, []string{"2026-03-02T22:45:00+01:00", "2026-03-02T23:15:00+01:00"}, night(), "no longer than the next day's hours")

	s.Hours[1] = domain.LocalHours{Weekday: time.Tuesday, Start: 5, End: 60}
	require.Equal(t, []string{"2026-03-02T22:45:00+01:00", "2026-03-02T23:15:00+01:00", "2026-03-03T00:05:00+01:00"}, night(), "not over a break")

	s.Hours[1].Start, s.Overrides = 0, []domain.DayOverride{{Date: "2026-03-03"}}
	require.Equal(t, []string{"2026-03-02T22:45:00+01:00", "2026-03-02T23:15:00+01:00"}, night(), "not into a day off")
}

func TestADateOverrideOnADayOfAClockChangeKeepsLocalTime(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{Zone: "America/New_York", Overrides: []domain.DayOverride{
		{Date: "2026-03-08", Hours: []domain.Stretch{{Start: 60, End: 4 * 60}}}, // 02:00 to 03:00 does not exist
		{Date: "2026-11-01", Hours: []domain.Stretch{{Start: 60, End: 2 * 60}}}, // 01:00 to 02:00 comes twice
	}}
	require.Equal(t, []string{
		"2026-03-08T01:00:00-05:00", "2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00",
	}, half(t, s, "2026-03-08T00:00:00Z", "2026-03-09T12:00:00Z"))
	require.Equal(t, []string{"2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00"},
		half(t, s, "2026-11-01T00:00:00Z", "2026-11-02T12:00:00Z"))

	s = domain.Schedule{Zone: "Australia/Lord_Howe", Overrides: []domain.DayOverride{{Date: "2026-10-04", Hours: []domain.Stretch{{Start: 90, End: 3 * 60}}}}}
	require.Equal(t, []string{"2026-10-04T01:30:00+10:30", "2026-10-04T02:30:00+11:00"},
		half(t, s, "2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z"), "half an hour is skipped")
}

func TestTheDayOfAnOverrideIsTheDoctorsDay(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{Zone: "Pacific/Kiritimati", Overrides: []domain.DayOverride{{Date: "2026-03-02", Hours: []domain.Stretch{{Start: 0, End: 30}}}}}
	require.Equal(t, []string{"2026-03-02T00:00:00+14:00"}, half(t, s, "2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z"))
	date, err := s.LocalDate(instant(t, "2026-03-01T10:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, "2026-03-02", date)
}

func TestAVisitIsCoveredOrNot(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{
		Zone:      "America/New_York",
		Hours:     []domain.LocalHours{{Weekday: time.Sunday, Start: 150, End: 6 * 60}, {Weekday: time.Monday, Start: 9 * 60, End: 24 * 60}},
		Overrides: []domain.DayOverride{{Date: "2026-03-16"}},
		TimeOff:   []domain.Window{{Start: instant(t, "2026-03-09T20:00:00Z"), End: instant(t, "2026-03-09T21:00:00Z")}},
	}
	for name, c := range map[string]struct {
		from, to string
		want     bool
	}{
		"within":                      {"2026-03-09T09:00:00-04:00", "2026-03-09T09:30:00-04:00", true},
		"to midnight":                 {"2026-03-09T23:30:00-04:00", "2026-03-10T00:00:00-04:00", true},
		"too early":                   {"2026-03-09T08:59:00-04:00", "2026-03-09T09:30:00-04:00", false},
		"too long":                    {"2026-03-09T23:45:00-04:00", "2026-03-10T00:15:00-04:00", false},
		"another weekday":             {"2026-03-10T09:00:00-04:00", "2026-03-10T09:30:00-04:00", false},
		"time off":                    {"2026-03-09T16:30:00-04:00", "2026-03-09T17:30:00-04:00", false},
		"beside time off":             {"2026-03-09T17:00:00-04:00", "2026-03-09T17:30:00-04:00", true},
		"a day that is closed":        {"2026-03-16T09:00:00-04:00", "2026-03-16T09:30:00-04:00", false},
		"hours that start in a gap":   {"2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00", true},
		"before a gap in the hours":   {"2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00", false},
		"the second of two half twos": {"2026-11-01T02:30:00-05:00", "2026-11-01T03:00:00-05:00", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := s.Covers(domain.Window{Start: instant(t, c.from), End: instant(t, c.to)})
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAScheduleWithoutAZoneKnowsNoDays(t *testing.T) {
	t.Parallel()
	s := domain.Schedule{Zone: "Mars/Olympus"}
	_, err := s.Covers(domain.Window{})
	require.Equal(t, domain.CodeInvalidTimeZone, domain.CodeOf(err))
	_, err = s.LocalDate(time.Time{})
	require.Equal(t, domain.CodeInvalidTimeZone, domain.CodeOf(err))
}

func TestEditsThatContradictThemselves(t *testing.T) {
	t.Parallel()
	week := func(hours ...domain.LocalHours) domain.TimetableEdit { return domain.TimetableEdit{Hours: &hours} }
	day := func(date string, hours ...domain.Stretch) domain.TimetableEdit {
		return domain.TimetableEdit{Override: &domain.DayOverride{Date: date, Hours: hours}}
	}
	off := func(length time.Duration) domain.TimetableEdit {
		start := instant(t, "2026-03-02T00:00:00Z")
		return domain.TimetableEdit{TimeOff: &domain.TimeOff{Window: domain.Window{Start: start, End: start.Add(length)}}}
	}
	for name, c := range map[string]struct {
		edit domain.TimetableEdit
		says string // "" for a valid one
	}{
		"an empty week":      {week(), ""},
		"touching":           {week(domain.LocalHours{Weekday: 1, Start: 720, End: 780}, domain.LocalHours{Weekday: 1, Start: 540, End: 720}), ""},
		"the whole day":      {week(domain.LocalHours{Weekday: 0, Start: 0, End: 1440}), ""},
		"the same elsewhere": {week(domain.LocalHours{Weekday: 1, Start: 540, End: 720}, domain.LocalHours{Weekday: 2, Start: 540, End: 720}), ""},
		"overlapping": {
			week(domain.LocalHours{Weekday: 1, Start: 700, End: 780}, domain.LocalHours{Weekday: 1, Start: 540, End: 720}),
			"Monday: the hours 09:00 to 12:00 and 11:40 to 13:00 overlap",
		},
		"twice":             {week(domain.LocalHours{Weekday: 1, Start: 540, End: 720}, domain.LocalHours{Weekday: 1, Start: 540, End: 720}), "overlap"},
		"backwards":         {week(domain.LocalHours{Weekday: 1, Start: 720, End: 540}), "Monday: the hours 12:00 to 09:00 do not end"},
		"empty hours":       {week(domain.LocalHours{Weekday: 1, Start: 720, End: 720}), "do not end"},
		"past midnight":     {week(domain.LocalHours{Weekday: 1, Start: 720, End: 1441}), "within the day"},
		"an eighth weekday": {week(domain.LocalHours{Weekday: 7, Start: 0, End: 1}), "one of the seven"},
		"a day off":         {day("2028-02-29"), ""},
		"no such day":       {day("2026-02-29"), "a day of the calendar"},
		"overlap on a day":  {day("2026-03-02", domain.Stretch{Start: 0, End: 60}, domain.Stretch{Start: 59, End: 80}), "the day: the hours 00:00 to 01:00 and 00:59 to 01:20 overlap"},
		"no day to remove":  {domain.TimetableEdit{RemoveOverride: "tomorrow"}, "a day of the calendar"},
		"an hour off":       {off(time.Hour), ""},
		"no time off":       {off(0), "ends after it starts"},
		"years off":         {off(3 * 366 * 24 * time.Hour), "two years"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.edit.Validate()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
		})
	}
}
