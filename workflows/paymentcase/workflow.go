package paymentcase

import (
	"errors"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	appointmentacts "github.com/careflow/careflow/activities/appointment"
	acts "github.com/careflow/careflow/activities/paymentcase"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/signals"
)

// Workflow is the process of one case. A lost one is replaced by starting another: it
// looks at the row and goes on from there.
func Workflow(ctx workflow.Context, in Input) (Result, error) {
	c := &process{
		in:  in,
		log: log.With(workflow.GetLogger(ctx), "appointment_id", in.AppointmentID, "intent_id", in.IntentID),
	}
	c.listen(ctx)
	return c.run(ctx)
}

// process is the state of a case's workflow; the row is the truth.
type process struct {
	in    Input
	at    acts.Standing
	news  int
	shown shownStep
	log   log.Logger
}

// listen counts the news. They are never believed, only a reason to look.
func (c *process) listen(ctx workflow.Context) {
	news := workflow.GetSignalChannel(ctx, SignalNews)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			news.Receive(ctx, nil)
			c.news++
		}
	})
}

// run is the story: look, tell the patient where something is to be told, and wait for
// news or the next look, until the case is closed.
func (c *process) run(ctx workflow.Context) (Result, error) {
	for {
		c.news = 0
		if err := c.look(ctx); err != nil {
			return Result{}, err
		}
		c.show(ctx)
		c.tell(ctx)
		over, err := c.over(ctx)
		if over || err != nil {
			return Result{Kind: c.at.Kind, Outcome: c.at.Outcome}, err
		}
		if err := c.wait(ctx); err != nil {
			return Result{}, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			// News that come from here on wait for the next run, which begins with a look.
			return Result{}, workflow.NewContinueAsNewError(ctx, WorkflowName, c.in)
		}
	}
}

// over reports whether the case is closed and nothing was heard since that was seen.
func (c *process) over(ctx workflow.Context) (bool, error) {
	if c.at.State != domain.CaseClosed || c.news > 0 {
		return false, nil
	}
	// A release before this ended on news that came with its last look: the case was open
	// again, and nobody looked.
	if workflow.GetVersion(ctx, changeHearOut, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		if err := signals.HearOut(ctx); err != nil {
			return false, err
		}
	}
	return c.news == 0, nil
}

// changeHearOut marks a case whose end hears the last news.
const changeHearOut = "hear-out-news"

// look takes the case further. A provider that fails is asked for two weeks, which people
// see in the case; then it is theirs, and one look a day goes on.
func (c *process) look(ctx workflow.Context) error {
	in := acts.AdvanceInput{IntentID: c.in.IntentID}
	err := workflow.ExecuteActivity(advancing(ctx, providerPatience), acts.Advance, in).Get(ctx, &c.at)
	var timeout *temporal.TimeoutError
	var app *temporal.ApplicationError
	failed := errors.As(err, &app) || errors.As(err, &timeout)
	if !failed || domain.Code(typeOf(app)) == domain.CodeNotFound {
		return err
	}
	c.log.Warn("the provider has not answered for long: a person has to look", "code", typeOf(app))
	in.LastTry = true
	return workflow.ExecuteActivity(advancing(ctx, lastPatience), acts.Advance, in).Get(ctx, &c.at)
}

func typeOf(app *temporal.ApplicationError) string {
	if app == nil {
		return ""
	}
	return app.Type()
}

// tell sees to the letters that the visit owes. Its own process delivers them while there
// is one, since two that deliver at once would send twice; after the archive nobody else
// does.
func (c *process) tell(ctx workflow.Context) {
	if !c.at.LettersOwed {
		return
	}
	visit := appointment.WorkflowID(c.in.AppointmentID)
	err := workflow.SignalExternalWorkflow(ctx, visit, "", appointment.SignalMessageOwed, appointment.MessageOwed{}).Get(ctx, nil)
	if err == nil {
		return
	}
	letters := appointmentacts.DeliverMailInput{AppointmentID: c.in.AppointmentID}
	if err := workflow.ExecuteActivity(mailing(ctx), appointmentacts.DeliverMail, letters).Get(ctx, nil); err != nil {
		// The ledger keeps what was not delivered; the reconciler reports it.
		c.log.Error("letters could not be delivered", "error", err)
	}
}

// wait waits for news or the next look.
func (c *process) wait(ctx workflow.Context) error {
	wait := c.at.LookAt.Sub(workflow.Now(ctx))
	if c.news > 0 || wait <= 0 {
		return nil
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel() // the timer of a wait that news ended
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: "Wait for: " + string(c.at.WaitsFor)},
	}, func() bool { return c.news > 0 })
	return err
}

// Patience.
const (
	providerPatience = 14 * 24 * time.Hour
	lastPatience     = 24 * time.Hour // for our own database, by then
	mailPatience     = 3 * 24 * time.Hour
)

// advancing: a handful of calls of the provider, each with a timeout of its own. A
// provider that is back is asked within five minutes.
func advancing(ctx workflow.Context, patience time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + appointmentacts.StripeQueueSuffix,
		ScheduleToCloseTimeout: patience,
		StartToCloseTimeout:    30 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
		Summary:                "Look, and void or refund what is due",
	})
}

// mailing is as in the visit's own process.
func mailing(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + appointmentacts.SendGridQueueSuffix,
		ScheduleToCloseTimeout: mailPatience,
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Summary:                "Deliver what is owed",
	})
}
