package domain

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Stretch is a part of one local day in minutes after midnight: half-open, End at most
// 1440.
type Stretch struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

func (s Stretch) String() string {
	return fmt.Sprintf("%02d:%02d to %02d:%02d", s.Start/60, s.Start%60, s.End/60, s.End%60)
}

// DayOverride replaces the weekly hours of one local day. Without hours the doctor is
// away on it.
type DayOverride struct {
	Date  string    `json:"date"` // 2006-01-02 in the doctor's zone
	Hours []Stretch `json:"hours"`
}

// TimeOff is a stretch of time in which the doctor sees nobody.
type TimeOff struct {
	ID string `json:"id"`
	Window
}

// MaxTimeOff is the longest time off that is taken in one piece; a longer one is
// probably a typing error in its year.
const MaxTimeOff = 2 * 366 * 24 * time.Hour

const minutesOfDay = 24 * 60

// Timetable is a doctor's schedule as it is edited. Version counts its edits, whatever
// part of it they change.
type Timetable struct {
	DoctorID  string
	Version   int
	Zone      string // IANA
	Hours     []LocalHours
	Overrides []DayOverride
	TimeOff   []TimeOff
}

// TimetableEdit changes one part of a timetable: exactly one field is set.
type TimetableEdit struct {
	Hours          *[]LocalHours // the whole week
	Override       *DayOverride
	RemoveOverride string   // a date
	TimeOff        *TimeOff // added
	RemoveTimeOff  string   // an ID
}

// TimetableChange is what came of an edit.
type TimetableChange struct {
	Version int
	// Affected are the live visits that lie outside the doctor's time since this edit,
	// oldest first: nothing happens to them by itself. No clinical text.
	Affected []Appointment
}

// Validate reports an edit that contradicts itself.
func (e TimetableEdit) Validate() error {
	switch {
	case e.Hours != nil:
		return validateWeek(*e.Hours)
	case e.Override != nil:
		if _, err := parseCivil(e.Override.Date); err != nil {
			return err
		}
		return validateDay("the day", e.Override.Hours)
	case e.TimeOff != nil:
		if !e.TimeOff.Start.Before(e.TimeOff.End) {
			return Errorf(CodeInvalid, "time off ends after it starts")
		}
		if e.TimeOff.End.Sub(e.TimeOff.Start) > MaxTimeOff {
			return Errorf(CodeInvalid, "time off is at most two years long: check its years, or deactivate the doctor")
		}
	case e.RemoveOverride != "":
		_, err := parseCivil(e.RemoveOverride)
		return err
	}
	return nil
}

func validateWeek(hours []LocalHours) error {
	days := map[time.Weekday][]Stretch{}
	for _, h := range hours {
		if h.Weekday < time.Sunday || h.Weekday > time.Saturday {
			return Errorf(CodeInvalid, "a weekday is one of the seven")
		}
		days[h.Weekday] = append(days[h.Weekday], Stretch{Start: h.Start, End: h.End})
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if err := validateDay(day.String(), days[day]); err != nil {
			return err
		}
	}
	return nil
}

// validateDay reports stretches that leave the day or overlap. Those that touch do not:
// a visit lies within one of them, so a border between two is a choice. Midnight alone is
// none, as no stretch can be written across it: see closing.
func validateDay(name string, stretches []Stretch) error {
	sorted := slices.SortedFunc(slices.Values(stretches), func(a, b Stretch) int { return cmp.Compare(a.Start, b.Start) })
	for i, s := range sorted {
		if s.Start < 0 || s.End > minutesOfDay || s.Start >= s.End {
			return Errorf(CodeInvalid, "%s: the hours %s do not end after they start, within the day", name, s)
		}
		if i > 0 && s.Start < sorted[i-1].End {
			return Errorf(CodeInvalid, "%s: the hours %s and %s overlap", name, sorted[i-1], s)
		}
	}
	return nil
}

func parseCivil(date string) (civil, error) {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return civil{}, Errorf(CodeInvalid, "a date is a day of the calendar such as 2026-03-02")
	}
	return civilDay(t), nil
}

// on returns the hours of a day: those of its override where there is one, else those of
// its weekday.
func (s Schedule) on(day civil) []Stretch {
	date := day.String()
	for _, o := range s.Overrides {
		if o.Date == date {
			return o.Hours
		}
	}
	var hours []Stretch
	for _, h := range s.Hours {
		if h.Weekday == day.weekday() {
			hours = append(hours, Stretch{Start: h.Start, End: h.End})
		}
	}
	return hours
}

// closing is when hours end: minute counts from the midnight that their day begins with, and
// is beyond 24:00 where the next day's hours go on from midnight.
type closing struct {
	minute int
	next   civil // the day that goes on, where minute is beyond 24:00
}

func (s Schedule) closing(day civil, hours Stretch) closing {
	c := closing{minute: hours.End}
	if hours.End < minutesOfDay {
		return c
	}
	next := day.next()
	for _, h := range s.on(next) {
		if h.Start == 0 && minutesOfDay+h.End > c.minute {
			c = closing{minute: minutesOfDay + h.End, next: next}
		}
	}
	return c
}

// after reports whether a visit that ends at end is over by then; day is that of the hours.
func (c closing) after(end time.Time, day clock) bool {
	if c.minute > minutesOfDay {
		return c.next.until(c.minute-minutesOfDay, end, day.loc)
	}
	return day.until(c.minute, end)
}

// LocalDate is the day on which an instant falls in the schedule's zone, as 2006-01-02.
func (s Schedule) LocalDate(t time.Time) (string, error) {
	loc, err := location(s.Zone)
	if err != nil {
		return "", Errorf(CodeInvalidTimeZone, "%q is not an IANA time zone", s.Zone).Because(err)
	}
	return civilDay(t.In(loc)).String(), nil
}

// Covers reports whether a visit lies within the doctor's hours and outside every time
// off, whatever step or notice it was booked under.
func (s Schedule) Covers(visit Window) (bool, error) {
	loc, err := location(s.Zone)
	if err != nil {
		return false, Errorf(CodeInvalidTimeZone, "%q is not an IANA time zone", s.Zone).Because(err)
	}
	if slices.ContainsFunc(s.TimeOff, visit.Overlaps) {
		return false, nil
	}
	start := visit.Start.In(loc)
	day, minute := civilDay(start), start.Hour()*60+start.Minute()
	return slices.ContainsFunc(s.on(day), func(h Stretch) bool {
		return minute >= h.Start && minute < h.End && s.closing(day, h).after(visit.End, day.in(loc))
	}), nil
}
