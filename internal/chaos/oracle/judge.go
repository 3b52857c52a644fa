package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Judge compares the world with itself and with what clients were told. figures counts
// what is right but worth knowing.
func Judge(w *World, j *Journal) (findings []Finding, figures map[string]int) {
	c := &court{w: w, j: j, figures: map[string]int{}, intents: map[string][]Intent{}}
	for _, i := range w.Intents {
		c.intents[i.AppointmentID] = append(c.intents[i.AppointmentID], i)
	}
	c.findings = append(c.findings, j.Surprises...)
	c.bookings()
	c.slots()
	for _, id := range slices.Sorted(maps.Keys(w.Visits)) {
		v := w.Visits[id]
		c.figures["visits"]++
		c.figures["ended as "+v.end()]++
		c.process(v)
		c.timeline(v)
		c.money(v)
		c.fees(v)
		c.deadlines(v)
		c.messages(v)
		c.resent(v)
		c.seen(v)
	}
	c.commands()
	c.links()
	c.resends()
	c.watches()
	c.unknownMoney()
	c.receipts()
	c.cases()
	c.backups()
	c.mails()
	c.standstill()
	slices.SortFunc(c.findings, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject, b.Subject)) })
	return c.findings, c.figures
}

type court struct {
	w        *World
	j        *Journal
	intents  map[string][]Intent // by appointment ID
	findings []Finding
	figures  map[string]int
}

func (c *court) find(rule, subject, detail string, args ...any) {
	c.findings = append(c.findings, Finding{Rule: rule, Subject: subject, Detail: fmt.Sprintf(detail, args...)})
}

// ends are the ways a visit is over.
var ends = []string{"completed", "declined", "cancelled", "expired", "no_show"}

// end is the status in which a visit ended, "" while it has not.
func (v *Visit) end() string {
	for _, e := range v.Events {
		if slices.Contains(ends, e.To) {
			return e.To
		}
	}
	return ""
}

// ending is the event that ended a visit; nil while it has not.
func (v *Visit) ending() *Event {
	for i, e := range v.Events {
		if slices.Contains(ends, e.To) && !slices.Contains(ends, e.From) {
			return &v.Events[i]
		}
	}
	return nil
}

// known reports whether what is wrong with a visit is shown to people.
func (c *court) known(id string) bool {
	if v := c.w.Visits[id]; v != nil && v.Stuck != "" {
		return true
	}
	return slices.ContainsFunc(c.w.Reported, func(r Reported) bool { return r.AppointmentID == id })
}
