package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
)

// measureBookings: bookings through the whole API (log-in token, validation, distinct
// slots of 50 doctors) against the bare transaction on the same tables.
func measureBookings(ctx context.Context, s *session) ([]bench.Row, error) {
	return s.withClinic(ctx, false, func(c *clinic) ([]bench.Row, error) {
		var rows []bench.Row
		for _, clients := range []int{1, 8, 32} {
			more, err := s.bookingsWith(ctx, c, clients)
			rows = append(rows, more...)
			if err != nil {
				return rows, err
			}
		}
		return rows, nil
	})
}

func (s *session) bookingsWith(ctx context.Context, c *clinic, clients int) ([]bench.Row, error) {
	name := func(what string) string { return fmt.Sprintf("%s, %d clients", what, clients) }
	const group = "Bookings accepted through the whole API, against the bare transaction"
	rate := bench.Row{Group: group, Name: name("bookings"), Unit: "/s", Sense: bench.MoreIsBetter}
	p50 := bench.Row{Group: group, Name: name("p50"), Unit: "ms", Sense: bench.LessIsBetter}
	p99 := bench.Row{Group: group, Name: name("p99"), Unit: "ms", Sense: bench.LessIsBetter}
	switch clients {
	case 8:
		rate.Target = 0.5
	case 32:
		p99.Target = 4
	}
	spent := newSpendingRows(group, "a booking", clients)
	var product, bare bench.Result
	var cost, bareCost spending
	turn := func(server int, into *bench.Result, of *spending, run func() (bench.Result, error)) error {
		if err := c.clear(ctx); err != nil {
			return err
		}
		var err error
		*into, *of, err = c.spend(ctx, server, s.loop(clients), run)
		return err
	}
	for round := range s.rounds {
		err := s.turns(ctx, 1,
			func(context.Context, int) error {
				return turn(c.api.pid(), &product, &cost, func() (bench.Result, error) {
					return load(ctx, "http", bench.HTTPPlan{Loop: s.loop(clients), Requests: c.bookings(s.size.bookings, paid), Want: http.StatusCreated})
				})
			},
			func(context.Context, int) error {
				return turn(0, &bare, &bareCost, func() (bench.Result, error) {
					return load(ctx, "transactions", c.transactions(s.loop(clients), s.size.bookings))
				})
			})
		if err != nil {
			return []bench.Row{rate, p50, p99}, err
		}
		rate.Add(product.Rate(), bare.Rate())
		p50.Add(product.P(50), bare.P(50))
		p99.Add(product.P(99), bare.P(99))
		spent.add(cost, bareCost)
		s.say("  %d clients, round %d: %.0f/s (p50 %.1f ms, p99 %.1f ms), bare %.0f/s (p50 %.1f ms, p99 %.1f ms); processors %s, bare %s",
			clients, round+1, product.Rate(), product.P(50), product.P(99), bare.Rate(), bare.P(50), bare.P(99), cost, bareCost)
	}
	return append([]bench.Row{rate, p50, p99}, spent[:]...), nil
}

func (s *session) loop(clients int) bench.Loop {
	return bench.Loop{Clients: clients, Count: s.size.bookings, Limit: s.size.limit, Warmup: min(20*clients, s.size.bookings/4)}
}

// transactions are the same visits for the bare transaction.
func (c *clinic) transactions(l bench.Loop, n int) transactionPlan {
	p := transactionPlan{URL: c.url, Loop: l}
	for k := range n {
		d, start := c.slot(k)
		who := c.patients[k%len(c.patients)]
		p.Visits = append(p.Visits, visit{
			ID: domain.NewID(), Doctor: d.ID, Patient: who.ID, BookedBy: who.AccountID, Type: d.Paid, Start: start, End: start.Add(slotLength),
		})
	}
	return p
}
