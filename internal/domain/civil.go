package domain

import (
	"cmp"
	"fmt"
	"time"
)

// civil is a calendar day without a zone.
type civil struct {
	year  int
	month time.Month
	day   int
}

func civilDay(t time.Time) civil {
	y, m, d := t.Date()
	return civil{y, m, d}
}

// String writes the day as 2006-01-02.
func (c civil) String() string { return fmt.Sprintf("%04d-%02d-%02d", c.year, c.month, c.day) }

func (c civil) next() civil {
	return civilDay(time.Date(c.year, c.month, c.day+1, 12, 0, 0, 0, time.UTC))
}

func (c civil) weekday() time.Weekday {
	return time.Date(c.year, c.month, c.day, 12, 0, 0, 0, time.UTC).Weekday()
}

func (c civil) before(o civil) bool {
	return cmp.Or(cmp.Compare(c.year, o.year), cmp.Compare(c.month, o.month), cmp.Compare(c.day, o.day)) < 0
}

// clock is a day as the clocks of a zone show it.
type clock struct {
	day civil
	loc *time.Location
	// midnight is set on a day that no clock change is near: every minute of it is then
	// simply so much later.
	midnight time.Time
	offset   string // of the zone on that day, as RFC 3339 writes it
}

func (c civil) in(loc *time.Location) clock {
	k := clock{day: c, loc: loc}
	midnight := time.Date(c.year, c.month, c.day, 0, 0, 0, 0, loc)
	from, to := midnight.ZoneBounds()
	if (from.IsZero() || from.Before(midnight.Add(-12*time.Hour))) && (to.IsZero() || to.After(midnight.Add(36*time.Hour))) {
		k.midnight, k.offset = midnight.UTC(), midnight.Format("Z07:00")
	}
	return k
}

// at is civil.at.
func (k clock) at(m int) (time.Time, bool) {
	if !k.midnight.IsZero() {
		return k.midnight.Add(time.Duration(m) * time.Minute), true
	}
	return k.day.at(m, k.loc)
}

// show writes minute m of the day, which is the instant at, as RFC 3339.
func (k clock) show(m int, at time.Time) string {
	if k.midnight.IsZero() {
		return at.In(k.loc).Format(time.RFC3339)
	}
	return string(append(k.appendTime(make([]byte, 0, len(time.RFC3339)), m), k.offset...))
}

func (k clock) appendTime(b []byte, m int) []byte {
	two := func(n int) { b = append(b, byte('0'+n/10%10), byte('0'+n%10)) }
	two(k.day.year / 100)
	two(k.day.year)
	b = append(b, '-')
	two(int(k.day.month))
	b = append(b, '-')
	two(k.day.day)
	b = append(b, 'T')
	two(m / 60)
	b = append(b, ':')
	two(m % 60)
	return append(b, ":00"...)
}

// until is civil.until.
func (k clock) until(m int, end time.Time) bool {
	if !k.midnight.IsZero() {
		return !end.After(k.midnight.Add(time.Duration(m) * time.Minute))
	}
	return k.day.until(m, end, k.loc)
}

// at returns the instant at which the local clock shows minute m of the day. It is
// not ok where a forward clock change swallows that minute. Of a minute that comes
// twice it is the first: time.Date may return either, so the earlier one is looked
// for through the offset that held before the change.
func (c civil) at(m int, loc *time.Location) (time.Time, bool) {
	wall := time.Date(c.year, c.month, c.day, 0, m, 0, 0, time.UTC)
	guess := time.Date(c.year, c.month, c.day, 0, m, 0, 0, loc)
	// The offsets in force half a day around the guess: a zone changes at most once then.
	_, before := guess.Add(-12 * time.Hour).Zone()
	_, after := guess.Add(12 * time.Hour).Zone()
	// The larger offset yields the earlier instant.
	for _, offset := range []int{max(before, after), min(before, after)} {
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, got := t.In(loc).Zone(); got == offset {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// until reports whether a visit that ends at end is over by minute m of the day, as
// instants: a clock change within the visit may move its local end past the hours.
func (c civil) until(m int, end time.Time, loc *time.Location) bool {
	limit, ok := c.at(m, loc)
	if !ok {
		// The end of the hours is swallowed: the clock change itself is the end. time.Date
		// may return an instant on either side of it, an hour or so away.
		_, limit = time.Date(c.year, c.month, c.day, 0, m, 0, 0, loc).Add(-12 * time.Hour).ZoneBounds()
	}
	return !end.After(limit)
}
