package main

import (
	"context"
	"net/http"
	"time"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
)

// measureLatency: how long 16 people wait for a booking and for a confirmation, with the
// worker at work on both, against update-with-start of an empty workflow.
func measureLatency(ctx context.Context, s *session) ([]bench.Row, error) {
	const group = "Booking and confirming with 16 clients, against update-with-start of an empty workflow"
	return s.withClinic(ctx, true, func(c *clinic) ([]bench.Row, error) {
		booking := bench.Row{Group: group, Name: "p50 of a booking", Unit: "ms", Sense: bench.TimesFaster, Target: 10}
		confirm := bench.Row{Group: group, Name: "p50 of a confirmation", Unit: "ms", Sense: bench.TimesFaster}
		rows := func() []bench.Row { return []bench.Row{booking, confirm} }
		engine, plan, err := c.engine(ctx)
		if err != nil {
			return rows(), err
		}
		defer func() { _ = engine.stop() }()
		loop := bench.Loop{Clients: 16, Count: s.size.commands, Limit: time.Minute, Warmup: min(16, s.size.commands/4)}
		for round := range s.rounds {
			var booked, confirmed, bare bench.Result
			err := s.turns(ctx, 1,
				func(ctx context.Context, _ int) (err error) {
					booked, confirmed, err = c.bookAndConfirm(ctx, loop)
					return err
				},
				func(ctx context.Context, _ int) (err error) {
					bare, err = load(ctx, "update-with-start", barePlan{Engine: plan, Loop: loop})
					return err
				})
			if err != nil {
				return rows(), err
			}
			booking.Add(booked.P(50), bare.P(50))
			confirm.Add(confirmed.P(50), bare.P(50))
			s.say("  round %d: booking %.1f ms, confirmation %.1f ms, update-with-start %.1f ms", round+1, booked.P(50), confirmed.P(50), bare.P(50))
		}
		return rows(), nil
	})
}

// bookAndConfirm books free visits, waits until the doctor has been asked about all of
// them, and confirms them.
func (c *clinic) bookAndConfirm(ctx context.Context, loop bench.Loop) (booked, confirmed bench.Result, err error) {
	if err := c.clear(ctx); err != nil {
		return booked, confirmed, err
	}
	requests := c.bookings(loop.Count, free)
	booked, err = load(ctx, "http", bench.HTTPPlan{Loop: loop, Requests: requests, Want: http.StatusCreated})
	if err != nil {
		return booked, confirmed, err
	}
	err = c.awaitCount(ctx, 3*time.Minute, loop.Count, "all visits are pending", `SELECT count(*) FROM appointments WHERE status = 'pending'`)
	if err != nil {
		return booked, confirmed, err
	}
	confirms, err := c.confirmations(ctx)
	if err != nil {
		return booked, confirmed, err
	}
	confirmed, err = load(ctx, "http", bench.HTTPPlan{Loop: loop, Requests: confirms, Want: http.StatusOK})
	return booked, confirmed, err
}

// confirmations are those of all pending visits, by their doctors.
func (c *clinic) confirmations(ctx context.Context) ([]bench.Request, error) {
	tokens := map[string]string{}
	for _, d := range c.doctors {
		tokens[d.ID] = d.Token
	}
	rows, err := c.db.Query(ctx, `SELECT id::text, doctor_id::text FROM appointments WHERE status = 'pending'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var requests []bench.Request
	for rows.Next() {
		var id, doctorID string
		if err := rows.Scan(&id, &doctorID); err != nil {
			return nil, err
		}
		requests = append(requests, c.command(id, "confirm", tokens[doctorID]))
	}
	return requests, rows.Err()
}

func (c *clinic) command(id, command, token string) bench.Request {
	return bench.Request{
		Method: http.MethodPost, URL: c.base + "/v1/appointments/" + id + "/" + command,
		Header: map[string]string{"Authorization": token, "Idempotency-Key": domain.NewID()},
	}
}
