package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/workflows/appointment"
)

// liveClients are enough to keep the engine busy all the time.
const liveClients = 32

// measureLives: paid visits from the booking to the archive, against bare workflows.
func measureLives(ctx context.Context, s *session) ([]bench.Row, error) {
	const group = "Lifecycles from booking to archive, against bare workflows"
	return s.withClinic(ctx, true, func(c *clinic) ([]bench.Row, error) {
		rate := bench.Row{Group: group, Name: fmt.Sprintf("lifecycles, %d at a time", liveClients), Unit: "/s", Sense: bench.MoreIsBetter, Target: 0.8}
		tasks := bench.Row{Group: group, Name: "workflow tasks of one", Sense: bench.LessIsBetter}
		events := bench.Row{Group: group, Name: "history events of one", Sense: bench.LessIsBetter}
		rows := func() []bench.Row { return []bench.Row{rate, tasks, events} }
		// As many at a time as are measured: a busy engine merges workflow tasks.
		crowd := bench.Loop{Clients: liveClients, Count: min(liveClients, s.size.lives), Limit: 2 * time.Minute}
		if _, err := load(ctx, "lives", c.lives(crowd)); err != nil {
			return rows(), err
		}
		size, err := c.shapeOfALife(ctx)
		if err != nil {
			return rows(), err
		}
		engine, plan, err := c.engine(ctx)
		if err != nil {
			return rows(), err
		}
		defer func() { _ = engine.stop() }()
		extra, err := c.extraTasks(ctx, plan, crowd, size)
		if err != nil {
			return rows(), err
		}
		loop := bench.Loop{Clients: liveClients, Count: s.size.lives, Limit: 5 * time.Minute}
		var own, bare bench.Result
		for round := range s.rounds {
			err := s.turns(ctx, 1,
				func(ctx context.Context, _ int) (err error) {
					own, err = load(ctx, "lives", c.lives(loop))
					return err
				},
				func(ctx context.Context, _ int) (err error) {
					if _, err = c.db.Exec(ctx, bareSchema); err == nil {
						bare, err = load(ctx, "bare-lives", barePlan{Engine: plan, Loop: loop, Shape: size, Extra: extra})
					}
					return err
				})
			if err != nil {
				return rows(), err
			}
			rate.Add(own.Rate(), bare.Rate())
			s.say("  lifecycles, round %d: %.1f/s, bare %.1f/s", round+1, own.Rate(), bare.Rate())
		}
		other, err := c.shapeOfBare(ctx)
		if err != nil {
			return rows(), err
		}
		tasks.Add(float64(size.Tasks), float64(other.Tasks))
		events.Add(float64(size.Events), float64(other.Events))
		tasks.Note = fmt.Sprintf("a visit has %d activities, %d changes of search attributes, %d timers and %d updates; the bare workflow %d, %d, %d and %d",
			size.Activities, size.Upserts, size.Timers, size.Updates, other.Activities, other.Upserts, other.Timers, other.Updates)
		return rows(), nil
	})
}

// extraTasks lets bare workflows live and returns how many workflow tasks one lacks.
func (c *clinic) extraTasks(ctx context.Context, engine enginePlan, crowd bench.Loop, size shape) (int, error) {
	_, err := load(ctx, "bare-lives", barePlan{Engine: engine, Loop: crowd, Shape: size})
	if err != nil {
		return 0, err
	}
	bare, err := c.shapeOfBare(ctx)
	return max(size.Tasks-bare.Tasks, 0), err
}

// shapeOfBare reads bare workflows of the last load.
func (c *clinic) shapeOfBare(ctx context.Context) (shape, error) {
	return c.typical(ctx, `SELECT id FROM bare.work LIMIT $1`, func(id string) string { return id })
}

// sample is how many histories a typical one is chosen from.
const sample = 9

// typical is the shape with the median number of workflow tasks among processes that a
// query finds.
func (c *clinic) typical(ctx context.Context, query string, workflowID func(string) string) (shape, error) {
	rows, err := c.db.Query(ctx, query, sample)
	if err != nil {
		return shape{}, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(ids) == 0 {
		return shape{}, errors.Join(err, errors.New("no process to look at"))
	}
	var shapes []shape
	for _, id := range ids {
		history, err := historyOf(ctx, c.temporal, workflowID(id))
		if err != nil {
			return shape{}, err
		}
		shapes = append(shapes, shapeOf(history))
	}
	slices.SortFunc(shapes, func(a, b shape) int { return a.Tasks - b.Tasks })
	return shapes[len(shapes)/2], nil
}

// engine starts a worker for bare workflows beside the clinic.
func (c *clinic) engine(ctx context.Context) (*service, enginePlan, error) {
	plan := enginePlan{Temporal: c.stack.temporal, Queue: c.queue + "-bare", URL: c.url}
	if _, err := c.db.Exec(ctx, bareSchema); err != nil {
		return nil, plan, err
	}
	service, err := startService(ctx, "engine", plan)
	return service, plan, err
}

// lives are short visits within the time in which a patient can be checked in: each
// minute from five minutes ahead is free again when its visit is over.
func (c *clinic) lives(l bench.Loop) livesPlan {
	p := livesPlan{API: c.base, Sandbox: c.sandboxURL(), URL: c.url, Loop: l}
	first := time.Now().UTC().Truncate(time.Minute).Add(6 * time.Minute)
	for k := range l.Count {
		d := c.doctors[k%doctors]
		start := first.Add(time.Duration(k/doctors) * 2 * time.Minute)
		p.Lives = append(p.Lives, lifePlan{
			Booking: c.bookingAt(d, d.Short, c.patients[k%len(c.patients)], start), Patient: c.patients[k%len(c.patients)].Token, Doctor: d.Token,
		})
	}
	return p
}

// warmUp lets a few visits live, so that connections, statements and caches are there.
func (c *clinic) warmUp(ctx context.Context) error {
	_, err := load(ctx, "lives", c.lives(bench.Loop{Clients: 4, Count: 4, Limit: time.Minute}))
	return err
}

// shapeOfALife reads visits that have ended.
func (c *clinic) shapeOfALife(ctx context.Context) (shape, error) {
	return c.typical(ctx, `SELECT id::text FROM appointments WHERE status = 'archived' LIMIT $1`, appointment.WorkflowID)
}
