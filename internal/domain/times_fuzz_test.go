package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// A zone comes from a client or a spreadsheet: it is one or it is refused, and a promised
// local time always names the instant it was made of.
func FuzzLocalStart(f *testing.F) {
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "UTC", "", "Local", "../etc/passwd", "Europe/Berlin\x00", "europe/berlin", "GMT+25"} {
		f.Add(int64(1_774_746_000), zone)
		f.Add(int64(-62_135_596_800), zone)
	}
	f.Fuzz(func(t *testing.T, seconds int64, zone string) {
		at := time.Unix(seconds%253_402_300_800, 0).UTC() // the years that RFC 3339 can write
		text, err := domain.LocalStart(at, zone)
		if err != nil {
			require.Equal(t, domain.CodeInvalidTimeZone, domain.CodeOf(err))
			return
		}
		if year := at.Year(); year < 1 || year > 9998 {
			return
		}
		back, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err, text)
		// Before there were zones, towns kept offsets of odd seconds that RFC 3339 rounds.
		require.LessOrEqual(t, back.Sub(at).Abs(), time.Minute, text)
	})
}

// Whatever hours and rules say, a slot lies within them, is free and comes once.
func FuzzSlots(f *testing.F) {
	f.Add("Europe/Berlin", 0, 540, 720, 30, 30, 0, int64(1_774_746_000))
	f.Add("Australia/Lord_Howe", 6, 0, 1440, 1, 1, 90, int64(1_775_316_600))
	f.Add("America/New_York", 0, 60, 240, 45, 15, 10, int64(1_772_960_400))
	f.Add("Local", -1, 1440, -5, 0, -1, 1<<30, int64(0))
	f.Fuzz(func(t *testing.T, zone string, weekday, start, end, duration, step, buffer int, from int64) {
		at := time.Unix(from%4_102_444_800, 0).UTC()
		span := domain.Window{Start: at, End: at.Add(3 * 24 * time.Hour)}
		terms := domain.DefaultTerms()
		terms.BufferAfter = domain.Duration(time.Duration(buffer%1440) * time.Minute)
		schedule := domain.Schedule{Zone: zone, Hours: []domain.LocalHours{{Weekday: time.Weekday(weekday), Start: start, End: end}}}
		rules := domain.SlotRules{Duration: domain.Duration(time.Duration(duration%1440) * time.Minute), Step: domain.Duration(time.Duration(step%1440) * time.Minute)}
		busy := []domain.Window{{Start: at.Add(time.Hour), End: at.Add(2 * time.Hour)}}
		slots, err := domain.Slots(schedule, rules, terms, busy, span, at)
		if err != nil {
			require.Contains(t, []domain.Code{domain.CodeInvalidTimeZone, domain.CodeInvalid}, domain.CodeOf(err))
			return
		}
		for i, s := range slots {
			require.Equal(t, rules.Duration.Std(), s.End.Sub(s.Start))
			require.False(t, s.Start.Before(span.Start) || !s.Start.Before(span.End))
			require.False(t, terms.Occupied(s.Window).Overlaps(busy[0]))
			if i > 0 {
				require.True(t, slots[i-1].Start.Before(s.Start), "in order, each once")
			}
		}
	})
}
