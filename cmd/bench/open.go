package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/bench"
)

// slower is how much slower a step may be with many open appointments than with few.
const slower = 1.5

// measureOpen: what a worker and Temporal do with many open appointments, against few.
// Two clinics share one Temporal; their workers take turns.
func measureOpen(ctx context.Context, s *session) ([]bench.Row, error) {
	return s.withClinic(ctx, false, func(small *clinic) ([]bench.Row, error) {
		return s.withClinic(ctx, false, func(large *clinic) ([]bench.Row, error) {
			o := newOpenRows(s.size.large, s.size.small)
			err := s.fillClinics(ctx, o, small, large)
			for round := 0; round < s.rounds && err == nil; round++ {
				var many, few probe
				err = s.turns(ctx, 1,
					func(ctx context.Context, _ int) (err error) { many, err = s.probe(ctx, large); return err },
					func(ctx context.Context, _ int) (err error) { few, err = s.probe(ctx, small); return err })
				if err == nil {
					o.add(many, few)
					s.say("  round %d: %s; with few: %s", round+1, many, few)
				}
			}
			return o.rows(), err
		})
	})
}

// openRows are the figures of many open appointments.
type openRows struct {
	start, asked, command, timer, memory, flat, starting, size *bench.Row
}

func newOpenRows(large, small int) *openRows {
	group := fmt.Sprintf("%d open appointments, against %d", large, small)
	row := func(name, unit string, target float64) *bench.Row {
		return &bench.Row{Group: group, Name: name, Unit: unit, Sense: bench.LessIsBetter, Target: target}
	}
	o := &openRows{
		start: row("start of a worker until it is ready", "s", slower), asked: row("p50 from a booking until the doctor was written to", "ms", slower),
		command: row("p50 of cancelling a visit that the worker must replay", "ms", slower), timer: row("p90 of how late a timer is", "ms", slower),
		memory: row("memory of the worker", "MiB", 0), flat: row("memory of the worker, against the moment its cache was full", "MiB", slower),
		starting: row("starting processes: the last thousand, against the first", "/s", 0), size: row("Temporal's databases, for one appointment", "KiB", 0),
	}
	o.starting.Sense = bench.MoreIsBetter
	o.memory.Note = "a worker keeps 2,000 processes in memory, whatever is open"
	o.size.Note = "grows by the history of each; the databases of Temporal and its visibility together"
	return o
}

func (o *openRows) add(many, few probe) {
	o.start.Add(many.start.Seconds(), few.start.Seconds())
	o.asked.Add(many.asked, few.asked)
	o.command.Add(many.command, few.command)
	o.timer.Add(many.timer, few.timer)
}

func (o *openRows) rows() []bench.Row {
	return []bench.Row{*o.start, *o.asked, *o.command, *o.timer, *o.memory, *o.flat, *o.starting, *o.size}
}

// fillClinics opens few visits in the one clinic and many in the other.
func (s *session) fillClinics(ctx context.Context, o *openRows, small, large *clinic) error {
	few, err := s.fill(ctx, small, s.size.small)
	if err != nil {
		return err
	}
	// The worker's cache holds 2,000 processes: from then on its memory must not grow.
	full, err := s.fill(ctx, large, min(2*s.size.small, s.size.large))
	if err != nil {
		return err
	}
	many, err := s.fill(ctx, large, s.size.large)
	if err != nil {
		return err
	}
	o.memory.Add(many.memory, few.memory)
	o.flat.Add(many.memory, full.memory)
	o.starting.Add(many.rate, few.rate)
	o.size.Add(many.size, few.size)
	s.say("  worker %.0f MiB with %d open, %.0f MiB with %d; Temporal %.1f KiB for each", many.memory, s.size.large, few.memory, s.size.small, many.size)
	return nil
}

// filled is a clinic after its visits were opened.
type filled struct {
	memory float64 // MiB of the worker
	rate   float64 // processes started a second, of the last thousand
	size   float64 // KiB of Temporal's databases for each
}

// fill opens confirmed visits until there are n: rows, and a process for each, which
// resumes from the row.
func (s *session) fill(ctx context.Context, c *clinic, n int) (filled, error) {
	var f filled
	if c.worker.cmd == nil {
		if _, err := c.worker.start(ctx); err != nil {
			return f, err
		}
	}
	there, err := c.count(ctx, `SELECT count(*) FROM appointments`)
	if err != nil {
		return f, err
	}
	before, err := c.temporalSize(ctx)
	if err != nil {
		return f, err
	}
	if err := c.openVisits(ctx, there, n); err != nil {
		return f, err
	}
	err = c.awaitCount(ctx, 60*time.Minute, n, "every visit has its process", `SELECT count(process_run_id) FROM appointments`)
	if err != nil {
		return f, err
	}
	after, err := c.temporalSize(ctx)
	if err != nil {
		return f, err
	}
	f.size = float64(after-before) / float64(max(n-there, 1)) / 1024
	used, err := c.worker.usage()
	f.memory = used.MiB()
	return f, errors.Join(err, c.db.QueryRow(ctx, `SELECT count(*) / greatest(extract(epoch FROM max(at) - min(at)), 0.001)
		FROM (SELECT process_claimed_at AS at FROM appointments ORDER BY 1 DESC LIMIT $1) latest`, min(1000, n)).Scan(&f.rate))
}

// openVisits inserts confirmed visits a week ahead and later, with their outbox rows.
func (c *clinic) openVisits(ctx context.Context, from, to int) error {
	var batch pgx.Batch
	for k := from; k < to; k++ {
		d, start := c.slot(k + doctors*72*5)
		who := c.patients[k%len(c.patients)]
		batch.Queue(`WITH added AS (
				INSERT INTO appointments (id, doctor_id, patient_id, booked_by, type_id, status, starts_at, ends_at, occupied, local_start, terms)
				SELECT gen_random_uuid(), $1, $2, $3, $4, 'confirmed', $5::timestamptz, $5 + interval '20 minutes', tstzrange($5, $5 + interval '20 minutes'),
				       to_char($5 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), $6::jsonb
				RETURNING id), noted AS (
				INSERT INTO appointment_events (appointment_id, seq, version, transition_id, kind, from_status, to_status, actor_kind)
				SELECT id, 1, 1, 'booked', 'booked', 'requested', 'confirmed', 'system' FROM added)
			INSERT INTO outbox (topic, dedupe_key, appointment_id) SELECT 'start', 'start/' || id, id FROM added`,
			d.ID, who.ID, who.AccountID, d.Free, start, openTerms)
	}
	if err := c.db.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	_, err := c.db.Exec(ctx, `ANALYZE appointments`)
	return err
}

// openTerms are the default terms of a free visit.
const openTerms = `{"price":{"minor":0,"currency":"EUR"},"payment_window":"15m","payment_window_max":"1h","answer_deadline":"24h","answer_cutoff":"2h",
	"capture_margin":"12h","reminders":["48h","24h","2h"],"refund_tiers":[{"before":"24h","percent":100}],"no_show_grace":"1h","reschedule_limit":3,
	"reschedule_until":"24h","retention":"720h","zone":"Europe/Berlin"}`

func (c *clinic) temporalSize(ctx context.Context) (int64, error) {
	var size int64
	err := c.db.QueryRow(ctx, `SELECT sum(pg_database_size(datname))::bigint FROM pg_database WHERE datname IN ('temporal', 'temporal_visibility')`).Scan(&size)
	return size, err
}

// probe is how a clinic does at the moment.
type probe struct {
	start                 time.Duration
	asked, command, timer float64 // ms
}

func (p probe) String() string {
	return fmt.Sprintf("start %.2f s, asked %.0f ms, command %.0f ms, timer %.0f ms late", p.start.Seconds(), p.asked, p.command, p.timer)
}

// probe starts the clinic's worker and watches the steps of new and of old visits.
func (s *session) probe(ctx context.Context, c *clinic) (probe, error) {
	var p probe
	c.worker.stop()
	took, err := c.worker.start(ctx)
	if err != nil {
		return p, err
	}
	defer c.worker.stop()
	p.start = took
	if p.command, err = s.cancelOld(ctx, c); err != nil {
		return p, err
	}
	p.asked, p.timer, err = s.bookHasty(ctx, c)
	return p, err
}

// cancelOld cancels visits whose processes the worker has not in memory.
func (s *session) cancelOld(ctx context.Context, c *clinic) (p50 float64, err error) {
	rows, err := c.db.Query(ctx, `SELECT a.id::text, a.doctor_id::text FROM appointments a WHERE status = 'confirmed' ORDER BY id LIMIT $1`, s.size.probes)
	if err != nil {
		return 0, err
	}
	tokens := map[string]string{}
	for _, d := range c.doctors {
		tokens[d.ID] = d.Token
	}
	var requests []bench.Request
	for rows.Next() {
		var id, doctorID string
		if err := rows.Scan(&id, &doctorID); err != nil {
			return 0, err
		}
		r := c.command(id, "cancel", tokens[doctorID])
		r.Body, r.Header["Content-Type"] = []byte(`{"reason_code":"clinic_closed"}`), "application/json"
		requests = append(requests, r)
	}
	if rows.Err() != nil {
		return 0, rows.Err()
	}
	r, err := load(ctx, "http", bench.HTTPPlan{
		Loop: bench.Loop{Clients: 2, Count: len(requests), Limit: time.Minute, Warmup: len(requests) / 4}, Requests: requests, Want: http.StatusOK,
	})
	return r.P(50), err
}

// hastyLoop books one after the other: how late a timer is, and not how long forty take that
// fire together.
func hastyLoop(n int) bench.Loop {
	return bench.Loop{Clients: 1, Count: n, Limit: time.Minute, Pause: 100 * time.Millisecond}
}

// bookHasty books visits whose doctors have three seconds to answer, and do not: it times
// the first steps, and how late the deadline's timer fires.
func (s *session) bookHasty(ctx context.Context, c *clinic) (asked, late float64, err error) {
	began := time.Now()
	requests := make([]bench.Request, s.size.probes)
	for k := range requests {
		d, start := c.slot(k)
		requests[k] = c.bookingAt(d, d.Hasty, c.patients[k], start)
	}
	_, err = load(ctx, "http", bench.HTTPPlan{Loop: hastyLoop(len(requests)), Requests: requests, Want: http.StatusCreated})
	if err != nil {
		return 0, 0, err
	}
	err = c.awaitCount(ctx, 2*time.Minute, len(requests), "the deadlines of all are over",
		`SELECT count(*) FROM appointments WHERE status = 'expired' AND created_at >= $1`, began)
	if err != nil {
		return 0, 0, err
	}
	waits, err := c.milliseconds(ctx, `SELECT m.sent_at - a.created_at FROM messages m JOIN appointments a ON a.id = m.appointment_id
		WHERE m.kind = 'request_to_doctor' AND m.status = 'sent' AND a.created_at >= $1`, began)
	if err != nil {
		return 0, 0, err
	}
	delays, err := c.milliseconds(ctx, `SELECT e.at - a.answer_by FROM appointment_events e JOIN appointments a ON a.id = e.appointment_id
		WHERE e.kind = 'expired' AND a.created_at >= $1`, began)
	return bench.Percentile(waits, 50), bench.Percentile(delays, 90), err
}

// milliseconds reads intervals, sorted.
func (c *clinic) milliseconds(ctx context.Context, query string, args ...any) ([]float64, error) {
	rows, err := c.db.Query(ctx, `SELECT extract(epoch FROM took)::float8 * 1000 FROM (`+query+`) AS t(took)`, args...)
	if err != nil {
		return nil, err
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	slices.Sort(values)
	return values, err
}
