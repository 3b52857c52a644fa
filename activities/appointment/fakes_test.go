package appointment_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

const id = "01990000-0000-7000-8000-00000000aaaa"

var (
	price = domain.Money{Minor: 8000, Currency: "EUR"}
	down  = domain.Errorf(domain.CodeVendorUnavailable, "not now")
)

// run carries an activity out as a worker does, its result and error through the wire's form.
func run[T any](t *testing.T, activity any, in any) (T, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(activity)
	value, err := env.ExecuteActivity(activity, in)
	var result T
	if err == nil {
		require.NoError(t, value.Get(&result))
	}
	return result, err
}

// application is an activity's error as Temporal sees it.
func application(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	return app
}

// provider is a payment provider that remembers its keys, as Stripe does.
type provider struct {
	intents map[string]domain.Intent
	byKey   map[string]string // key to intent or refund
	keys    []string          // of every call that moves money, in order
	refunds map[string]domain.Refund
	finds   int
	// failing is returned by the call of that name, once.
	failing map[string]error
	// lost carries the call of that name out and loses its reply, once.
	lost         map[string]bool
	refundStatus string
	// paying has an intent paid just before it is cancelled.
	paying bool
}

func newProvider(intents ...domain.Intent) *provider {
	p := &provider{
		intents: map[string]domain.Intent{}, byKey: map[string]string{}, refunds: map[string]domain.Refund{},
		failing: map[string]error{}, lost: map[string]bool{}, refundStatus: "succeeded",
	}
	for _, i := range intents {
		p.intents[i.ID] = i
	}
	return p
}

func (p *provider) fails(call string) error {
	err := p.failing[call]
	delete(p.failing, call)
	return err
}

func (p *provider) reply(call string) error {
	if p.lost[call] {
		delete(p.lost, call)
		return down
	}
	return nil
}

func (p *provider) CreateIntent(_ context.Context, r domain.IntentRequest) (domain.Intent, error) {
	p.keys = append(p.keys, r.IdempotencyKey)
	if err := p.fails("create"); err != nil {
		return domain.Intent{}, err
	}
	if known, ok := p.byKey[r.IdempotencyKey]; ok {
		return p.intents[known], nil
	}
	i := domain.Intent{
		ID: fmt.Sprintf("pi_%d", len(p.intents)+1), ClientSecret: "secret", Status: domain.PaymentAwaitingMethod,
		Amount: r.Amount, AppointmentID: r.AppointmentID, Generation: r.Generation,
	}
	p.intents[i.ID], p.byKey[r.IdempotencyKey] = i, i.ID
	return i, p.reply("create")
}

func (p *provider) FindIntents(_ context.Context, appointmentID string, _ time.Time) ([]domain.Intent, error) {
	p.finds++
	if err := p.fails("find"); err != nil {
		return nil, err
	}
	var found []domain.Intent
	for _, i := range p.intents {
		if i.AppointmentID == appointmentID {
			found = append(found, i)
		}
	}
	return found, nil
}

func (p *provider) GetIntent(_ context.Context, intentID string) (domain.Intent, error) {
	return p.intents[intentID], p.fails("get")
}

func (p *provider) Capture(_ context.Context, intentID, key string) (domain.Intent, error) {
	p.keys = append(p.keys, key)
	if err := p.fails("capture"); err != nil {
		return domain.Intent{}, err
	}
	i := p.intents[intentID]
	if i.Status == domain.PaymentAuthorised {
		i.Status, i.Captured = domain.PaymentCaptured, i.Amount.Minor
		p.intents[intentID] = i
	}
	return i, p.reply("capture")
}

func (p *provider) Cancel(_ context.Context, intentID, key string) (domain.Intent, error) {
	p.keys = append(p.keys, key)
	if err := p.fails("cancel"); err != nil {
		return domain.Intent{}, err
	}
	i := p.intents[intentID]
	if i.Status != domain.PaymentCaptured {
		if p.paying || i.Status == domain.PaymentAuthorised {
			i.LetGo = i.Amount.Minor
		}
		i.Status = domain.PaymentCancelled
		p.intents[intentID] = i
	}
	return i, p.reply("cancel")
}

func (p *provider) Refund(_ context.Context, r domain.RefundRequest) (domain.Refund, error) {
	p.keys = append(p.keys, r.IdempotencyKey)
	if err := p.fails("refund"); err != nil {
		return domain.Refund{}, err
	}
	if known, ok := p.refunds[r.IdempotencyKey]; ok {
		return known, nil
	}
	refund := domain.Refund{ID: "re_" + r.IdempotencyKey, Status: p.refundStatus, Minor: r.Minor, Key: r.IdempotencyKey}
	p.refunds[r.IdempotencyKey] = refund
	if refund.Status == "succeeded" || refund.Status == "pending" {
		i := p.intents[r.IntentID]
		i.Refunded += r.Minor
		p.intents[r.IntentID] = i
	}
	return refund, p.reply("refund")
}

// ListRefunds lists what was asked for here, after what an intent came with.
func (p *provider) ListRefunds(_ context.Context, intentID string) ([]domain.Refund, error) {
	before := p.intents[intentID].Refunded
	var made []domain.Refund
	for _, key := range p.keys {
		if r, ok := p.refunds[key]; ok && !slices.Contains(made, r) {
			made = append(made, r)
			if r.Status != "failed" && r.Status != "canceled" {
				before -= r.Minor
			}
		}
	}
	if before > 0 {
		made = append([]domain.Refund{{ID: "re_before", Status: "succeeded", Minor: before}}, made...)
	}
	return made, nil
}

// books are the rows that the activities write.
type books struct {
	wanted      bool
	payments    []domain.RecordedPayment
	payBy       time.Time
	facts       []domain.Fact
	transitions []domain.Transition
	refunds     []domain.RecordedRefund
	cases       []domain.CaseOpening
	failing     error // returned by the next write, once
	claimed     string
}

func (b *books) fails() error {
	err := b.failing
	b.failing = nil
	return err
}

func (b *books) PaymentWanted(_ context.Context, _ string, generation int) (bool, *domain.RecordedPayment, time.Time, error) {
	for _, p := range b.payments {
		if p.Generation == generation {
			return b.wanted, &p, b.payBy, nil
		}
	}
	return b.wanted, nil, time.Time{}, nil
}

func (b *books) RecordPayment(_ context.Context, _ string, generation int, i domain.Intent, payable time.Time) (time.Time, error) {
	if err := b.fails(); err != nil {
		return time.Time{}, err
	}
	b.payments = append(b.payments, domain.RecordedPayment{Generation: generation, Amount: i.Amount, PaymentFact: domain.FactOf(i)})
	b.payBy = payable.Add(15 * time.Minute)
	return b.payBy, nil
}

func (b *books) Payments(context.Context, string) ([]domain.RecordedPayment, error) {
	return b.payments, b.fails()
}

func (b *books) RecordFact(_ context.Context, f domain.Fact) error {
	if err := b.fails(); err != nil {
		return err
	}
	for _, known := range b.facts {
		if known.ID == f.ID {
			return nil
		}
	}
	b.facts = append(b.facts, f)
	for i := range b.payments {
		if b.payments[i].IntentID == f.Payment.IntentID {
			b.payments[i].PaymentFact = f.Payment
		}
	}
	return nil
}

func (b *books) MessageSentAt(context.Context, string, domain.MessageKind) (time.Time, error) {
	return b.payBy, b.fails()
}

func (b *books) Refunds(context.Context, string) ([]domain.RecordedRefund, error) {
	return slices.Clone(b.refunds), nil
}

func (b *books) BeginRefund(_ context.Context, r domain.RefundBegin) (domain.RecordedRefund, error) {
	for _, known := range b.refunds {
		if known.Status == domain.RefundBegun {
			return known, nil
		}
	}
	if r.Known != len(b.refunds) {
		return domain.RecordedRefund{}, domain.Errorf(domain.CodeConflict, "another came first")
	}
	n := len(b.refunds) + 1
	begun := domain.RecordedRefund{Number: n, Key: fmt.Sprintf("refund/%s/%d", r.IntentID, n), Minor: r.Minor, Status: domain.RefundBegun, Origin: r.By}
	b.refunds = append(b.refunds, begun)
	return begun, nil
}

// BookRefund books as the database does; what an intent came with is in the books.
func (b *books) BookRefund(ctx context.Context, r domain.RefundBooking) (bool, error) {
	if err := b.fails(); err != nil {
		return false, err
	}
	status, at := domain.RefundStatusOf(r.Refund.Status), -1
	for i, known := range b.refunds {
		if known.RefundID == r.Refund.ID || (known.RefundID == "" && known.Key == r.Refund.Key) {
			at = i
		}
	}
	if at < 0 {
		b.refunds = append(b.refunds, domain.RecordedRefund{Number: len(b.refunds) + 1, Minor: r.Refund.Minor})
		at = len(b.refunds) - 1
	}
	b.refunds[at].RefundID, b.refunds[at].Status, b.refunds[at].ErrorCode = r.Refund.ID, status, r.ErrorCode
	if status == domain.RefundFailed {
		return true, nil
	}
	var back int64
	for _, known := range b.refunds {
		if known.Status != domain.RefundFailed && known.Status != domain.RefundBegun {
			back += known.Minor
		}
	}
	for _, p := range b.payments {
		if p.IntentID == r.IntentID && p.Refunded < back {
			fact := p.PaymentFact
			fact.Refunded = back
			return true, b.RecordFact(ctx, domain.Fact{
				ID: "refunded/" + r.Refund.ID, Kind: "payment_refunded", Payment: fact,
				Messages: []domain.MessageIntent{{Kind: domain.MessageRefunded, Recipient: domain.RecipientPatient}},
			})
		}
	}
	return true, nil
}

func (b *books) OpenCase(_ context.Context, o domain.CaseOpening) error {
	b.cases = append(b.cases, o)
	return b.fails()
}

func (b *books) ReportStuck(context.Context, string, domain.Code) error { return b.fails() }

func (b *books) Transition(_ context.Context, t domain.Transition) (domain.TransitionResult, error) {
	if err := b.fails(); err != nil {
		return domain.TransitionResult{}, err
	}
	b.transitions = append(b.transitions, t)
	return domain.TransitionResult{Status: t.To, Version: t.Version + 1, At: t.At}, nil
}

func (b *books) ClaimProcess(_ context.Context, appointmentID, runID, replaces string) (domain.Appointment, bool, error) {
	if err := b.fails(); err != nil {
		return domain.Appointment{}, false, err
	}
	if b.claimed != "" && b.claimed != runID && b.claimed != replaces {
		return domain.Appointment{}, false, nil
	}
	b.claimed = runID
	return domain.Appointment{ID: appointmentID}, true, nil
}

var (
	_ acts.PaymentProvider = (*provider)(nil)
	_ acts.PaymentStore    = (*books)(nil)
	_ acts.RecordStore     = (*books)(nil)

	errDatabase = errors.New("connection refused")
)
