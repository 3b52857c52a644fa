package letters

import (
	"fmt"
	"time"

	ical "github.com/arran4/golang-ical"
)

// Local times in a calendar entry are written with their zone and the zone's rules beside
// them (RFC 5545, 3.6.5), from the same zone data that the visit was booked by: a calendar
// that knows other rules still shows the right instant.

// nearby is how far around a visit changes of its zone are told.
const nearby = 35 * 24 * time.Hour

// localTime is the form of a date with local time (RFC 5545, 3.3.5).
const localTime = "20060102T150405"

// setInstant writes t as local time of zone, or as UTC where its clock shows that time
// twice and t is the second: a local time means the first (RFC 5545, 3.3.5).
func setInstant(event *ical.VEvent, property ical.ComponentProperty, t time.Time, zone *time.Location) {
	if zone == time.UTC || repeated(t.In(zone)) {
		event.SetProperty(property, t.UTC().Format(localTime+"Z"))
		return
	}
	event.SetProperty(property, t.In(zone).Format(localTime), ical.WithTZID(zone.String()))
}

// repeated reports whether the clock showed the same time once before, because it was put
// back in between.
func repeated(t time.Time) bool {
	since, _ := t.ZoneBounds()
	if since.IsZero() {
		return false
	}
	_, before := since.Add(-time.Second).In(t.Location()).Zone()
	_, now := t.Zone()
	return t.Sub(since) < time.Duration(before-now)*time.Second
}

// defineZone adds the VTIMEZONE that a visit needs: what holds at its start, and every
// change that is near.
func defineZone(cal *ical.Calendar, zone *time.Location, start, end time.Time) {
	if zone == time.UTC {
		return
	}
	definition := cal.AddTimezone(zone.String())
	t := start.Add(-nearby).In(zone)
	for {
		since, until := t.ZoneBounds()
		definition.Components = append(definition.Components, observance(t, since))
		if until.IsZero() || until.After(end.Add(nearby)) {
			return
		}
		t = until.In(zone)
	}
}

// observance is what holds in the zone at t, from since on; the zero since is ever.
func observance(t, since time.Time) ical.Component {
	name, to := t.Zone()
	from, onset := to, "19700101T000000"
	if !since.IsZero() {
		_, from = since.Add(-time.Second).In(t.Location()).Zone()
		// Onsets are told by the clock that was right until then.
		onset = since.In(time.FixedZone("", from)).Format(localTime)
	}
	base := ical.ComponentBase{}
	base.SetProperty(ical.ComponentPropertyDtStart, onset)
	base.SetProperty("TZOFFSETFROM", offset(from))
	base.SetProperty("TZOFFSETTO", offset(to))
	base.SetProperty("TZNAME", name)
	if t.IsDST() {
		return &ical.Daylight{ComponentBase: base}
	}
	return &ical.Standard{ComponentBase: base}
}

// offset writes seconds east of UTC (RFC 5545, 3.3.14).
func offset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	text := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
	if s := seconds % 60; s != 0 {
		text += fmt.Sprintf("%02d", s)
	}
	return text
}
