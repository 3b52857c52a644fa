package main

import (
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/bench"
)

// spending is how long one request keeps the processors busy, and where. It says what a
// rate is made of, and hardly depends on what else the machine does.
type spending struct{ client, server, postgres time.Duration }

func (s spending) all() time.Duration { return s.client + s.server + s.postgres }

func (s spending) String() string {
	return fmt.Sprintf("%.0f µs (server %.0f, PostgreSQL %.0f, client %.0f)", micro(s.all()), micro(s.server), micro(s.postgres), micro(s.client))
}

// spend measures a load and what each of its requests costs. server answers them; 0 where
// the load asks PostgreSQL itself.
func (c *clinic) spend(ctx context.Context, server int, l bench.Loop, send func() (bench.Result, error)) (bench.Result, spending, error) {
	before, err := c.used(ctx, server)
	if err != nil {
		return bench.Result{}, before, err
	}
	r, err := send()
	if err != nil {
		return r, before, err
	}
	after, err := c.used(ctx, server)
	n := time.Duration(len(r.Latencies) + min(l.Warmup, l.Count)) // the warm-up cost as much
	return r, spending{client: r.CPU / n, server: (after.server - before.server) / n, postgres: (after.postgres - before.postgres) / n}, err
}

// used is what the processes have used so far.
func (c *clinic) used(ctx context.Context, server int) (spending, error) {
	var s spending
	backend, err := c.count(ctx, `SELECT pg_backend_pid()`)
	if err != nil {
		return s, err
	}
	postmaster, err := bench.ParentOf(backend)
	if err != nil {
		return s, fmt.Errorf("PostgreSQL does not run on this machine: %w", err)
	}
	if s.postgres, err = bench.FamilyCPU(postmaster); err != nil || server == 0 {
		return s, err
	}
	u, err := bench.UsageOf(server)
	s.server = u.CPU
	return s, err
}

// spendingRows are the figures of a comparison's spending, in all and by place.
type spendingRows [4]bench.Row

func newSpendingRows(group, what string, clients int) spendingRows {
	var rows spendingRows
	for i, place := range []string{"in all", "the server", "PostgreSQL", "the client"} {
		rows[i] = bench.Row{Group: group, Name: fmt.Sprintf("processors' time of %s, %d clients: %s", what, clients, place), Unit: "µs", Sense: bench.LessIsBetter}
	}
	return rows
}

func (rows *spendingRows) add(product, baseline spending) {
	for i, place := range []func(spending) time.Duration{
		spending.all,
		func(s spending) time.Duration { return s.server },
		func(s spending) time.Duration { return s.postgres },
		func(s spending) time.Duration { return s.client },
	} {
		rows[i].Add(micro(place(product)), micro(place(baseline)))
	}
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
