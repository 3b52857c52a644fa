package temporalx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/domain"
)

// Fleets reads and routes the worker fleets of a namespace, which Temporal calls Worker
// Deployments.
type Fleets struct {
	temporal  client.Client
	namespace string
}

// NewFleets returns the fleets of a namespace.
func NewFleets(temporal client.Client, namespace string) *Fleets {
	return &Fleets{temporal: temporal, namespace: namespace}
}

// Route says which workers of a fleet get its work, and Temporal's token of that state.
func (f *Fleets) Route(ctx context.Context, fleet string) (domain.FleetRoute, []byte, error) {
	d, err := f.temporal.WorkerDeploymentClient().GetHandle(fleet).Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return domain.FleetRoute{}, nil, fleetFault(err)
	}
	r := domain.FleetRoute{}
	if v := d.Info.RoutingConfig.CurrentVersion; v != nil {
		r.Current = v.BuildID
	}
	if v := d.Info.RoutingConfig.RampingVersion; v != nil && v.BuildID != "" {
		r.Ramping, r.Share = v.BuildID, int(d.Info.RoutingConfig.RampingVersionPercentage)
	}
	return r, d.ConflictToken, nil
}

// SetRoute routes a fleet: the current version first, so that at no time work goes to a
// version that nobody meant. The token makes two who change it at once take turns; CodeDrift
// for the second.
func (f *Fleets) SetRoute(ctx context.Context, fleet string, to domain.FleetRoute, token []byte) error {
	handle := f.temporal.WorkerDeploymentClient().GetHandle(fleet)
	now, _, err := f.Route(ctx, fleet)
	if err != nil {
		return err
	}
	if now.Current != to.Current {
		set, err := handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: to.Current, ConflictToken: token})
		if err != nil {
			return fleetFault(err)
		}
		token = set.ConflictToken
		if now.Ramping == to.Current {
			now.Ramping, now.Share = "", 0 // promoted: Temporal has ended its ramp
		}
	}
	if now.Ramping == to.Ramping && now.Share == to.Share {
		return nil
	}
	_, err = handle.SetRampingVersion(ctx, client.WorkerDeploymentSetRampingVersionOptions{
		BuildID: to.Ramping, Percentage: float32(to.Share), ConflictToken: token,
	})
	return fleetFault(err)
}

// Queues are the task queues that a version has served.
func (f *Fleets) Queues(ctx context.Context, fleet, build string) ([]string, error) {
	v, err := f.temporal.WorkerDeploymentClient().GetHandle(fleet).DescribeVersion(ctx, client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
	var unknown *serviceerror.NotFound
	if errors.As(err, &unknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fleetFault(err)
	}
	var names []string
	for _, q := range v.Info.TaskQueuesInfos {
		if !slices.Contains(names, q.Name) {
			names = append(names, q.Name)
		}
	}
	return names, nil
}

// livePoll is how old a worker's last poll may be: a poll lasts a minute at most.
const livePoll = 70 * time.Second

// Polled reports whether a live worker of the version polls a queue.
func (f *Fleets) Polled(ctx context.Context, fleet, build, queue string) (bool, error) {
	for _, kind := range []enumspb.TaskQueueType{enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY} {
		d, err := f.temporal.DescribeTaskQueue(ctx, queue, kind)
		if err != nil {
			return false, fleetFault(err)
		}
		for _, p := range d.GetPollers() {
			o := p.GetDeploymentOptions()
			if o.GetDeploymentName() == fleet && o.GetBuildId() == build && time.Since(p.GetLastAccessTime().AsTime()) < livePoll {
				return true, nil
			}
		}
	}
	return false, nil
}

// Count counts executions by a visibility query.
func (f *Fleets) Count(ctx context.Context, query string) (int, error) {
	c, err := f.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: f.namespace, Query: query})
	if err != nil {
		return 0, fleetFault(err)
	}
	return int(c.GetCount()), nil
}

// OnVersion is the part of a visibility query that finds what a version has taken on.
func OnVersion(fleet, build string) string {
	return fmt.Sprintf("TemporalWorkerDeploymentVersion = '%s:%s'", quoted(fleet), quoted(build))
}

// OnQueue finds what runs on a task queue.
func OnQueue(queue string) string { return fmt.Sprintf("TaskQueue = '%s'", quoted(queue)) }

func quoted(text string) string { return strings.ReplaceAll(text, "'", "''") }

func fleetFault(err error) error {
	var stale *serviceerror.FailedPrecondition
	var unknown *serviceerror.NotFound
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stale):
		return domain.Errorf(domain.CodeDrift, "Temporal refuses the route: %s", stale.Message).Because(err)
	case errors.As(err, &unknown):
		return domain.Errorf(domain.CodeNotFound, "Temporal knows no such fleet or version: start a worker of it").Because(err)
	}
	return domain.Errorf(domain.CodeUnavailable, "Temporal has not answered").Because(err)
}
