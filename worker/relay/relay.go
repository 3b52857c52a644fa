// Package relay moves what the database owes Temporal out of the outbox: processes to
// start, news of payments, deferred commands, letters of accounts. Rows are leased, at most the oldest one
// of each appointment, and no transaction stays open over a call; each receiver bears
// a row twice, because a relay may die between the call and its receipt.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/paymentcase"
)

// Outbox is where rows wait.
type Outbox interface {
	LeaseOutbox(ctx context.Context, n int, lease time.Duration) ([]domain.OutboxRow, error)
	FinishOutbox(ctx context.Context, id int64) error
	PostponeOutbox(ctx context.Context, id int64, delay time.Duration, reason string) error
	// ParkOutbox keeps a row for people: it matches no running process.
	ParkOutbox(ctx context.Context, id int64, reason string) error
	OutboxBacklog(ctx context.Context) (waiting int64, oldest time.Duration, err error)
	Listen(ctx context.Context, awake func()) error
	ProcessInput(ctx context.Context, appointmentID string) (domain.Appointment, error)
	// RouteToCase makes an event's row the one of its intent's payment case, where it is a
	// matter for one.
	RouteToCase(ctx context.Context, row domain.OutboxRow, event domain.WebhookPayload) (routed bool, err error)
}

// Processes reaches Temporal.
type Processes interface {
	Start(ctx context.Context, a domain.Appointment) error
	Hint(ctx context.Context, a domain.Appointment, hint appointment.PaymentHint) error
	DeliverMessage(ctx context.Context, a domain.Appointment, message appointment.MessageOwed) error
	Command(ctx context.Context, a domain.Appointment, update, updateID string, c appointment.Command, wait time.Duration) (appointment.Outcome, error)
}

// Accounts delivers the letters of accounts.
type Accounts interface {
	// Deliver has what an account owes its owner delivered; again, it does no harm.
	Deliver(ctx context.Context, accountID string) error
}

// Cases reaches the processes of payment cases.
type Cases interface {
	CaseNews(ctx context.Context, appointmentID, intentID string, news paymentcase.News) error
}

// Config bounds the relay.
type Config struct {
	// InFlight is how many rows are relayed at once. Defaults to 8.
	InFlight int
	// Starts is how many of them start processes. A start costs Temporal more than anything a
	// running process does, so a rush must starve neither what runs nor the bookings that
	// still come. Defaults to the number of processors, 2 at least.
	Starts int
	// Poll is how often the outbox is looked at without a wake-up. Defaults to 1 s.
	Poll time.Duration
	// Lease is how long a row is this relay's. Longer than any call. Defaults to 30 s.
	Lease time.Duration
}

func (c Config) withDefaults() Config {
	if c.InFlight <= 0 {
		c.InFlight = 8
	}
	if c.Starts <= 0 {
		c.Starts = max(2, runtime.GOMAXPROCS(0))
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.Lease <= 0 {
		c.Lease = 30 * time.Second
	}
	return c
}

// Relay is one relay. Several may run beside each other.
type Relay struct {
	cfg       Config
	outbox    Outbox
	processes Processes
	accounts  Accounts
	cases     Cases
	metrics   *Metrics
	log       *slog.Logger
	starting  chan struct{} // a place for each start that is under way
}

// New returns a relay that is not running yet.
func New(cfg Config, outbox Outbox, processes Processes, accounts Accounts, cases Cases, metrics *Metrics, log *slog.Logger) *Relay {
	cfg = cfg.withDefaults()
	return &Relay{
		cfg: cfg, outbox: outbox, processes: processes, accounts: accounts, cases: cases, metrics: metrics, log: log,
		starting: make(chan struct{}, cfg.Starts),
	}
}

// Run relays until ctx ends, and returns when everything in flight has ended.
func (r *Relay) Run(ctx context.Context) {
	awake := make(chan struct{}, 1)
	wake := func() {
		select {
		case awake <- struct{}{}:
		default:
		}
	}
	var tasks sync.WaitGroup
	tasks.Go(func() { r.listen(ctx, wake) })
	slots := make(chan struct{}, r.cfg.InFlight)
	for ctx.Err() == nil {
		leased := r.lease(ctx, slots)
		for _, row := range leased {
			tasks.Go(func() {
				defer func() { <-slots; wake() }()
				r.relay(ctx, row)
			})
		}
		if len(leased) > 0 {
			continue // look again at once, as far as slots are free
		}
		select {
		case <-ctx.Done():
		case <-awake:
		case <-time.After(r.cfg.Poll):
		}
	}
	tasks.Wait()
}

// lease takes as many rows as there are free slots, and waits for one slot at least.
func (r *Relay) lease(ctx context.Context, slots chan struct{}) []domain.OutboxRow {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	taken := 1
	for taken < r.cfg.InFlight {
		select {
		case slots <- struct{}{}:
			taken++
			continue
		default:
		}
		break
	}
	rows, err := r.outbox.LeaseOutbox(ctx, taken, r.cfg.Lease)
	if err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "the outbox cannot be read", "error", err)
	}
	for range taken - len(rows) {
		<-slots
	}
	return rows
}

// listen keeps a connection for wake-ups. When it breaks, polling goes on meanwhile.
func (r *Relay) listen(ctx context.Context, wake func()) {
	for ctx.Err() == nil {
		if err := r.outbox.Listen(ctx, wake); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "wake-ups are lost, polling goes on", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.cfg.Poll):
		}
	}
}

// relay delivers one row and writes down what became of it.
func (r *Relay) relay(ctx context.Context, row domain.OutboxRow) {
	callCtx, cancel := context.WithTimeout(ctx, r.cfg.Lease*2/3)
	defer cancel()
	if row.Topic == domain.TopicStart {
		select {
		case r.starting <- struct{}{}:
			defer func() { <-r.starting }()
		case <-callCtx.Done(): // it fails below, and is put back while the row is still ours
		}
	}
	done := r.metrics.begin(row)
	callCtx, span := telemetry.Span(telemetry.ContinueTrace(callCtx, row.Traceparent), "relay "+string(row.Topic), trace.SpanKindConsumer)
	err := r.deliver(callCtx, row)
	telemetry.EndSpan(span, err != nil)
	done(err)
	// The receipt is written also while the relay is being stopped.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var parked *parkedError
	switch {
	case err == nil:
		err = r.outbox.FinishOutbox(ctx, row.ID)
	case errors.As(err, &parked):
		err = r.outbox.ParkOutbox(ctx, row.ID, parked.reason)
	default:
		r.log.WarnContext(ctx, "not relayed yet", "topic", row.Topic, "appointment_id", row.AppointmentID, "account_id", row.AccountID, "attempts", row.Attempts, "code", domain.CodeOf(err))
		err = r.outbox.PostponeOutbox(ctx, row.ID, backoff(row.Attempts), string(domain.CodeOf(err)))
	}
	if err != nil {
		r.log.ErrorContext(ctx, "the outbox cannot be written: the row is relayed again when its lease ends", "outbox_id", row.ID, "error", err)
	}
}

// backoff grows from half a second to half a minute.
func backoff(attempts int) time.Duration {
	d := 500 * time.Millisecond << min(max(attempts-1, 0), 6)
	return min(d, 30*time.Second)
}
