// Package reconcileclient is how the API and the set-up reach the reconciler.
package reconcileclient

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	acts "github.com/careflow/careflow/activities/reconcile"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/job"
	"github.com/careflow/careflow/workflows/reconcile"
)

// Client reaches the reconciler of one namespace and task queue.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client whose workflows run on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// Start begins a reconciliation, or joins the one that is under way. It returns its ID.
// CodeUnavailable when Temporal cannot be reached.
func (c *Client) Start(ctx context.Context) (id string, joined bool, err error) {
	return job.Start(ctx, c.temporal, job.Job{
		ID: reconcile.WorkflowID(c.queue), Workflow: reconcile.WorkflowName, Queue: c.queue,
		MostTime: reconcile.MostTime, Summary: "Compare all visits with their processes",
	}, reconcile.Input{Trigger: domain.ByPerson})
}

// Visit puts one visit's process right and waits up to wait for what came of it.
// CodeNotFound for no such visit; CodeUnavailable when Temporal cannot be reached or there
// is no outcome in time: the retry goes on all the same.
func (c *Client) Visit(ctx context.Context, in acts.VisitInput, wait time.Duration) (acts.VisitResult, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var result acts.VisitResult
	run, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: reconcile.VisitWorkflowID(in.AppointmentID), TaskQueue: c.queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowExecutionTimeout: reconcile.VisitTime,
		StaticSummary:            "Put one visit's process right",
	}, reconcile.VisitName, in)
	if err == nil {
		err = run.Get(ctx, &result)
	}
	return result, fault(err)
}

// EnsureSchedule makes the reconciler run every so often; see job.EnsureSchedule. A time
// that was missed while Temporal was down is left out: the next one comes soon.
func (c *Client) EnsureSchedule(ctx context.Context, every time.Duration) error {
	return job.EnsureSchedule(ctx, c.temporal, job.Schedule{
		ID: reconcile.ScheduleID(c.queue), Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}},
		Action: &client.ScheduleWorkflowAction{
			ID: reconcile.ScheduleID(c.queue) + "-scheduled", Workflow: reconcile.ScheduledName, TaskQueue: c.queue,
			WorkflowExecutionTimeout: reconcile.MostTime,
		},
		CatchUp: time.Minute, Note: "Compares all visits with their processes.",
	})
}

// fault maps what became of one visit's retry to the domain's codes.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() == string(domain.CodeNotFound) {
		return domain.Errorf(domain.CodeNotFound, "there is no such appointment")
	}
	return job.Fault(err)
}
