package appointmentclient

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/workflows/appointment"
)

// inspectTimeout bounds a look at one process.
const inspectTimeout = 15 * time.Second

// Inspect says how an appointment's process stands, whose row the run claimed ("" for
// none). What counts is the latest run, except that one which ended because another had
// claimed the visit tells nothing: then it is the claiming run. CodeUnavailable while
// Temporal cannot be reached.
func (c *Client) Inspect(ctx context.Context, appointmentID, claimed string) (domain.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	p, superseded, err := c.inspect(ctx, appointmentID, "")
	if err != nil || p.State == domain.ProcessRunning || p.State == domain.ProcessMissing || claimed == "" || claimed == p.RunID {
		return p, err
	}
	if p.State == domain.ProcessCompleted && !superseded {
		return p, nil // a run that took over from the claiming one, by a reset, and ended well
	}
	mine, _, err := c.inspect(ctx, appointmentID, claimed)
	if err != nil {
		return domain.Process{}, err
	}
	// When it died is when the last of them did: until then the visit was being seen to.
	if mine.State != domain.ProcessCompleted && p.Since.After(mine.Since) {
		mine.Since = p.Since
	}
	return mine, nil
}

func (c *Client) inspect(ctx context.Context, appointmentID, runID string) (p domain.Process, superseded bool, err error) {
	d, err := c.temporal.DescribeWorkflow(ctx, appointment.WorkflowID(appointmentID), runID)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return domain.Process{State: domain.ProcessMissing}, false, nil
	}
	if err != nil {
		return p, false, fault(err)
	}
	p = domain.Process{State: domain.ProcessDead, RunID: d.WorkflowExecution.RunID, Since: d.WorkflowStartTime.UTC()}
	if d.WorkflowCloseTime != nil {
		p.Since = d.WorkflowCloseTime.UTC()
	}
	switch d.Status { //nolint:exhaustive // every other one is an end before its time
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		p.State = domain.ProcessRunning
		if status, ok := d.TypedSearchAttributes.GetKeyword(searchattr.Status); ok {
			p.Status = domain.Status(status)
		}
		if at, ok := d.TypedSearchAttributes.GetTime(searchattr.StartsAt); ok {
			p.StartsAt = at.UTC()
		}
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		p.State = domain.ProcessCompleted
		var result appointment.Result
		if err := c.temporal.GetWorkflow(ctx, appointment.WorkflowID(appointmentID), p.RunID).Get(ctx, &result); err != nil {
			return p, false, fault(err)
		}
		superseded = result.Superseded
	}
	return p, superseded, nil
}

// Replace starts a process in the place of a dead one, from the row. The claim of the dead
// run passes to the new one in the row, so that of two replacements one ends at once. A
// process that runs already is left alone.
func (c *Client) Replace(ctx context.Context, a domain.Appointment, dead string) error {
	in := appointment.InputOf(a)
	in.Replaces = dead
	options := c.options(in, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
	// The caller knows that the visit has not ended, whatever the last run came to: one that
	// was superseded ended well and would forbid another.
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	_, err := c.temporal.ExecuteWorkflow(ctx, options, appointment.WorkflowName, in)
	return fault(err)
}

// Terminate ends an open run without asking it. A run that has ended is no error.
func (c *Client) Terminate(ctx context.Context, appointmentID, runID, reason string) error {
	err := c.temporal.TerminateWorkflow(ctx, appointment.WorkflowID(appointmentID), runID, reason)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return nil
	}
	return fault(err)
}
