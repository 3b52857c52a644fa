package oracle

import "net/http"

// links: a letter's link does one thing at most, and nothing any more once the visit has
// moved away from the time that the letter speaks of.
func (c *court) links() {
	done := map[string]int{}
	for _, cmd := range c.j.Commands {
		if cmd.Letter == "" {
			continue
		}
		if cmd.Status != http.StatusOK {
			if cmd.Status != 0 {
				c.figures["links refused: "+cmd.Name]++
			}
			continue
		}
		c.figures["links followed: "+cmd.Name]++
		if done[cmd.Letter]++; done[cmd.Letter] > 1 {
			c.find("outdated_link_obeyed", cmd.AppointmentID, "the letter %s did more than one thing: %s was the last", cmd.Letter, cmd.Name)
		}
		if cmd.Outdated {
			c.find("outdated_link_obeyed", cmd.AppointmentID, "%s by the letter %s, after the visit had moved", cmd.Name, cmd.Letter)
		}
	}
}

// resends: what staff had sent again is owed once more, once.
func (c *court) resends() {
	for _, r := range c.j.Resends {
		switch r.Status {
		case http.StatusOK:
			c.figures["letters sent again"]++
		case 0:
			continue
		default:
			c.figures["letters not sent again: "+r.Code]++
			continue
		}
		var old, again *Message
		if v := c.w.Visits[r.AppointmentID]; v != nil {
			old, again = v.message(r.MessageID), v.message(r.NewID)
		}
		if old == nil || again == nil || again.ResendOf != old.ID || again.Kind != old.Kind || again.Recipient != old.Recipient {
			c.find("resend_lost", r.AppointmentID, "%s was to be sent again as %s, under key %s", r.MessageID, r.NewID, r.Key)
		}
	}
}

// resent: each letter that is owed once more was asked for, and is in the timeline.
func (c *court) resent(v *Visit) {
	rows := map[string]int{}
	for _, m := range v.Messages {
		if m.ResendOf == "" {
			continue
		}
		if rows[m.ResendOf]++; rows[m.ResendOf] > 1 {
			c.find("resent_twice", v.ID, "%s", m.ResendOf)
		}
		if count(c.j.Resends, func(r *Resend) bool {
			return r.MessageID == m.ResendOf && (r.Status == http.StatusOK || r.Status == 0)
		}) == 0 {
			c.find("resend_nobody_asked_for", v.ID, "%s as %s", m.ResendOf, m.ID)
		}
	}
	if lines := count(v.Events, func(e Event) bool { return e.Kind == "message_resent" }); lines != len(rows) {
		c.find("resend_and_timeline_differ", v.ID, "%d letters are owed once more, %d lines say so", len(rows), lines)
	}
}

func (v *Visit) message(id string) *Message {
	for i := range v.Messages {
		if v.Messages[i].ID == id {
			return &v.Messages[i]
		}
	}
	return nil
}

// watches: who watched saw each line once and in order, to the end.
func (c *court) watches() {
	for _, w := range c.j.Watches {
		v := c.w.Visits[w.AppointmentID]
		if v == nil {
			continue // found as lost
		}
		c.figures["visits watched"]++
		c.figures["connections of watchers"] += w.Connections
		archived, wrong := false, false
		for i, line := range w.Lines {
			archived = archived || line.To == "archived"
			switch {
			case line.Seq <= i:
				c.find("stream_line_twice", v.ID, "line %d came after line %d", line.Seq, w.Lines[i-1].Seq)
			case line.Seq > i+1:
				c.find("stream_gap", v.ID, "line %d came %d.", line.Seq, i+1)
			case i >= len(v.Events) || v.Events[i].Kind != line.Kind || v.Events[i].To != line.To:
				c.find("stream_differs", v.ID, "line %d was %s to %s", line.Seq, line.Kind, line.To)
			default:
				continue
			}
			wrong = true
			break // the lines after it are wrong as well
		}
		if !wrong && (w.Ended != archived || v.Status == "archived" && !archived) {
			c.find("stream_never_ended", v.ID, "the visit is %s, %d of %d lines were seen, the stream ended: %t", v.Status, len(w.Lines), len(v.Events), w.Ended)
		}
	}
}
