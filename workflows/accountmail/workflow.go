package accountmail

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/accountmail"
	"github.com/careflow/careflow/activities/appointment"
)

// Workflow delivers until nothing is owed and nobody has said that there is more. A letter
// that comes to be owed while the last one is delivered is so never left behind: its signal
// is there, or else Temporal refuses to end a run that has not seen it and asks it again.
func Workflow(ctx workflow.Context, in Input) (Result, error) {
	owed := workflow.GetSignalChannel(ctx, SignalOwed)
	var sum Result
	for round := 0; ; round++ {
		for owed.ReceiveAsync(nil) { //nolint:revive // what was said until now is delivered now
		}
		if round == roundsPerRun {
			// The next run begins by delivering, so that no signal is missed.
			return Result{}, workflow.NewContinueAsNewError(ctx, WorkflowName, in)
		}
		var delivered acts.DeliverResult
		err := workflow.ExecuteActivity(mailing(ctx), acts.Deliver, acts.DeliverInput{AccountID: in.AccountID}).Get(ctx, &delivered)
		if err != nil {
			return Result{}, err
		}
		sum = sum.Add(delivered)
		if owed.Len() == 0 {
			return sum, nil
		}
	}
}

// roundsPerRun bounds a run's history.
const roundsPerRun = 100

// patience is how long a vendor's outage is waited out. What is still owed then stays in
// the ledger, is reported by the reconciler, and goes with the account's next letter.
const patience = 3 * 24 * time.Hour

// mailing: several letters, a heartbeat before each but the first. A dead worker is noticed
// within the heartbeat timeout. A link to a new password is good for an hour, so an outage
// of minutes should cost it no more than that.
func mailing(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + appointment.SendGridQueueSuffix,
		ScheduleToCloseTimeout: patience,
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Summary:                "Deliver what the account owes",
	})
}
