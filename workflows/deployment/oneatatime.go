package deployment

import (
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// oneAtATime goes from host to host. All others serve while one does not.
type oneAtATime struct {
	*deployment
	// before is what each host held.
	before map[string]domain.Release
	// touched are the hosts that may have changed, in the order in which they were.
	touched []string
	// runs counts the processes of hosts, which need names of their own.
	runs int
}

// run is the story. Before the first host is touched, every agent has the release and has
// found it to be whole. The first that fails stops the fleet, and those that changed go
// back, the newest first, one at a time.
func (o *oneAtATime) run(ctx workflow.Context) error {
	for _, phase := range []func(workflow.Context) error{o.prepare, o.balancer, o.gate, o.approval} {
		if err := phase(ctx); err != nil {
			return o.stop(ctx, err)
		}
	}
	if err := o.eachHost(ctx); err != nil {
		return o.goBack(ctx, err)
	}
	o.live = o.Release.Digest
	o.to(ctx, domain.DeploymentWarm, "warm", "", fmt.Sprintf("it goes back at a word for %s", o.plan.Warm))
	if err := o.onTrain(ctx); err != nil {
		return o.goBack(ctx, err)
	}
	if err := o.wait(ctx, o.plan.Warm); err != nil {
		return o.goBack(ctx, err)
	}
	o.words.deaf = true
	o.end(ctx, domain.DeploymentSucceeded, "deployment_succeeded", nil)
	return nil
}

// prepare has every host fetch and check the release: an agent that is gone and a bundle
// that is not what it should be are noticed before anything changes.
func (o *oneAtATime) prepare(ctx workflow.Context) error {
	if len(o.plan.Hosts) == 0 {
		return refusal(domain.Errorf(domain.CodeInvalid, "the file of services names no host of %s", o.Service))
	}
	return o.step(ctx, "prepare", func(ctx workflow.Context) (domain.StepOutcome, error) {
		o.before = map[string]domain.Release{}
		asked := make([]workflow.Future, len(o.plan.Hosts))
		for i, name := range o.plan.Hosts {
			asked[i] = workflow.ExecuteActivity(callingHost(ctx, name), acts.HostPrepare, domain.HostJob{
				DeploymentID: o.id, Environment: o.Environment, Service: o.Service, Host: name, Release: o.Release,
			})
		}
		text, faults := "", []error(nil)
		for i, name := range o.plan.Hosts {
			var s domain.HostState
			if err := agentFault(name, asked[i].Get(ctx, &s)); err != nil {
				code, detail, _ := reason(err)
				faults = append(faults, temporal.NewNonRetryableApplicationError(name+": "+detail, string(code), nil))
				continue
			}
			o.before[name] = s.Current
			text += fmt.Sprintf("%s holds %s %s, agent %s\n", name, s.Current.Version, s.Current.Digest, s.Agent)
		}
		if len(faults) > 0 {
			return domain.StepOutcome{Output: text}, faults[0]
		}
		o.previous = o.before[o.plan.Hosts[0]].Digest
		o.live = o.previous
		return domain.StepOutcome{Output: text}, nil
	})
}

// balancer finds out whether requests can be moved, before any are.
func (o *oneAtATime) balancer(ctx workflow.Context) error {
	if o.plan.Balancer == "" {
		return nil
	}
	return o.step(ctx, "load balancer", func(ctx workflow.Context) (outcome domain.StepOutcome, err error) {
		in := acts.TrafficInput{Environment: o.Environment, Service: o.Service, Host: o.plan.Hosts[0], Move: acts.TrafficCheck, Others: o.plan.Hosts[1:]}
		err = workflow.ExecuteActivity(callingHost(ctx, o.plan.Balancer), acts.HostTraffic, in).Get(ctx, &outcome)
		return outcome, agentFault(o.plan.Balancer, err)
	})
}

// eachHost carries the release to one host after the other.
func (o *oneAtATime) eachHost(ctx workflow.Context) error {
	for _, name := range o.plan.Hosts {
		if o.before[name].Digest == o.Release.Digest {
			o.said(ctx, name+" holds it already", "", "")
			continue
		}
		err := o.step(ctx, "deploy to "+name, func(ctx workflow.Context) (domain.StepOutcome, error) {
			o.touched = append(o.touched, name)
			return domain.StepOutcome{}, o.process(ctx, name, o.Release, o.before[name], o.PassOldScripts).Get(ctx, nil)
		})
		if err != nil {
			if untouched(err) {
				o.touched = slices.DeleteFunc(o.touched, func(n string) bool { return n == name })
			}
			return err
		}
		if err := o.watch(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// watch lets a host serve for a while, and asks the balancer whether it still does, before
// the next one is taken out.
func (o *oneAtATime) watch(ctx workflow.Context, name string) error {
	if o.plan.Watch.For <= 0 {
		return nil
	}
	return o.step(ctx, "watch "+name, func(ctx workflow.Context) (domain.StepOutcome, error) {
		if err := o.wait(ctx, o.plan.Watch.For); err != nil || o.plan.Balancer == "" {
			return domain.StepOutcome{}, err
		}
		return traffic(ctx, o.plan, name, acts.TrafficAllow)
	})
}

// process begins what happens on one host, in a history of its own.
func (o *oneAtATime) process(ctx workflow.Context, name string, comes, goes domain.Release, passOld bool) workflow.ChildWorkflowFuture {
	o.runs++
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: HostWorkflowID(o.id, name, o.runs),
		// A host that has begun comes to its end when somebody ends this.
		ParentClosePolicy:   enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WaitForCancellation: true, // what it has begun is known when we go on
		StaticSummary:       fmt.Sprintf("%s %s on %s", o.Service, comes.Version, name),
	})
	in := HostInput{
		DeploymentID: o.id, Plan: o.plan, Host: name, Release: comes, Previous: goes, PassOldScripts: passOld,
		Seq: o.log.seq + 1, State: o.state,
	}
	o.log.seq += len(domain.LifecycleEvents())
	return workflow.ExecuteChildWorkflow(ctx, HostName, in)
}

// goBack gives the hosts that changed their old release again, whatever it takes. One that
// cannot be taken out yet, since another does not serve, waits for that one's turn.
func (o *oneAtATime) goBack(ctx workflow.Context, cause error) error {
	byPerson := errors.Is(cause, errCalledOff) || ctx.Err() != nil
	if byPerson {
		cause = o.calledOff()
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	o.words.deaf = true
	_, why, _ := reason(cause)
	o.to(ctx, domain.DeploymentRolling, "roll back", "", why)
	pending := slices.Clone(o.touched)
	slices.Reverse(pending)
	for pause := firstRetry; len(pending) > 0; {
		back := slices.IndexFunc(pending, func(name string) bool { return o.hostBack(ctx, name) == nil })
		if back >= 0 {
			pending, pause = slices.Delete(pending, back, back+1), firstRetry
			continue
		}
		o.alarm(ctx, "deployment_rollback_stuck", temporal.NewApplicationError(
			fmt.Sprintf("%v cannot go back yet; it is tried again", pending), string(domain.CodeUnavailable)))
		if err := workflow.Sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, lastRetry)
	}
	o.live = o.previous
	kind := "deployment_rolled_back"
	if byPerson {
		kind = "deployment_rolled_back_by_hand"
	}
	o.end(ctx, domain.DeploymentRolledBack, kind, cause)
	return nil
}

// Between two tries to give the hosts back what they held.
const (
	firstRetry = 5 * time.Second
	lastRetry  = 10 * time.Minute
)

// hostBack gives a host the release that it held. The scripts of the one that goes may be
// what is broken: those that fail are kept, and passed over.
func (o *oneAtATime) hostBack(ctx workflow.Context, name string) error {
	return o.record(ctx, domain.DeploymentStep{Name: "go back on " + name, Digest: o.before[name].Digest}, func(ctx workflow.Context) (domain.StepOutcome, error) {
		return domain.StepOutcome{}, o.process(ctx, name, o.before[name], o.Release, true).Get(ctx, nil)
	})
}
