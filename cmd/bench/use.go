package main

import (
	"context"
	"net/http"
	"time"

	"github.com/careflow/careflow/internal/bench"
)

// measureUse: memory and CPU of API and worker, at rest and under load.
func measureUse(ctx context.Context, s *session) ([]bench.Row, error) {
	const group = "Memory and CPU of API and worker"
	return s.withClinic(ctx, true, func(c *clinic) ([]bench.Row, error) {
		var rows []bench.Row
		measured := func(when string, during func() error) error {
			processes := []*process{c.api, c.worker}
			before := make([]bench.Usage, len(processes))
			for i, p := range processes {
				var err error
				if before[i], err = p.usage(); err != nil {
					return err
				}
			}
			if err := during(); err != nil {
				return err
			}
			for i, p := range processes {
				after, err := p.usage()
				if err != nil {
					return err
				}
				rows = append(rows,
					bench.Row{Group: group, Name: p.name + " " + when + ", memory", Unit: "MiB", Sense: bench.LessIsBetter, Product: []float64{after.MiB()}},
					bench.Row{Group: group, Name: p.name + " " + when + ", CPU", Unit: "cores", Sense: bench.LessIsBetter, Product: []float64{after.Cores(before[i])}})
				s.say("  %s %s: %.0f MiB, %.3f cores", p.name, when, after.MiB(), after.Cores(before[i]))
			}
			return nil
		}
		if err := c.warmUp(ctx); err != nil {
			return rows, err
		}
		err := measured("at rest", func() error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(s.size.rest):
				return nil
			}
		})
		if err != nil {
			return rows, err
		}
		err = measured("with 8 clients booking", func() error {
			_, err := load(ctx, "http", bench.HTTPPlan{Loop: s.loop(8), Requests: c.bookings(s.size.bookings, paid), Want: http.StatusCreated})
			return err
		})
		if err != nil {
			return rows, err
		}
		if err := c.clear(ctx); err != nil {
			return rows, err
		}
		return rows, measured("with 32 visits living", func() error {
			_, err := load(ctx, "lives", c.lives(bench.Loop{Clients: liveClients, Count: s.size.lives, Limit: 5 * time.Minute}))
			return err
		})
	})
}
