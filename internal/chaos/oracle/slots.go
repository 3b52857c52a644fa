package oracle

import (
	"net/http"
	"slices"
	"time"
)

// clockSlack is by how much the beginning of a hold is known: it is the instant the
// request came in, and its transaction may have waited for the end of another hold.
const clockSlack = 20 * time.Second

// hold is a stretch of real time over which a visit held a stretch of its doctor's and
// its patient's time.
type hold struct {
	v              *Visit
	from, until    time.Time // when it was held
	starts, finish time.Time // what was held
}

// starts are the times a visit had one after the other, and when it was moved to all but
// the first. known is false where clients do not know all of them.
func (c *court) starts(v *Visit) (starts, moved []time.Time, known bool) {
	for _, b := range c.j.Bookings {
		if b.AppointmentID == v.ID && b.Status == http.StatusCreated {
			starts = append(starts, b.StartsAt)
			break
		}
	}
	for _, e := range v.Events {
		if e.Kind == "rescheduled" {
			moved = append(moved, e.At)
		}
	}
	for _, cmd := range c.j.Commands {
		if cmd.AppointmentID == v.ID && cmd.Name == "reschedule" && cmd.Status == http.StatusOK {
			starts = append(starts, cmd.StartsAt)
		}
	}
	return starts, moved, len(starts) == len(moved)+1
}

// holds are the stretches of time a visit held: the one it was booked for, those it was
// moved to.
func (c *court) holds(v *Visit) []hold {
	until := time.Now()
	if e := v.ending(); e != nil {
		until = e.At
	}
	length := v.EndsAt.Sub(v.StartsAt)
	starts, moved, known := c.starts(v)
	if !known { // the row knows the last one
		from := v.CreatedAt
		if len(moved) > 0 {
			from = moved[len(moved)-1]
		}
		return []hold{{v, from, until, v.StartsAt, v.EndsAt}}
	}
	var held []hold
	from := v.CreatedAt
	for i, start := range starts {
		to := until
		if i < len(moved) {
			to = moved[i]
		}
		held = append(held, hold{v, from, to, start, start.Add(length)})
		from = to
	}
	return held
}

// slots: nobody's time was sold twice.
func (c *court) slots() {
	var all []hold
	for _, v := range c.w.Visits {
		all = append(all, c.holds(v)...)
	}
	slices.SortFunc(all, func(a, b hold) int { return a.starts.Compare(b.starts) })
	for i, a := range all {
		for _, b := range all[i+1:] {
			if !b.starts.Before(a.finish) {
				break // sorted, and all are of one length
			}
			together := earlier(a.until, b.until).Sub(later(a.from, b.from))
			if a.v.ID == b.v.ID || together <= clockSlack {
				continue
			}
			if a.v.DoctorID == b.v.DoctorID {
				c.find("slot_sold_twice", a.v.ID, "with %s: doctor %s at %s, for %s", b.v.ID, a.v.DoctorID, a.starts.Format(time.RFC3339), together.Round(time.Second))
			}
			if a.v.PatientID == b.v.PatientID {
				c.find("patient_in_two_places", a.v.ID, "with %s: patient %s at %s, for %s", b.v.ID, a.v.PatientID, a.starts.Format(time.RFC3339), together.Round(time.Second))
			}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
