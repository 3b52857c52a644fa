package main

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/careflow/careflow/internal/bench"
)

// dayVisits are on the day that is listed.
const dayVisits = 24

// measureReading: a doctor's day, and one appointment with its audit line, against the
// bare query through Gin.
func measureReading(ctx context.Context, s *session) ([]bench.Row, error) {
	return s.withClinic(ctx, false, func(c *clinic) ([]bench.Row, error) {
		d := c.reader
		day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2)
		if err := c.fillDay(ctx, d, day); err != nil {
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
		query := url.Values{"doctor_id": {d.ID}, "from": {day.Format(time.RFC3339)}, "to": {day.AddDate(0, 0, 1).Format(time.RFC3339)}}.Encode()
		as := map[string]string{"Authorization": d.Token}
		rows, err := s.compareReads(ctx, c, gin, comparison{
			group: "Listing a doctor's day, against the bare query through Gin", what: "lists of 24 visits", one: "a list", target: 0.8,
			product:  bench.Request{Method: http.MethodGet, URL: c.base + "/v1/appointments?" + query, Header: as},
			baseline: bench.Request{Method: http.MethodGet, URL: gin.Ready + "/day?" + query},
		}, 1, 8)
		if err != nil {
			return rows, err
		}
		var id string
		if err := c.db.QueryRow(ctx, `SELECT id::text FROM appointments WHERE doctor_id = $1 LIMIT 1`, d.ID).Scan(&id); err != nil {
			return rows, err
		}
		record := comparison{
			group: "Reading an appointment, against the bare query through Gin", what: "reads", one: "a read", target: 0.8,
			product:  bench.Request{Method: http.MethodGet, URL: c.base + "/v1/appointments/" + id, Header: as},
			baseline: bench.Request{Method: http.MethodGet, URL: gin.Ready + "/appointment?id=" + id},
		}
		more, err := s.compareReads(ctx, c, gin, record, 1, 8)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
		// The rule that each reading is on the disk before the record leaves has a price of its
		// own, whoever keeps it.
		record.group, record.target = "Reading an appointment, against the bare query that writes its audit line too", 0
		record.baseline.URL = gin.Ready + "/audited?id=" + id
		more, err = s.compareReads(ctx, c, gin, record, 1, 8)
		return append(rows, more...), err
	})
}

func (c *clinic) fillDay(ctx context.Context, d doctor, day time.Time) error {
	var requests []bench.Request
	for n := range dayVisits {
		requests = append(requests, c.bookingAt(d, d.Paid, c.patients[n], day.Add(time.Duration(n+3)*slotLength)))
	}
	_, err := load(ctx, "http", bench.HTTPPlan{
		Loop: bench.Loop{Clients: 1, Count: len(requests), Limit: time.Minute}, Requests: requests, Want: http.StatusCreated,
	})
	return err
}
