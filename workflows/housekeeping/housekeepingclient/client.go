// Package housekeepingclient is how the API and the set-up reach housekeeping.
package housekeepingclient

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/housekeeping"
	"github.com/careflow/careflow/workflows/job"
)

// Client reaches housekeeping of one namespace and task queue.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client whose workflows run on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// Start begins housekeeping, or joins what somebody else asked for and is under way. It
// returns the run's ID. CodeUnavailable when Temporal cannot be reached.
func (c *Client) Start(ctx context.Context) (id string, joined bool, err error) {
	return job.Start(ctx, c.temporal, job.Job{
		ID: housekeeping.WorkflowID(c.queue), Workflow: housekeeping.WorkflowName, Queue: c.queue,
		MostTime: housekeeping.MostTime, Summary: "Remove rows that nobody needs any more",
	}, housekeeping.Input{Trigger: domain.ByPerson})
}

// EnsureSchedule makes housekeeping run every so often; see job.EnsureSchedule.
func (c *Client) EnsureSchedule(ctx context.Context, every time.Duration) error {
	return job.EnsureSchedule(ctx, c.temporal, job.Schedule{
		ID: housekeeping.ScheduleID(c.queue), Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}},
		Action: &client.ScheduleWorkflowAction{
			ID: housekeeping.ScheduleID(c.queue) + "-scheduled", Workflow: housekeeping.WorkflowName, TaskQueue: c.queue,
			Args: []any{housekeeping.Input{Trigger: domain.BySchedule}}, WorkflowExecutionTimeout: housekeeping.MostTime,
		},
		CatchUp: time.Hour, Note: "Removes rows that nobody needs any more.",
	})
}
