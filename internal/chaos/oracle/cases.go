package oracle

import "slices"

// cases: money that did not go its usual way has a case that was followed to its end by
// a process of its own.
func (c *court) cases() {
	for _, k := range c.w.Cases {
		c.figures["cases closed as "+k.Kind+": "+k.Outcome]++
		c.caseTimeline(k)
		c.caseProcess(k)
		if k.State != "closed" {
			c.find("case_left_open", k.AppointmentID, "%s of %s is %s and waits for the %s: %s", k.Kind, k.IntentID, k.State, k.WaitsFor, k.ErrorCode)
		}
	}
	for intent := range c.w.CaseProcesses {
		if c.w.Cases[intent] == nil {
			c.find("case_process_without_case", intent, "")
		}
	}
	c.deeds()
	c.decisions()
}

// caseTimeline: no gap, and the last line is where the case stands.
func (c *court) caseTimeline(k *Case) {
	for i, e := range k.Events {
		if e.Version != i+1 {
			c.find("case_timeline_gap", k.AppointmentID, "line %d of %s has version %d", i+1, k.IntentID, e.Version)
		}
	}
	if n := len(k.Events); n != k.Version || n > 0 && k.Events[n-1].State != k.State {
		c.find("case_timeline_gap", k.AppointmentID, "%s is %s at version %d with %d lines", k.IntentID, k.State, k.Version, n)
	}
}

// caseProcess: there was one, one at most still runs, and none failed. A case that is
// opened again, or has news after its end, has a run for each.
func (c *court) caseProcess(k *Case) {
	runs := c.w.CaseProcesses[k.IntentID]
	if len(runs) == 0 {
		c.find("case_without_process", k.AppointmentID, "%s of %s", k.Kind, k.IntentID)
	}
	running := 0
	for _, p := range runs {
		switch p.State {
		case "Running":
			running++
		case "Completed", "ContinuedAsNew":
		default:
			c.find("case_process_disagrees", k.AppointmentID, "run %s of %s is %s", p.RunID, k.IntentID, p.State)
		}
	}
	want := 1
	if k.State == "closed" {
		want = 0
	}
	if running != want {
		c.find("case_process_disagrees", k.AppointmentID, "%s is %s, and %d of its processes run", k.IntentID, k.State, running)
	}
}

// deeds: what was done at the provider past us was noticed, and ended as it had to.
func (c *court) deeds() {
	for _, d := range c.j.Deeds {
		c.figures["deeds at the provider: "+d.Name]++
		k := c.w.Cases[d.IntentID]
		switch {
		case k == nil:
			c.find("deed_unnoticed", d.AppointmentID, "%s of %s has no case", d.Name, d.IntentID)
		case (d.Name == "dispute_won" || d.Name == "dispute_lost") && k.Outcome != d.Name:
			c.find("deed_unnoticed", d.AppointmentID, "the case of %s ended as %q after %s", d.IntentID, k.Outcome, d.Name)
		}
	}
}

// decisions: what staff were told is done is in the case's timeline, once.
func (c *court) decisions() {
	kinds := map[string]string{"retry": "retried", "resolve": "resolved"}
	told := map[Decision]int{}
	for _, d := range c.j.Decisions {
		told[d]++
	}
	for d, n := range told {
		var events int
		if k := c.w.Cases[d.IntentID]; k != nil {
			events = count(k.Events, func(e CaseEvent) bool { return e.Kind == kinds[d.Name] })
		}
		if events != n {
			c.find("decision_and_case_differ", d.IntentID, "%s was accepted %d times and is in the timeline %d times", d.Name, n, events)
		}
	}
}

// byHand is the money of a visit that somebody gave back at the provider.
func (c *court) byHand(id string) (minor int64) {
	for _, d := range c.j.Deeds {
		if d.AppointmentID == id && d.Name == "refund" {
			minor += d.Minor
		}
	}
	return minor
}

// resolved reports whether staff said that they have seen to an intent's money.
func (c *court) resolved(intent string) bool {
	return slices.ContainsFunc(c.j.Decisions, func(d Decision) bool { return d.IntentID == intent && d.Name == "resolve" })
}
