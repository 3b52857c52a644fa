package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
)

// slotVisits are booked within the month that is searched.
const slotVisits = 200

// measureSlots: free times of 30 days of a doctor with 200 visits, against one query that
// fetches the same rows, through Gin and from Go.
func measureSlots(ctx context.Context, s *session) ([]bench.Row, error) {
	return s.withClinic(ctx, false, func(c *clinic) ([]bench.Row, error) {
		d := c.reader
		from := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2)
		span := domain.Window{Start: from, End: from.AddDate(0, 0, 30)}
		if err := c.officeHours(ctx, d); err != nil {
			return nil, err
		}
		if err := c.fillMonth(ctx, d, span); err != nil {
			return nil, err
		}
		if err := c.openVisits(ctx, 0, s.size.others); err != nil {
			return nil, err
		}
		gin, err := startService(ctx, "gin", ginPlan{URL: c.url})
		if err != nil {
			return nil, err
		}
		defer func() { _ = gin.stop() }()
		query := url.Values{"type_id": {d.Paid}, "from": {span.Start.Format(time.RFC3339)}, "to": {span.End.Format(time.RFC3339)}}.Encode()
		product := bench.Request{
			Method: http.MethodGet, URL: c.base + "/v1/doctors/" + d.ID + "/slots?" + query,
			Header: map[string]string{"Authorization": c.patients[0].Token},
		}
		baseline := bench.Request{Method: http.MethodGet, URL: gin.Ready + "/slots?doctor_id=" + d.ID + "&" + query}
		const group = "Slot search: 30 days, 200 visits booked"
		rows, err := s.compareReads(ctx, c, gin, comparison{group: group, what: "searches", one: "a search", target: 0.6, product: product, baseline: baseline}, 1, 32)
		if err != nil {
			return rows, err
		}
		direct, err := s.slotsFromGo(ctx, c, group, product, queryPlan{URL: c.url, Doctor: d.ID, Type: d.Paid, Span: span})
		return append(rows, direct...), err
	})
}

// comparison is a request of the product's and the baseline's.
type comparison struct {
	group, what, one  string
	target            float64
	product, baseline bench.Request
}

// compareReads measures both with several numbers of clients.
func (s *session) compareReads(ctx context.Context, c *clinic, gin *service, of comparison, clients ...int) ([]bench.Row, error) {
	var rows []bench.Row
	for _, n := range clients {
		rate := bench.Row{Group: of.group, Name: fmt.Sprintf("%s, %d clients", of.what, n), Unit: "/s", Sense: bench.MoreIsBetter, Target: of.target}
		p50 := bench.Row{Group: of.group, Name: fmt.Sprintf("p50 of %s, %d clients", of.what, n), Unit: "ms", Sense: bench.LessIsBetter}
		spent := newSpendingRows(of.group, of.one, n)
		var own, bare bench.Result
		var cost, bareCost spending
		send := func(r bench.Request, server int, into *bench.Result, of *spending) func(context.Context, int) error {
			return func(ctx context.Context, _ int) error {
				var err error
				*into, *of, err = c.spend(ctx, server, s.readLoop(n), func() (bench.Result, error) {
					return load(ctx, "http", bench.HTTPPlan{Loop: s.readLoop(n), Requests: []bench.Request{r}, Want: http.StatusOK})
				})
				return err
			}
		}
		for round := range s.rounds {
			if err := s.turns(ctx, 1, send(of.product, c.api.pid(), &own, &cost), send(of.baseline, gin.pid(), &bare, &bareCost)); err != nil {
				return append(rows, rate, p50), err
			}
			rate.Add(own.Rate(), bare.Rate())
			p50.Add(own.P(50), bare.P(50))
			spent.add(cost, bareCost)
			s.say("  %s, %d clients, round %d: %.0f/s, bare %.0f/s; processors %s, bare %s", of.what, n, round+1, own.Rate(), bare.Rate(), cost, bareCost)
		}
		rows = append(append(rows, rate, p50), spent[:]...)
	}
	return rows, nil
}

func (s *session) readLoop(clients int) bench.Loop {
	return bench.Loop{Clients: clients, Count: 1 << 20, Limit: s.size.limit / 2, Warmup: 20 * clients}
}

// slotsFromGo compares with the query alone, without HTTP and JSON. It bounds what any
// server could do.
func (s *session) slotsFromGo(ctx context.Context, c *clinic, group string, product bench.Request, plan queryPlan) ([]bench.Row, error) {
	row := bench.Row{
		Group: group, Name: "searches, 32 clients, against the query from Go", Unit: "/s", Sense: bench.MoreIsBetter,
		Note: "the baseline has no HTTP and writes no JSON: printed for scale",
	}
	plan.Loop = s.readLoop(32)
	for range s.rounds {
		var own, bare bench.Result
		err := s.turns(ctx, 1,
			func(ctx context.Context, _ int) (err error) {
				own, err = load(ctx, "http", bench.HTTPPlan{Loop: plan.Loop, Requests: []bench.Request{product}, Want: http.StatusOK})
				return err
			},
			func(ctx context.Context, _ int) (err error) {
				bare, err = load(ctx, "queries", plan)
				return err
			})
		if err != nil {
			return []bench.Row{row}, err
		}
		row.Add(own.Rate(), bare.Rate())
	}
	return []bench.Row{row}, nil
}

// officeHours gives a doctor ordinary hours instead of the clock round.
func (c *clinic) officeHours(ctx context.Context, d doctor) error {
	return pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM doctor_hours WHERE doctor_id = $1`, d.ID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute)
			SELECT $1, d, h.s, h.e FROM generate_series(1, 5) d, (VALUES (480, 720), (780, 1020)) h(s, e)`, d.ID)
		return err
	})
}

// fillMonth books every other slot of the doctor's hours, through the API, until there
// are 200 visits.
func (c *clinic) fillMonth(ctx context.Context, d doctor, span domain.Window) error {
	var requests []bench.Request
	for day := span.Start; len(requests) < slotVisits; day = day.AddDate(0, 0, 1) {
		if !day.Before(span.End) {
			return errors.New("the month has no room for 200 visits")
		}
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			continue
		}
		for n := 0; n < 12 && len(requests) < slotVisits; n++ {
			minutes := 480 + 40*n // after midnight, as the doctor's clock shows it
			if minutes >= 720 {
				minutes += 60
			}
			start := time.Date(day.Year(), day.Month(), day.Day(), 0, minutes, 0, 0, berlin)
			requests = append(requests, c.bookingAt(d, d.Paid, c.patients[len(requests)%len(c.patients)], start))
		}
	}
	_, err := load(ctx, "http", bench.HTTPPlan{
		Loop: bench.Loop{Clients: 4, Count: len(requests), Limit: time.Minute}, Requests: requests, Want: http.StatusCreated,
	})
	return err
}

// berlin is the zone of the doctors.
var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err) // it is embedded
	}
	return zone
}()
