package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/workflows/appointment"
)

const rushClients = 32

// startsInFlight is how many starts the relay has in flight, and so the baseline's.
var startsInFlight = max(2, runtime.GOMAXPROCS(0))

// rushed is one rush.
type rushed struct {
	accepted bench.Result
	drain    float64       // processes at rest a second, from the first booking to the last rest
	tail     time.Duration // from the rest of the 99th in a hundred to that of the last
	missing  int           // bookings without a process
	tasks    int           // workflow tasks until one is at rest
}

// measureRush: bookings as fast as they come, with the worker and Temporal busy starting
// their processes, against the same with both idle; and how fast they are started, against
// the engine's own rate.
func measureRush(ctx context.Context, s *session) ([]bench.Row, error) {
	group := fmt.Sprintf("A rush of %d bookings", s.size.rush)
	return s.withClinic(ctx, false, func(c *clinic) ([]bench.Row, error) {
		rate := bench.Row{Group: group, Name: "bookings accepted while Temporal is busy, against an idle one", Unit: "/s", Sense: bench.MoreIsBetter, Target: 0.7}
		drain := bench.Row{Group: group, Name: "processes at rest, against bare workflows", Unit: "/s", Sense: bench.MoreIsBetter, Target: 0.8}
		tail := bench.Row{Group: group, Name: "the last hundredth, after the others", Unit: "s", Sense: bench.LessIsBetter, Target: 10,
			Note: "the target bounds the product's own seconds; stragglers of a burst once waited a whole minute"}
		bareTail := bench.Row{Group: group, Name: "the same of the bare workflows", Unit: "s", Sense: bench.LessIsBetter}
		lost := bench.Row{Group: group, Name: "bookings without a process", Sense: bench.LessIsBetter, Note: "must be 0"}
		tasks := bench.Row{Group: group, Name: "workflow tasks until one is at rest", Sense: bench.LessIsBetter}
		rows := func() []bench.Row { return []bench.Row{rate, drain, tasks, tail, bareTail, lost} }
		for round := range s.size.rushRounds {
			var busy, idle, bare rushed
			err := s.turns(ctx, 1,
				func(ctx context.Context, _ int) (err error) {
					if idle, err = s.rush(ctx, c, false); err == nil {
						busy, err = s.rush(ctx, c, true)
					}
					return err
				},
				func(ctx context.Context, _ int) (err error) {
					bare, err = s.bareRush(ctx, c)
					return err
				})
			if err != nil {
				return rows(), err
			}
			rate.Add(busy.accepted.Rate(), idle.accepted.Rate())
			drain.Add(busy.drain, bare.drain)
			tail.Product = append(tail.Product, busy.tail.Seconds())
			bareTail.Product = append(bareTail.Product, bare.tail.Seconds())
			tasks.Add(float64(busy.tasks), float64(bare.tasks))
			lost.Product = append(lost.Product, float64(busy.missing))
			s.say("  round %d: accepted %.0f/s busy, %.0f/s idle; drained %.1f/s, bare %.1f/s; tail %s, bare %s; %d without a process",
				round+1, busy.accepted.Rate(), idle.accepted.Rate(), busy.drain, bare.drain, busy.tail.Round(time.Millisecond), bare.tail.Round(time.Millisecond), busy.missing)
		}
		if lost := slices.Max(lost.Product); lost > 0 {
			return rows(), fmt.Errorf("%.0f bookings have no process", lost)
		}
		return rows(), nil
	})
}

func (s *session) rush(ctx context.Context, c *clinic, working bool) (rushed, error) {
	var r rushed
	if err := c.clear(ctx); err != nil {
		return r, err
	}
	if working {
		if _, err := c.worker.start(ctx); err != nil {
			return r, err
		}
		defer c.worker.stop()
		if err := c.warmUp(ctx); err != nil {
			return r, err
		}
		if err := c.clear(ctx); err != nil {
			return r, err
		}
	}
	began := time.Now()
	var err error
	r.accepted, err = load(ctx, "http", bench.HTTPPlan{
		Loop: bench.Loop{Clients: rushClients, Count: s.size.rush, Limit: 2 * time.Minute}, Requests: c.bookings(s.size.rush, paid), Want: http.StatusCreated,
	})
	if err != nil || !working {
		return r, err
	}
	if n := len(r.accepted.Latencies); n != s.size.rush {
		return r, fmt.Errorf("%d of %d bookings were accepted within the time", n, s.size.rush)
	}
	// At rest is: the payment is open, and the patient was told so.
	const atRest = `FROM messages WHERE kind = 'request_received' AND status = 'sent'`
	err = c.awaitCount(ctx, 10*time.Minute, s.size.rush, "all processes are at rest", `SELECT count(*) `+atRest)
	if err != nil {
		return r, err
	}
	if r.drain, r.tail, err = c.drained(ctx, began, `SELECT sent_at `+atRest); err != nil {
		return r, err
	}
	if r.missing, err = c.count(ctx, `SELECT count(*) FROM appointments WHERE process_run_id IS NULL`); err != nil {
		return r, err
	}
	var id string
	if err := c.db.QueryRow(ctx, `SELECT id::text FROM appointments ORDER BY id DESC LIMIT 1`).Scan(&id); err != nil {
		return r, err
	}
	history, err := historyOf(ctx, c.temporal, appointment.WorkflowID(id))
	r.tasks = shapeOf(history).Tasks
	return r, err
}

func (s *session) bareRush(ctx context.Context, c *clinic) (rushed, error) {
	var r rushed
	size, err := c.shapeForRush(ctx)
	if err != nil {
		return r, err
	}
	engine, plan, err := c.engine(ctx)
	if err != nil {
		return r, err
	}
	defer func() { _ = engine.stop() }()
	began := time.Now()
	_, err = load(ctx, "bare-starts", barePlan{
		Engine: plan, Shape: size, Loop: bench.Loop{Clients: startsInFlight, Count: s.size.rush, Limit: 10 * time.Minute},
	})
	if err != nil {
		return r, err
	}
	err = c.awaitCount(ctx, 10*time.Minute, s.size.rush, "all bare workflows are at rest", `SELECT count(*) FROM bare.work WHERE step = $1`, stepAtRest)
	if err != nil {
		return r, err
	}
	if r.drain, r.tail, err = c.drained(ctx, began, `SELECT at FROM bare.work`); err != nil {
		return r, err
	}
	one, err := c.shapeOfBare(ctx)
	if err != nil {
		return r, err
	}
	r.tasks = one.Tasks
	rows, err := c.db.Query(ctx, `SELECT id FROM bare.work`)
	if err != nil {
		return r, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return r, err
	}
	return r, terminate(ctx, c.temporal, ids)
}

// shapeForRush is a visit's, from the last one that lived; before the first rush, one
// lives for it.
func (c *clinic) shapeForRush(ctx context.Context) (shape, error) {
	if c.life.Tasks > 0 {
		return c.life, nil
	}
	if err := c.clear(ctx); err != nil {
		return shape{}, err
	}
	if _, err := c.worker.start(ctx); err != nil {
		return shape{}, err
	}
	defer c.worker.stop()
	if err := c.warmUp(ctx); err != nil {
		return shape{}, err
	}
	var err error
	c.life, err = c.shapeOfALife(ctx)
	return c.life, errors.Join(err, c.clear(ctx))
}

// drained says how fast all came to rest, and how long the last hundredth took after the
// others. The times are the database's, which runs on the same machine.
func (c *clinic) drained(ctx context.Context, began time.Time, query string) (rate float64, tail time.Duration, err error) {
	rows, err := c.db.Query(ctx, query)
	if err != nil {
		return 0, 0, err
	}
	at, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil || len(at) == 0 {
		return 0, 0, errors.Join(err, errors.New("nothing was drained"))
	}
	slices.SortFunc(at, time.Time.Compare)
	last := at[len(at)-1]
	return float64(len(at)) / last.Sub(began).Seconds(), last.Sub(at[len(at)*99/100]), nil
}
