package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/historycost"
	"github.com/careflow/careflow/workflows/appointment"
)

// What a whole paid life may cost, as the tests have it too.
const (
	eventBudget  = 150
	actionBudget = 45
)

// measureCost: what one paid visit with three reminders leaves in Temporal.
func measureCost(ctx context.Context, s *session) ([]bench.Row, error) {
	const group = "What one paid visit with three reminders costs Temporal"
	return s.withClinic(ctx, true, func(c *clinic) ([]bench.Row, error) {
		id, err := c.remindedVisit(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.temporal.GetWorkflow(ctx, appointment.WorkflowID(id), "").Get(ctx, nil); err != nil {
			return nil, err
		}
		events, err := historyOf(ctx, c.temporal, appointment.WorkflowID(id))
		if err != nil {
			return nil, err
		}
		cost := historycost.Of(events)
		s.say("  %d events, %d actions, %d bytes", cost.Events, cost.Actions, cost.Bytes)
		one := func(name, unit string, value, target float64) bench.Row {
			return bench.Row{Group: group, Name: name, Unit: unit, Sense: bench.LessIsBetter, Product: []float64{value}, Target: target}
		}
		return []bench.Row{
			one("history events", "", float64(cost.Events), eventBudget),
			one("billable actions", "", float64(cost.Actions), actionBudget),
			one("history", "KiB", float64(cost.Bytes)/1024, 0),
		}, nil
	})
}

// remindedVisit lets a visit with reminders live to its archive: paid and confirmed at
// once, checked in after its last reminder.
func (c *clinic) remindedVisit(ctx context.Context) (string, error) {
	d, p := c.doctors[0], c.patients[0]
	plan := livesPlan{API: c.base, Sandbox: c.sandboxURL()}
	client := &http.Client{Timeout: time.Minute}
	// The first slot that leaves the patient time to pay (a minute) is two minutes ahead.
	start := time.Now().UTC().Add(110 * time.Second).Truncate(time.Minute)
	life := lifePlan{Booking: c.bookingAt(d, d.Reminded, p, start), Patient: p.Token, Doctor: d.Token}
	id, err := plan.confirmed(ctx, client, life)
	if err != nil {
		return "", err
	}
	err = c.awaitCount(ctx, time.Until(start)+time.Minute, 3, "all reminders are sent",
		`SELECT count(*) FROM messages WHERE appointment_id = $1 AND kind = 'reminder' AND status = 'sent'`, id)
	if err != nil {
		return "", err
	}
	for _, command := range []string{"check-in", "complete"} {
		if err := plan.command(ctx, client, d.Token, id, command); err != nil {
			return "", fmt.Errorf("%s: %w", command, err)
		}
	}
	return id, c.awaitCount(ctx, time.Minute, 1, "the visit is archived", `SELECT count(*) FROM appointments WHERE id = $1 AND status = 'archived'`, id)
}
