package letters

import "time"

// Times in words, as letters write them, for pages that say the same.

// When is from start to end in zone, such as "Monday, 2 March 2026, 10:00–10:30 CET
// (UTC+01:00)", in the language of a BCP 47 tag.
func When(locale string, start, end time.Time, zone *time.Location) string {
	return wordsOf(locale).span(start.In(zone), end.In(zone))
}

// Moment is a point in time in zone; empty for the zero time.
func Moment(locale string, t time.Time, zone *time.Location) string {
	return wordsOf(locale).moment(t, zone)
}

// Day is a day of zone, such as "Monday, 2 March 2026".
func Day(locale string, t time.Time, zone *time.Location) string {
	return wordsOf(locale).weekday(t.In(zone))
}

// Differ reports whether clocks in the two zones show different times at t.
func Differ(t time.Time, a, b *time.Location) bool { return differ(t, a, b) }
