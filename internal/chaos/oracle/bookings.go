package oracle

import (
	"net/http"
	"slices"
)

// bookings: what was accepted exists, and what exists was asked for.
func (c *court) bookings() {
	asked := map[string]bool{}
	for _, b := range c.j.Bookings {
		switch b.Status {
		case http.StatusCreated:
			c.figures["bookings accepted"]++
			v := c.w.Visits[b.AppointmentID]
			if v == nil {
				c.find("accepted_booking_lost", b.AppointmentID, "booked by %s under key %s", b.Account, b.Key)
				continue
			}
			if asked[v.ID] {
				c.find("one_visit_for_two_bookings", v.ID, "also under key %s", b.Key)
			}
			asked[v.ID] = true
			if v.DoctorID != b.DoctorID || v.PatientID != b.PatientID {
				c.find("booking_differs", v.ID, "another doctor or patient than asked for under key %s", b.Key)
			}
		case 0:
			c.figures["bookings without an answer"]++
		default:
			c.figures["bookings refused: "+b.Code]++
		}
	}
	for id, v := range c.w.Visits {
		if asked[id] {
			continue
		}
		// Its client may not have had the answer before the run ended.
		if !slices.ContainsFunc(c.j.Bookings, func(b *Booking) bool {
			return b.Status == 0 && b.PatientID == v.PatientID && b.DoctorID == v.DoctorID
		}) {
			c.find("visit_nobody_booked", id, "patient %s with doctor %s: a booking was carried out twice, or refused and kept", v.PatientID, v.DoctorID)
		}
	}
}

// process: exactly one, and it agrees with the row.
func (c *court) process(v *Visit) {
	runs := c.w.Processes[v.ID]
	if len(runs) == 0 {
		c.find("no_process", v.ID, "the visit is %s", v.Status)
		return
	}
	if len(runs) > 1 {
		c.find("several_processes", v.ID, "%d runs", len(runs))
	}
	for _, p := range runs {
		want := "Completed"
		if v.Status != "archived" {
			want = "Running"
		}
		switch {
		case p.RunID != v.RunID:
			c.find("process_not_claimed", v.ID, "run %s is %s, the row names %s", p.RunID, p.State, v.RunID)
		case p.State != want || p.Status != v.Status:
			c.find("process_disagrees", v.ID, "the row is %s; run %s is %s and shows %s", v.Status, p.RunID, p.State, p.Status)
		}
	}
	// Kills alone must not lose a process: the reconciler is for what nobody foresaw.
	if n := count(v.Events, func(e Event) bool { return e.Kind == replaced }); n > 0 {
		c.find("reconciler_needed", v.ID, "it started the process again, %d times", n)
	}
	for _, r := range c.w.Reported {
		if r.AppointmentID == v.ID {
			c.find("reconciler_needed", v.ID, "%s", r.Code)
		}
	}
}

// commands: what was done is in the timeline, once, and what was refused is not.
func (c *court) commands() {
	kinds := map[string]string{
		"confirm": "accepted", "decline": "declined", "cancel": "cancelled", "reschedule": "rescheduled",
		"check-in": "checked_in", "complete": "completed", "no-show": "not_attended",
	}
	type deed struct{ id, kind, by string }
	done, open := map[deed]int{}, map[deed]int{}
	for _, cmd := range c.j.Commands {
		d := deed{cmd.AppointmentID, kinds[cmd.Name], cmd.By}
		switch cmd.Status {
		case http.StatusOK:
			c.figures["commands done"]++
			done[d]++
		case 0:
			c.figures["commands without an answer"]++
			open[d]++
		default:
			c.figures["commands refused: "+cmd.Name+" "+cmd.Code]++
		}
		done[d] += 0 // what was only refused is looked at as well
	}
	for d, n := range done {
		events := 0
		if v := c.w.Visits[d.id]; v != nil {
			for _, e := range v.Events {
				if e.Kind == d.kind && e.ActorKind == d.by {
					events++
				}
			}
		}
		if events < n || events > n+open[d] {
			c.find("command_and_timeline_differ", d.id, "%s by %s: %d were answered as done, %d had no answer, %d are in the timeline", d.kind, d.by, n, open[d], events)
		}
	}
}

// seen: the API shows what is stored.
func (c *court) seen(v *Visit) {
	if v.Seen == nil {
		return
	}
	if v.Seen.Status != v.Status || v.Seen.Version != v.Version || !v.Seen.StartsAt.Equal(v.StartsAt) {
		c.find("api_disagrees", v.ID, "the row is %s at version %d for %s, the API shows %s at %d for %s", v.Status, v.Version, v.StartsAt, v.Seen.Status, v.Seen.Version, v.Seen.StartsAt)
	}
	var kinds []string
	for _, e := range v.Events {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, v.Seen.Kinds) {
		c.find("api_disagrees", v.ID, "the timeline has %v, the API shows %v", kinds, v.Seen.Kinds)
	}
	if len(v.Payments) == 0 {
		return
	}
	last := v.Payments[len(v.Payments)-1]
	if p := v.Seen.Payment; p == nil || p.Captured.Minor != last.Captured || p.Refunded.Minor != last.Refunded {
		c.find("api_disagrees", v.ID, "payment %s in the books is not what the API shows", last.IntentID)
	}
}
