package appointment_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// world is the outside of a process: one row, its timeline, its payment and its
// messages, with the rules that the real ones have.
type world struct {
	mu       sync.Mutex
	clock    func() time.Time
	row      domain.Appointment
	timeline []domain.Event
	messages []domain.MessageKind
	intent   domain.Intent
	// switches
	captureRefused bool
	captureFails   func() bool
	openingLost    func() bool // the payment is opened, and the process is not told
	settled        int
	providerDown   func(now time.Time) bool
	foreignWrite   bool
	taken          map[time.Time]bool
	reminders      []domain.Reminder
	mailDown       bool      // no letter leaves
	noticeAt       time.Time // when the notice left, where not with the mark
	notices        int       // how often the process asked for it
	deliveries     []time.Time
	askedLast      bool   // somebody had a letter sent again just before the archive
	atArchive      func() // happens while the record goes to the archive
}

func (w *world) MessageSentAt(_ context.Context, _ string, kind domain.MessageKind) (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notices++
	if w.mailDown || !slices.Contains(w.messages, kind) {
		return time.Time{}, nil
	}
	if !w.noticeAt.IsZero() {
		return w.noticeAt, nil
	}
	for _, e := range slices.Backward(w.timeline) {
		if e.Kind == "not_attended" || e.Kind == "corrected" {
			return e.At, nil
		}
	}
	return time.Time{}, nil
}

func (w *world) ClaimProcess(context.Context, string, string, string) (domain.Appointment, bool, error) {
	return w.row, true, nil
}

func (w *world) ReportStuck(_ context.Context, _ string, code domain.Code) error {
	w.row.Stuck = code
	return nil
}

func (w *world) Transition(_ context.Context, t domain.Transition) (domain.TransitionResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.timeline {
		if e.Transition == t.ID {
			return domain.TransitionResult{Status: e.To, Version: e.Version, At: e.At, Visit: w.row.Visit}, nil
		}
	}
	if w.foreignWrite || t.Version != w.row.Version || !w.row.Status.MayBecome(t.To) {
		return domain.TransitionResult{}, domain.Errorf(domain.CodeStuck, "%s at %d cannot become %s from %d", w.row.Status, w.row.Version, t.To, t.Version)
	}
	if t.Visit != nil {
		if w.taken[t.Visit.Start] {
			return domain.TransitionResult{}, domain.Errorf(domain.CodeSlotTaken, "someone else holds this time")
		}
		w.row.Visit = *t.Visit
	}
	if t.Kept != nil {
		w.row.Kept = *t.Kept
	}
	if t.Fee != nil {
		w.row.Fee = *t.Fee
	}
	if t.Grace {
		w.row.Graces++
	}
	w.row.AnswerBy, w.row.PayBy, w.row.OverBy = later(w.row.AnswerBy, t.AnswerBy), later(w.row.PayBy, t.PayBy), later(w.row.OverBy, t.OverBy)
	w.timeline = append(w.timeline, domain.Event{
		Version: t.Version + 1, Transition: t.ID, Kind: t.Kind, From: w.row.Status, To: t.To, Actor: t.Actor, ReasonCode: t.ReasonCode, At: t.At,
	})
	if t.To == domain.StatusArchived && w.atArchive != nil {
		w.atArchive()
	}
	w.row.Status, w.row.Version = t.To, t.Version+1
	for _, m := range t.Messages {
		w.messages = append(w.messages, m.Kind)
	}
	return domain.TransitionResult{
		Status: t.To, Version: w.row.Version, At: t.At, Visit: w.row.Visit, LettersOwed: w.askedLast && t.To == domain.StatusArchived,
	}, nil
}

func (w *world) OpenPayment(_ context.Context, in acts.OpenPaymentInput) (acts.OpenPaymentResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.down(); err != nil {
		return acts.OpenPaymentResult{}, err
	}
	if w.row.Status != domain.StatusRequested {
		return acts.OpenPaymentResult{}, nil
	}
	if w.openingLost != nil && w.openingLost() {
		if w.intent.ID == "" {
			w.intent = domain.Intent{ID: "pi", Status: domain.PaymentAwaitingMethod, Amount: in.Amount, Generation: in.Generation}
		}
		return acts.OpenPaymentResult{}, temporal.NewApplicationError("no receipt", string(domain.CodeUnavailable))
	}
	if w.intent.ID != "" && w.intent.Generation == in.Generation {
		return acts.OpenPaymentResult{Wanted: true, IntentID: w.intent.ID, PayBy: in.Until}, nil
	}
	w.intent = domain.Intent{ID: "pi_" + in.AppointmentID, Status: domain.PaymentAwaitingMethod, Amount: in.Amount, Generation: in.Generation}
	w.messages = append(w.messages, domain.MessageRequestReceived)
	return acts.OpenPaymentResult{
		Wanted: true, IntentID: w.intent.ID,
		PayBy: later(w.row.Terms.PayBy(w.clock(), w.clock(), w.row.Visit.Start), w.row.PayBy),
	}, nil
}

func (w *world) ReadPayment(context.Context, acts.ReadPaymentInput) (domain.PaymentFact, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return domain.FactOf(w.intent), w.down()
}

func (w *world) CapturePayment(ctx context.Context, in acts.CapturePaymentInput) (acts.CapturePaymentResult, error) {
	if w.captureRefused {
		return acts.CapturePaymentResult{Refusal: "card_declined"}, nil
	}
	if w.captureFails != nil && w.captureFails() {
		return acts.CapturePaymentResult{}, temporal.NewApplicationError("no reply", string(domain.CodeVendorUnavailable))
	}
	w.mu.Lock()
	w.intent.Status, w.intent.Captured = domain.PaymentCaptured, w.intent.Amount.Minor
	fact := domain.FactOf(w.intent)
	w.mu.Unlock()
	moved, err := w.Transition(ctx, in.Captured)
	return acts.CapturePaymentResult{Moved: moved, Payment: fact}, err
}

func (w *world) SettlePayments(_ context.Context, in acts.SettlePaymentsInput) (acts.SettlePaymentsResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.down(); err != nil {
		return acts.SettlePaymentsResult{}, err
	}
	w.settled++
	if w.intent.Status == domain.PaymentCaptured {
		w.intent.Refunded = max(w.intent.Refunded, w.intent.Captured-in.Kept)
		return acts.SettlePaymentsResult{Refunded: w.intent.Refunded}, nil
	}
	w.intent.Status = domain.PaymentCancelled
	return acts.SettlePaymentsResult{Voided: 1}, nil
}

func (w *world) DeliverMail(_ context.Context, in acts.DeliverMailInput) (acts.DeliverMailResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reminders = append(w.reminders, in.Reminders...)
	w.deliveries = append(w.deliveries, w.clock().UTC())
	return acts.DeliverMailResult{}, nil
}

// later is next where it is set.
func later(old, next time.Time) time.Time {
	if next.IsZero() {
		return old
	}
	return next
}

func (w *world) down() error {
	if w.providerDown != nil && w.providerDown(w.clock()) {
		return domain.Errorf(domain.CodeVendorUnavailable, "down")
	}
	return nil
}

func (w *world) pay() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.intent.Status = domain.PaymentAuthorised
	w.intent.CaptureBefore = w.clock().Add(7 * 24 * time.Hour)
}

func (w *world) kinds() []string {
	var kinds []string
	for _, e := range w.timeline {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// run is a process in an environment whose clock jumps to the next timer.
type run struct {
	*world
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment
	in  appointment.Input
}

// booked is the instant at which every test's visit was booked: a Monday, 09:00 UTC.
var booked = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// newRun books a visit in five days for 80 euros; change may alter it.
func newRun(t *testing.T, change func(*domain.Appointment)) *run {
	t.Helper()
	terms := domain.DefaultTerms()
	terms.Price = domain.Money{Minor: 8000, Currency: "EUR"}
	terms.Zone = "Europe/Berlin"
	start := booked.Add(5 * 24 * time.Hour)
	a := domain.Appointment{
		ID: "0199", DoctorID: "doctor", Status: domain.StatusRequested, Version: 1, Generation: 1, Terms: terms,
		Visit: domain.Window{Start: start, End: start.Add(30 * time.Minute)}, CreatedAt: booked, UpdatedAt: booked,
	}
	if change != nil {
		change(&a)
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(booked)
	env.SetTestTimeout(20 * time.Second)
	r := &run{world: &world{row: a, taken: map[time.Time]bool{}}, t: t, env: env, in: appointment.InputOf(a)}
	r.clock = env.Now
	records := acts.NewRecords(r.world)
	acts.RegisterRecords(env, records)
	register := func(name string, fn any) { env.RegisterActivityWithOptions(fn, activityName(name)) }
	register(acts.OpenPayment, r.OpenPayment)
	register(acts.ReadPayment, r.ReadPayment)
	register(acts.CapturePayment, r.CapturePayment)
	register(acts.SettlePayments, r.SettlePayments)
	register(acts.DeliverMail, r.DeliverMail)
	return r
}

// at does something at an instant after the booking.
func (r *run) at(after time.Duration, do func()) { r.env.RegisterDelayedCallback(do, after) }

func (r *run) hint() {
	r.env.SignalWorkflow(appointment.SignalPaymentHint, appointment.PaymentHint{EventID: "evt", Type: "payment_intent.amount_capturable_updated"})
}

// answer is what a command led to.
type answer struct {
	outcome appointment.Outcome
	err     error
}

func (r *run) command(update, id string, c appointment.Command) *answer {
	a := &answer{}
	r.env.UpdateWorkflow(update, id, &testsuite.TestUpdateCallback{
		OnReject: func(err error) { a.err = err },
		OnAccept: func() {},
		OnComplete: func(v any, err error) {
			a.err = err
			if err == nil {
				a.outcome, _ = v.(appointment.Outcome)
			}
		},
	}, c)
	return a
}

func (r *run) finish() appointment.Result {
	r.t.Helper()
	r.env.ExecuteWorkflow(appointment.Workflow, r.in)
	require.True(r.t, r.env.IsWorkflowCompleted())
	require.NoError(r.t, r.env.GetWorkflowError())
	var result appointment.Result
	require.NoError(r.t, r.env.GetWorkflowResult(&result))
	return result
}
