package domain

import (
	"slices"
	"time"
)

// Window is a half-open stretch of time [Start, End), in UTC.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Overlaps reports whether two windows share an instant.
func (w Window) Overlaps(o Window) bool { return w.Start.Before(o.End) && o.Start.Before(w.End) }

// LocalHours is a stretch of a weekday in the doctor's zone, in minutes after local
// midnight: half-open, End at most 1440.
type LocalHours struct {
	Weekday time.Weekday `json:"weekday"`
	Start   int          `json:"start"`
	End     int          `json:"end"`
}

// Schedule is when a doctor sees patients.
type Schedule struct {
	Zone  string       `json:"zone"` // IANA
	Hours []LocalHours `json:"hours"`
	// Overrides replace the weekly hours of single days.
	Overrides []DayOverride `json:"overrides,omitempty"`
	TimeOff   []Window      `json:"time_off"`
}

// SlotRules are the parts of an appointment type that say which slots exist.
type SlotRules struct {
	Duration      Duration `json:"duration"`
	Step          Duration `json:"step"`           // distance between slot starts
	MinimumNotice Duration `json:"minimum_notice"` // earliest start, counted from now
	BookingWindow Duration `json:"booking_window"` // latest start, counted from now
}

// Slot is one bookable time. Local repeats the start as the doctor's clock shows it.
type Slot struct {
	Window
	Local string // 2006-01-02T15:04:05-07:00
	Zone  string
}

// MaxSlotSpan is the longest span one search covers.
const MaxSlotSpan = 31 * 24 * time.Hour

// Slots lists the free slots that start within span, oldest first. busy holds the
// occupied windows of the doctor, each visit padded by its own buffers.
//
// Weekly hours, and the hours of single days that override them, are local times: what a
// forward clock change swallows is never offered, and a local hour that comes twice is
// offered at its first occurrence. A slot step counts local minutes from the start of the
// hours. A visit may last beyond midnight where the hours of the next day go on from there.
func Slots(s Schedule, r SlotRules, t Terms, busy []Window, span Window, now time.Time) ([]Slot, error) {
	loc, err := location(s.Zone)
	if err != nil {
		return nil, Errorf(CodeInvalidTimeZone, "%q is not an IANA time zone", s.Zone).Because(err)
	}
	if r.Duration <= 0 || r.Step <= 0 {
		return nil, Errorf(CodeInvalid, "an appointment type has a positive duration and slot step")
	}
	taken := newOccupation(busy)
	slots := make([]Slot, 0, 64)
	// By the calendar, a day beyond the span on both sides: a day's own midnight may be
	// skipped or come twice.
	last := civilDay(span.End.In(loc)).next()
	for day := civilDay(span.Start.In(loc).AddDate(0, 0, -1)); !last.before(day); day = day.next() {
		clock := day.in(loc)
		for _, hours := range s.on(day) {
			closing := s.closing(day, hours)
			for m := hours.Start; m < hours.End && m+r.minutes() <= closing.minute; m += max(1, int(r.Step.Std()/time.Minute)) {
				start, ok := clock.at(m)
				if !ok {
					continue
				}
				w := Window{Start: start, End: start.Add(r.Duration.Std())}
				if start.Before(span.Start) || !start.Before(span.End) || !closing.after(w.End, clock) {
					continue
				}
				if offered(w, s, r, t, now) && !taken.during(t.Occupied(w)) {
					slots = append(slots, Slot{Window: w, Local: clock.show(m, start), Zone: s.Zone})
				}
			}
		}
	}
	if !slices.IsSortedFunc(slots, byStart) { // hours come in any order
		slices.SortFunc(slots, byStart)
	}
	return slices.CompactFunc(slots, func(a, b Slot) bool { return a.Start.Equal(b.Start) }), nil
}

// SlotAt returns the slot that starts at start if it is offered, by the same rules
// that list slots: a booking is checked with what the search showed. Visits of other
// patients are not looked at here; the exclusion constraint settles those.
func SlotAt(s Schedule, r SlotRules, t Terms, start, now time.Time) (Slot, error) {
	span := Window{Start: start, End: start.Add(time.Nanosecond)}
	slots, err := Slots(s, r, t, nil, span, now)
	if err != nil {
		return Slot{}, err
	}
	if len(slots) == 0 {
		return Slot{}, Errorf(CodeSlotNotOffered, "this time is not offered: ask for the doctor's slots and choose one of them")
	}
	return slots[0], nil
}

// Occupied is what a visit takes of its doctor's time: the visit padded by its buffers.
func (t Terms) Occupied(visit Window) Window {
	return Window{Start: visit.Start.Add(-t.BufferBefore.Std()), End: visit.End.Add(t.BufferAfter.Std())}
}

func (r SlotRules) minutes() int { return int(r.Duration.Std() / time.Minute) }

func byStart(a, b Slot) int { return a.Start.Compare(b.Start) }

// occupation is a doctor's occupied windows, by their start.
type occupation struct {
	windows []Window
	ends    []time.Time // the latest end of each window and those before it
}

func newOccupation(busy []Window) occupation {
	o := occupation{windows: slices.SortedFunc(slices.Values(busy), func(a, b Window) int { return a.Start.Compare(b.Start) })}
	o.ends = make([]time.Time, len(o.windows))
	for i, w := range o.windows {
		o.ends[i] = w.End
		if i > 0 && o.ends[i-1].After(w.End) {
			o.ends[i] = o.ends[i-1]
		}
	}
	return o
}

// during reports whether any window overlaps w.
func (o occupation) during(w Window) bool {
	// All windows before this one are over by then.
	first, _ := slices.BinarySearchFunc(o.ends, w.Start, func(end, start time.Time) int {
		if end.After(start) {
			return 1
		}
		return -1
	})
	for _, b := range o.windows[first:] {
		if !b.Start.Before(w.End) {
			return false
		}
		if b.Overlaps(w) {
			return true
		}
	}
	return false
}

func offered(w Window, s Schedule, r SlotRules, t Terms, now time.Time) bool {
	if w.Start.Before(now.Add(r.MinimumNotice.Std())) || !w.Start.After(now) {
		return false
	}
	if r.BookingWindow > 0 && w.Start.After(now.Add(r.BookingWindow.Std())) {
		return false
	}
	if !t.TimeToAnswer(now, w.Start) {
		return false
	}
	return !slices.ContainsFunc(s.TimeOff, w.Overlaps)
}
