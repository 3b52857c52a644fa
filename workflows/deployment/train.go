package deployment

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Train carries several services to their releases in an order, each by its own strategy in
// a process of its own. To people it is a deployment like others, of the service "train":
// listed, approved, paused, aborted and rolled back in the same way.
func (p *Process) Train(ctx workflow.Context, in TrainInput) (Result, error) {
	// Its one run, which is also how its services know it.
	d := &deployment{keys: p.keys, id: workflow.GetInfo(ctx).WorkflowExecution.RunID, state: domain.DeploymentRunning, Input: Input{
		Environment: in.Environment, Service: TrainService, Release: in.Release(), By: in.By, Reason: in.Reason,
	}}
	d.plan = domain.DeploymentService{
		Environment: in.Environment, Service: TrainService, Strategy: domain.Train,
		Approval: in.OneApproval, ApprovalWithin: trainApproval, AskerMayApprove: in.AskerMayApprove,
	}
	t := &train{deployment: d, stops: in.Stops, arrived: map[string]bool{}}
	if err := t.listen(ctx); err != nil {
		return d.result(), err
	}
	err := workflow.ExecuteActivity(noting(ctx), acts.Begin, domain.NewDeployment{
		DeploymentID: d.id, Environment: d.Environment, Service: d.Service, Strategy: domain.Train, Release: d.Release,
		By: d.By, Reason: d.Reason, At: workflow.Now(ctx).UTC(),
	}).Get(ctx, nil)
	if err == nil {
		err = t.run(ctx)
	}
	if waiting := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err == nil {
		err = waiting
	}
	return d.result(), err
}

const (
	// trainApproval is how long the one approval of a train may take.
	trainApproval = 4 * time.Hour
	// trainPatience is how long a service waits, with its old release kept ready, for those
	// after it.
	trainPatience = 24 * time.Hour
)

// Summary names the services and versions of a train, for people.
func (in TrainInput) Summary() string {
	names := make([]string, len(in.Stops))
	for i, s := range in.Stops {
		names[i] = s.Service + "@" + s.Release.Version
	}
	return strings.Join(names, ",")
}

// Release stands for what a train was asked to carry: two that differ in a service, a release
// or who approves differ in its digest.
func (in TrainInput) Release() domain.Release {
	asked := fmt.Sprintf("one approval %t", in.OneApproval)
	for _, s := range in.Stops {
		asked += fmt.Sprintf("\n%q %q %q %q %q pass %t smoke %+v", s.Service, s.Release.Version, s.Release.Digest, s.Release.Artifact, s.Release.Schema, s.PassOldScripts, s.Smoke)
	}
	return domain.Release{Version: in.Summary(), Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(asked)))}
}

// train is the state of a train.
type train struct {
	*deployment
	stops   []TrainStop
	begun   []stop
	arrived map[string]bool // services whose release has taken over
}

// stop is a service whose deployment was begun.
type stop struct {
	service string
	runID   string
	done    workflow.ChildWorkflowFuture
	cancel  workflow.CancelFunc
}

// run is the story. A service that has taken over keeps its old release ready until all
// have: the first that fails stops the train, and those before it go back in reverse.
func (t *train) run(ctx workflow.Context) error {
	workflow.Go(ctx, func(ctx workflow.Context) {
		for channel := workflow.GetSignalChannel(ctx, arrivedSignal); ; {
			var service string
			if !channel.Receive(ctx, &service) {
				return
			}
			t.arrived[service] = true
		}
	})
	if err := t.valid(); err != nil {
		return t.fail(ctx, err)
	}
	if err := t.approval(ctx); err != nil {
		return t.stop(ctx, err)
	}
	for _, s := range t.stops {
		if err := t.step(ctx, "deploy "+s.Service, func(ctx workflow.Context) (domain.StepOutcome, error) { return t.carry(ctx, s) }); err != nil {
			return t.goBack(ctx, err)
		}
	}
	t.to(ctx, domain.DeploymentWarm, "warm", "", "every service has its release; each keeps the old one ready for its own time")
	if err := t.letGo(ctx); err != nil {
		return t.goBack(ctx, err)
	}
	t.words.deaf = true
	t.end(ctx, domain.DeploymentSucceeded, "deployment_succeeded", nil)
	return nil
}

func (t *train) valid() error {
	if len(t.stops) == 0 || len(t.stops) > mostStops {
		return refusal(domain.Errorf(domain.CodeInvalid, "a train has from 1 to %d services", mostStops))
	}
	seen := map[string]bool{}
	for _, s := range t.stops {
		if seen[s.Service] {
			return refusal(domain.Errorf(domain.CodeInvalid, "%s is on the train twice", s.Service))
		}
		seen[s.Service] = true
		if err := s.Release.Validate(); err != nil {
			return refusal(err)
		}
	}
	return nil
}

const mostStops = 20

// carry deploys one service, and goes on as soon as its release has taken over.
func (t *train) carry(ctx workflow.Context, s TrainStop) (domain.StepOutcome, error) {
	lasting, _ := workflow.NewDisconnectedContext(ctx) // it outlives this step
	child, cancel := workflow.WithCancel(workflow.WithChildOptions(lasting, workflow.ChildWorkflowOptions{
		WorkflowID:               WorkflowID(t.Environment, s.Service),
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionTimeout: MostTime,
		// A service that has begun comes to its end when somebody ends this.
		ParentClosePolicy:   enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WaitForCancellation: true,
		StaticSummary:       fmt.Sprintf("%s %s, on a train", s.Service, s.Release.Version),
	}))
	done := workflow.ExecuteChildWorkflow(child, WorkflowName, Input{
		Environment: t.Environment, Service: s.Service, Release: s.Release, By: t.By, Reason: t.Reason, Smoke: s.Smoke,
		PassOldScripts: s.PassOldScripts, Train: &TrainTicket{Approval: t.words.approved},
	})
	var run workflow.Execution
	// Also where the train is called off meanwhile: one that has begun must go back with it.
	if err := done.GetChildWorkflowExecution().Get(lasting, &run); err != nil {
		return domain.StepOutcome{}, refusal(domain.Errorf(domain.CodeConflict, "%s is being deployed already: wait for that, or end it", s.Service))
	}
	t.begun = append(t.begun, stop{service: s.Service, runID: run.RunID, done: done, cancel: cancel})
	if err := workflow.Await(ctx, func() bool { return t.arrived[s.Service] || done.IsReady() }); err != nil {
		return domain.StepOutcome{}, err
	}
	if !done.IsReady() {
		return domain.StepOutcome{Output: "deployment " + run.RunID + "\n"}, nil
	}
	return domain.StepOutcome{Output: "deployment " + run.RunID + "\n"}, t.came(ctx, s.Service, done)
}

// came is an error unless a deployment that has ended has carried its release there.
func (t *train) came(ctx workflow.Context, service string, done workflow.Future) error {
	var r Result
	if err := done.Get(ctx, &r); err != nil {
		return err
	}
	if r.State != domain.DeploymentSucceeded {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("%s is %s", service, r.State), string(domain.CodeNotAvailable), nil)
	}
	return nil
}

// letGo tells all services that the train has arrived, and waits until each has given up its
// old release. One that goes back meanwhile takes the others with it.
func (t *train) letGo(ctx workflow.Context) error {
	for _, s := range t.begun {
		if !s.done.IsReady() {
			// One that has just ended hears nothing, and needs not to.
			_ = workflow.SignalExternalWorkflow(ctx, WorkflowID(t.Environment, s.service), s.runID, trainDoneSignal, nil).Get(ctx, nil)
		}
	}
	heard := map[string]bool{}
	for len(heard) < len(t.begun) {
		ready := func(s stop) bool { return !heard[s.service] && s.done.IsReady() }
		err := workflow.Await(ctx, func() bool { return slices.ContainsFunc(t.begun, ready) || t.words.over() || t.words.paused })
		if err == nil {
			err = t.goOn(ctx)
		}
		if err != nil {
			return err
		}
		for _, s := range t.begun {
			if ready(s) {
				heard[s.service] = true
				if err := t.came(ctx, s.service, s.done); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// goBack ends the deployments that were begun, the newest first: to cancel one that has
// taken over is to have it go back, and that is waited for.
func (t *train) goBack(ctx workflow.Context, cause error) error {
	byPerson := t.words.over() || ctx.Err() != nil
	if byPerson {
		cause = t.calledOff()
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	t.words.deaf = true
	_, why, _ := reason(cause)
	t.to(ctx, domain.DeploymentRolling, "roll back", "", why)
	for _, s := range slices.Backward(t.begun) {
		if s.done.IsReady() && !t.arrived[s.service] {
			continue // it had its release before, or is back already
		}
		_ = t.record(ctx, domain.DeploymentStep{Name: "go back with " + s.service}, func(ctx workflow.Context) (domain.StepOutcome, error) {
			s.cancel()
			var r Result
			err := s.done.Get(ctx, &r)
			if err == nil && r.State == domain.DeploymentSucceeded {
				// It had given up its old release already: nobody goes back by itself.
				err = temporal.NewNonRetryableApplicationError(s.service+" keeps its release: deploy the old one to go back", string(domain.CodeConflict), nil)
				t.alarm(ctx, "deployment_rollback_stuck", err)
			}
			return domain.StepOutcome{Output: string(r.State)}, err
		})
	}
	kind := "deployment_rolled_back"
	if byPerson {
		kind = "deployment_rolled_back_by_hand"
	}
	t.end(ctx, domain.DeploymentRolledBack, kind, cause)
	return nil
}

// onTrain tells the train that this service's release has taken over, and keeps the old one
// ready until those after it have arrived too.
func (d *deployment) onTrain(ctx workflow.Context) error {
	train := workflow.GetInfo(ctx).ParentWorkflowExecution
	if d.Train == nil || train == nil {
		return nil
	}
	// A train that is gone hears nothing: this service goes on by itself.
	if err := workflow.SignalExternalWorkflow(ctx, train.ID, train.RunID, arrivedSignal, d.Service).Get(ctx, nil); err != nil {
		return ctx.Err()
	}
	done := false
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, trainDoneSignal).Receive(ctx, nil)
		done = true
	})
	for until := workflow.Now(ctx).Add(trainPatience); !done && workflow.Now(ctx).Before(until); {
		_, err := workflow.AwaitWithTimeout(ctx, until.Sub(workflow.Now(ctx)), func() bool { return done || d.words.paused || d.words.over() })
		if err == nil {
			err = d.goOn(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// approvedByTrain reports whether the train that this is a part of was approved as a whole.
// Its approval may be older than one that is given directly: it was checked when it came.
func (d *deployment) approvedByTrain(ctx workflow.Context) bool {
	train := workflow.GetInfo(ctx).ParentWorkflowExecution
	if d.Train == nil || d.Train.Approval == nil || train == nil {
		return false
	}
	a, signed := *d.Train.Approval, false
	// Kept in the history: keys are rotated while a deployment is under way.
	checked := workflow.SideEffect(ctx, func(workflow.Context) any {
		return d.keys.Check(a, domain.ApprovalSubject(train.ID, train.RunID, Approve), a.At) == nil
	})
	return checked.Get(&signed) == nil && signed
}
