package appointment

import (
	"errors"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
)

// process is the state of one visit's workflow. The row in the database is the truth
// that others read; this is the same truth as its only writer knows it.
type process struct {
	id       string
	doctorID string
	terms    domain.Terms
	bookedAt time.Time
	replaces string

	status      domain.Status
	version     int
	generation  int
	visit       domain.Window
	payBy       time.Time
	answerBy    time.Time
	changedAt   time.Time // last transition
	endedAt     time.Time
	kept        int64 // minor units of the captured money that stay with the clinic
	reschedules int
	payment     PaymentHandle
	opening     workflow.Future // a payment being opened, until its result was read
	reminder    int             // index of the next reminder in the terms
	overBy      time.Time       // a visit that is over is put off until then: we were down over its end
	graces      int             // deadlines put off because we were down over them
	fee         domain.NoShowFee
	noticesFees bool // see feeChange
	settling    bool // money may be on its way back

	claimed    bool
	superseded bool
	broken     error // set once when a transition found the row written by someone else
	hints      int   // payment hints not looked at yet
	closing    bool

	owed       bool // the ledger may hold messages to deliver
	delivering bool // the mail runs beside the phases and has not ended
	reminders  []domain.Reminder

	// writing serialises transitions: each starts from the version the last one left.
	writing workflow.Mutex
	shown   shownStep
	log     log.Logger
}

func setup(ctx workflow.Context, in Input) (*process, error) {
	p := resume(in)
	p.writing = workflow.NewMutex(ctx)
	p.log = log.With(workflow.GetLogger(ctx), "appointment_id", in.AppointmentID)
	p.shown = p.standing() // what Attributes gave it at its start
	workflow.SetCurrentDetails(ctx, p.details())
	p.listen(ctx)
	return p, p.handleCommands(ctx)
}

// resume is a process as its input says.
func resume(in Input) *process {
	p := &process{
		id: in.AppointmentID, doctorID: in.DoctorID, terms: in.Terms, bookedAt: in.BookedAt, replaces: in.Replaces,
		status: in.Status, version: in.Version, generation: in.Generation, visit: in.Visit, payBy: in.PayBy,
		answerBy: in.AnswerBy, changedAt: in.ChangedAt, endedAt: in.EndedAt, kept: in.Kept, reschedules: in.Reschedules,
		payment: in.Payment, owed: in.Version > 1, overBy: in.OverBy, graces: in.Graces,
	}
	if in.Fee != nil {
		p.fee = *in.Fee
	}
	p.reminder = p.terms.FirstReminder(p.changedAt, p.visit.Start)
	return p
}

// listen counts payment hints, and heeds messages that others have put into the ledger. A
// hint is never believed, only a reason to look.
func (p *process) listen(ctx workflow.Context) {
	hints := workflow.GetSignalChannel(ctx, SignalPaymentHint)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var hint PaymentHint
			hints.Receive(ctx, &hint)
			p.hints++
		}
	})
	owed := workflow.GetSignalChannel(ctx, SignalMessageOwed)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var message MessageOwed
			owed.Receive(ctx, &message)
			// A release that did not know this signal let it pass: its histories hold no
			// delivery here. Lives without such a signal never come by.
			if workflow.GetVersion(ctx, changeMessageOwed, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
				continue
			}
			p.owed = true
		}
	})
}

// changeMessageOwed marks, in a life that gets the signal, that it is heeded.
const changeMessageOwed = "message-owed"

// claim makes this run the one process of the visit. Temporal's own guard against a
// second run lasts only as long as its retention; the row's lasts as long as the row.
func (p *process) claim(ctx workflow.Context) (bool, error) {
	var mine bool
	err := workflow.ExecuteLocalActivity(claiming(ctx), acts.Claim, acts.ClaimInput{
		AppointmentID: p.id, RunID: workflow.GetInfo(ctx).WorkflowExecution.RunID, Replaces: p.replaces,
	}).Get(ctx, &mine)
	p.claimed, p.superseded = mine, err == nil && !mine
	return mine, err
}

// move carries out one transition under the lock and takes over what it led to. Its
// error is the activity's: a refusal (slot_taken, ...) leaves everything as it was.
func (p *process) move(ctx workflow.Context, t domain.Transition) error {
	t.AppointmentID, t.Version, t.At = p.id, p.version, workflow.Now(ctx).UTC()
	var moved domain.TransitionResult
	err := workflow.ExecuteActivity(recording(ctx, t.Kind), acts.Transition, t).Get(ctx, &moved)
	if err != nil {
		if codeOf(err) == domain.CodeStuck {
			p.broken = err
		}
		return err
	}
	p.moved(ctx, t, moved)
	return nil
}

// moved takes over a transition that is in the row.
func (p *process) moved(ctx workflow.Context, t domain.Transition, r domain.TransitionResult) {
	confirmed := r.Status == domain.StatusConfirmed && p.status != domain.StatusConfirmed
	ended := r.Status.Ended() && r.Status != domain.StatusArchived && r.Status != p.status
	p.status, p.version, p.changedAt = r.Status, r.Version, r.At
	if t.Generation > 0 {
		p.generation, p.payBy, p.payment = t.Generation, time.Time{}, PaymentHandle{}
	}
	if t.Visit != nil {
		p.visit = r.Visit
		if t.Actor.Kind == domain.ActorPatient {
			p.reschedules++
		}
	}
	if confirmed || t.Visit != nil {
		p.reminder = p.terms.FirstReminder(r.At, p.visit.Start)
	}
	if ended {
		p.endedAt = r.At
	}
	p.agreed(t)
	p.owed = p.owed || len(t.Messages) > 0 || r.LettersOwed
	p.show(ctx)
}

// agreed takes over what a transition says of deadlines and money.
func (p *process) agreed(t domain.Transition) {
	if !t.AnswerBy.IsZero() {
		p.answerBy = t.AnswerBy
	}
	if !t.PayBy.IsZero() {
		p.payBy = t.PayBy
	}
	if !t.OverBy.IsZero() {
		p.overBy = t.OverBy
	}
	if t.Grace {
		p.graces++
	}
	if t.Fee != nil {
		p.fee = *t.Fee
	}
	if t.Kept != nil {
		p.kept = *t.Kept
	}
	if t.Payment != nil {
		p.payment.Status, p.payment.Captured = t.Payment.Status, t.Payment.Captured
		if !t.Payment.CaptureBefore.IsZero() {
			p.payment.CaptureBefore = t.Payment.CaptureBefore
		}
	}
}

// step is a transition of the process itself (a deadline, money that came in), decided
// when the visit was at version seen. It does nothing when a command moved the visit on
// in the meantime: the phase then looks again.
func (p *process) step(ctx workflow.Context, seen int, t domain.Transition) error {
	if err := p.writing.Lock(ctx); err != nil {
		return err
	}
	defer p.writing.Unlock()
	if p.version != seen || p.broken != nil {
		return p.broken
	}
	t.Actor = domain.System()
	return p.move(ctx, t)
}

// until waits for the condition, a broken process or the deadline, and reports whether
// the deadline came first. A deadline in the past comes at once.
func (p *process) until(ctx workflow.Context, deadline time.Time, summary string, condition func() bool) (due bool, err error) {
	p.show(ctx)
	happened := func() bool { return p.broken != nil || condition() }
	if happened() {
		return false, p.broken
	}
	wait := deadline.Sub(workflow.Now(ctx))
	if wait <= 0 {
		return true, nil
	}
	// Await leaves its timer running when the condition comes first: it would wake the
	// process for nothing, weeks later perhaps.
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	ok, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: summary},
	}, happened)
	if err != nil {
		return false, err
	}
	return !ok, p.broken
}

// giveUp ends the process as failed: staff see the row as stuck, people in Temporal UI
// find it by its search attribute, and a failed process may be replaced.
func (p *process) giveUp(ctx workflow.Context, cause error) error {
	code := codeOf(cause)
	if temporal.IsCanceledError(cause) {
		code = "process_cancelled"
	}
	p.log.Error("the process cannot go on", "code", code)
	// Not on ctx: it may be what was cancelled.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.UpsertTypedSearchAttributes(ctx, searchattr.Stuck.ValueSet(string(code))); err != nil {
		p.log.Error("the process is not marked as stuck", "error", err)
	}
	report := acts.ReportStuckInput{AppointmentID: p.id, Code: code}
	if err := workflow.ExecuteActivity(recording(ctx, "stuck"), acts.ReportStuck, report).Get(ctx, nil); err != nil {
		p.log.Error("the visit is not shown as stuck", "code", codeOf(err))
	}
	return cause
}

// codeOf reads the domain's code off an activity's error.
func codeOf(err error) domain.Code {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return domain.Code(app.Type())
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return domain.CodeUnavailable
	}
	return domain.CodeInternal
}
