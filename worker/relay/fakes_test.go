package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/worker/relay"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/paymentcase"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// entry is a row of the outbox and what became of it.
type entry struct {
	domain.OutboxRow
	due       time.Time
	leased    time.Time
	done      bool
	parked    string
	postponed []time.Duration
	reason    string
}

// outbox is the database's: the oldest row of each appointment, by lease.
type outbox struct {
	mu      sync.Mutex
	rows    []*entry
	visits  map[string]domain.Appointment
	lost    map[string]error // reading these visits fails
	leases  int
	largest int // most rows asked for at once
	failing int // so many leases fail
	awake   func()
	receipt func(ctx context.Context) // called by each receipt
}

func newOutbox() *outbox {
	return &outbox{visits: map[string]domain.Appointment{}, lost: map[string]error{}}
}

// add owes something for a visit and returns the row.
func (o *outbox) add(topic domain.OutboxTopic, visit string, payload any) *entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	if _, known := o.visits[visit]; !known {
		o.visits[visit] = domain.Appointment{ID: visit, Status: domain.StatusRequested}
	}
	e := &entry{OutboxRow: domain.OutboxRow{ID: int64(len(o.rows) + 1), Topic: topic, AppointmentID: visit, Payload: body, CreatedAt: time.Now()}}
	o.rows = append(o.rows, e)
	return e
}

func (o *outbox) LeaseOutbox(_ context.Context, n int, lease time.Duration) ([]domain.OutboxRow, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leases++
	o.largest = max(o.largest, n)
	if o.failing > 0 {
		o.failing--
		return nil, errors.New("connection refused")
	}
	var rows []domain.OutboxRow
	var before []string // visits with an older row
	for _, e := range o.rows {
		if e.done || e.parked != "" {
			continue
		}
		older := slices.Contains(before, e.AppointmentID)
		before = append(before, e.AppointmentID)
		if older || len(rows) == n || e.due.After(time.Now()) || e.leased.After(time.Now()) {
			continue
		}
		e.leased = time.Now().Add(lease)
		e.Attempts++
		rows = append(rows, e.OutboxRow)
	}
	return rows, nil
}

func (o *outbox) write(ctx context.Context, id int64, change func(*entry)) error {
	if o.receipt != nil {
		o.receipt(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.rows[id-1]
	e.leased = time.Time{}
	change(e)
	return nil
}

func (o *outbox) FinishOutbox(ctx context.Context, id int64) error {
	return o.write(ctx, id, func(e *entry) { e.done = true })
}

func (o *outbox) PostponeOutbox(ctx context.Context, id int64, delay time.Duration, reason string) error {
	return o.write(ctx, id, func(e *entry) {
		e.postponed, e.reason, e.due = append(e.postponed, delay), reason, time.Now().Add(delay)
	})
}

// RouteToCase takes the events of the intent pi_case.
func (o *outbox) RouteToCase(_ context.Context, row domain.OutboxRow, event domain.WebhookPayload) (bool, error) {
	if event.IntentID != "pi_case" {
		return false, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rows[row.ID-1].Topic = domain.TopicPaymentCase
	return true, nil
}

func (o *outbox) ParkOutbox(ctx context.Context, id int64, reason string) error {
	return o.write(ctx, id, func(e *entry) { e.parked = reason })
}

func (o *outbox) OutboxBacklog(context.Context) (int64, time.Duration, error) {
	return 3, time.Minute, nil
}

func (o *outbox) Listen(ctx context.Context, awake func()) error {
	o.mu.Lock()
	o.awake = awake
	o.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (o *outbox) ProcessInput(_ context.Context, id string) (domain.Appointment, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.lost[id]; err != nil {
		return domain.Appointment{}, err
	}
	return o.visits[id], nil
}

func (o *outbox) allDone() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !slices.ContainsFunc(o.rows, func(e *entry) bool { return !e.done && e.parked == "" })
}

// temporal takes calls and answers as it is told.
type temporal struct {
	mu       sync.Mutex
	calls    []string
	inFlight int
	most     int
	// answer decides a call; nil answers at once.
	answer func(ctx context.Context, call string) error
}

func (p *temporal) call(ctx context.Context, what string) error {
	p.mu.Lock()
	p.calls = append(p.calls, what)
	p.inFlight++
	p.most = max(p.most, p.inFlight)
	p.mu.Unlock()
	defer func() { p.mu.Lock(); p.inFlight--; p.mu.Unlock() }()
	if p.answer == nil {
		return nil
	}
	return p.answer(ctx, what)
}

func (p *temporal) Start(ctx context.Context, a domain.Appointment) error {
	return p.call(ctx, "start "+a.ID)
}

func (p *temporal) Hint(ctx context.Context, a domain.Appointment, h appointment.PaymentHint) error {
	return p.call(ctx, "hint "+a.ID+" "+h.Type)
}

func (p *temporal) DeliverMessage(ctx context.Context, a domain.Appointment, m appointment.MessageOwed) error {
	return p.call(ctx, "deliver "+a.ID+" "+m.MessageID)
}

func (p *temporal) Command(ctx context.Context, a domain.Appointment, update, updateID string, c appointment.Command, _ time.Duration) (appointment.Outcome, error) {
	return appointment.Outcome{}, p.call(ctx, update+" "+a.ID+" "+updateID+" "+c.ReasonCode)
}

func (p *temporal) Deliver(ctx context.Context, accountID string) error {
	return p.call(ctx, "deliver "+accountID)
}

func (p *temporal) CaseNews(ctx context.Context, _, intentID string, news paymentcase.News) error {
	return p.call(ctx, "case "+intentID+" "+news.Type)
}

func (p *temporal) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// relaying runs a relay in a bubble with a clock of its own, which moves on when
// everything waits; the test says when to stop.
func relaying(t *testing.T, cfg relay.Config, o *outbox, p *temporal, test func(t *testing.T, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := relay.New(cfg, o, p, p, p, relay.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler))
		ended := make(chan struct{})
		go func() { defer close(ended); r.Run(ctx) }()
		stop := func() { cancel(); <-ended }
		defer stop()
		test(t, stop)
	})
}

// pass lets so much of the bubble's time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func await(t *testing.T, o *outbox) {
	t.Helper()
	for range 10_000 {
		if o.allDone() {
			return
		}
		pass(100 * time.Millisecond)
	}
	require.Fail(t, "rows are left over")
}
