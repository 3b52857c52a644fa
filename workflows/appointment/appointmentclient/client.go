// Package appointmentclient is how the API and the relay reach an appointment's
// process: they start it, hand it news, and send it people's commands.
package appointmentclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// Client reaches the processes of one namespace and task queue.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client that starts processes on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// options of a process. The ID makes two starts of one appointment the same process
// while it runs. After its end only a failed or terminated one may be followed by
// another: an appointment that ended well is never processed twice, for as long as
// Temporal remembers; after that the row's claim settles it.
func (c *Client) options(in appointment.Input, onConflict enumspb.WorkflowIdConflictPolicy) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       appointment.WorkflowID(in.AppointmentID),
		TaskQueue:                c.queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowIDConflictPolicy: onConflict,
		TypedSearchAttributes:    appointment.Attributes(in),
		StaticSummary:            "Visit on " + in.Visit.Start.UTC().Format("2006-01-02 15:04 UTC"),
		StaticDetails: fmt.Sprintf("Visit of %s, price %s. The row, its timeline and its messages are in PostgreSQL under appointment %s.",
			in.Visit.End.Sub(in.Visit.Start), in.Terms.Price, in.AppointmentID),
	}
}

// Start starts a process. One that has claimed its visit, runs already, or ended well, is
// left alone: what takes the place of a dead one is the reconciler's business.
func (c *Client) Start(ctx context.Context, a domain.Appointment) error {
	if a.ProcessStarted {
		return nil
	}
	in := appointment.InputOf(a)
	_, err := c.temporal.ExecuteWorkflow(ctx, c.options(in, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING), appointment.WorkflowName, in)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		return nil
	}
	return fault(err)
}

// Hint tells a process that the payment provider has news, and starts the process with
// it when it is not there yet. For a process that is dead it is CodeUnavailable: the news
// is kept until there is another.
func (c *Client) Hint(ctx context.Context, a domain.Appointment, hint appointment.PaymentHint) error {
	if a.ProcessStarted {
		err := c.temporal.SignalWorkflow(ctx, appointment.WorkflowID(a.ID), "", appointment.SignalPaymentHint, hint)
		var gone *serviceerror.NotFound
		if errors.As(err, &gone) {
			return dead(err)
		}
		return fault(err)
	}
	in := appointment.InputOf(a)
	_, err := c.temporal.SignalWithStartWorkflow(ctx, appointment.WorkflowID(a.ID), appointment.SignalPaymentHint, hint,
		c.options(in, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING), appointment.WorkflowName, in)
	return fault(err)
}

// DeliverMessage tells a process that a message is owed that it does not know of. One that is not
// there yet is started and finds it by itself; for a process that is dead it is
// CodeUnavailable: the row waits until there is another.
func (c *Client) DeliverMessage(ctx context.Context, a domain.Appointment, message appointment.MessageOwed) error {
	if a.ProcessStarted {
		err := c.temporal.SignalWorkflow(ctx, appointment.WorkflowID(a.ID), "", appointment.SignalMessageOwed, message)
		var gone *serviceerror.NotFound
		if errors.As(err, &gone) {
			return dead(err)
		}
		return fault(err)
	}
	in := appointment.InputOf(a)
	_, err := c.temporal.SignalWithStartWorkflow(ctx, appointment.WorkflowID(a.ID), appointment.SignalMessageOwed, message,
		c.options(in, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING), appointment.WorkflowName, in)
	return fault(err)
}

// Command sends a command as an update and waits up to wait for its outcome. The same
// updateID again joins the first one. A process that is not started yet is started with
// the command; one that has died is not, since only the reconciler knows that it may.
//
// Errors: *domain.Error with the code of the refusal (CodeWrongStatus, CodeSlotTaken,
// ...), CodeUnavailable when Temporal cannot be reached or the process has died,
// CodeTooMany when Temporal sheds load, and appointment.ErrPending.
func (c *Client) Command(ctx context.Context, a domain.Appointment, update, updateID string, cmd appointment.Command, wait time.Duration) (appointment.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	outcome, err := c.command(ctx, a, update, updateID, cmd)
	if err == nil {
		return outcome, nil
	}
	if waitedOut(ctx, err) {
		// Slow and unreachable look alike by now: ask the server itself.
		if c.Healthy(context.WithoutCancel(ctx)) != nil {
			return outcome, unreachable(err)
		}
		return outcome, appointment.ErrPending
	}
	return outcome, fault(err)
}

func (c *Client) command(ctx context.Context, a domain.Appointment, update, updateID string, cmd appointment.Command) (appointment.Outcome, error) {
	var outcome appointment.Outcome
	options := client.UpdateWorkflowOptions{
		UpdateID: updateID, WorkflowID: appointment.WorkflowID(a.ID), UpdateName: update, Args: []any{cmd},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
	if a.ProcessStarted {
		handle, err := c.temporal.UpdateWorkflow(ctx, options)
		if err == nil {
			return outcome, handle.Get(ctx, &outcome)
		}
		var gone *serviceerror.NotFound
		if !errors.As(err, &gone) {
			return outcome, err
		}
		if a.Status == domain.StatusArchived {
			return outcome, domain.Errorf(domain.CodeWrongStatus, "this visit is archived: nothing about it can change any more")
		}
		return outcome, dead(err)
	}
	in := appointment.InputOf(a)
	handle, err := c.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: c.temporal.NewWithStartWorkflowOperation(
			c.options(in, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING), appointment.WorkflowName, in),
		UpdateOptions: options,
	})
	if err != nil {
		return outcome, err
	}
	return outcome, handle.Get(ctx, &outcome)
}

// Healthy reports whether Temporal answers, within two seconds.
func (c *Client) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := c.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	if err != nil {
		return unreachable(err)
	}
	return nil
}

func waitedOut(ctx context.Context, err error) bool {
	var timeout *client.WorkflowUpdateServiceTimeoutOrCanceledError
	return ctx.Err() != nil || errors.As(err, &timeout) || errors.Is(err, context.DeadlineExceeded)
}

func unreachable(cause error) error {
	return domain.Errorf(domain.CodeUnavailable, "the process engine cannot be reached: try again soon, with the same Idempotency-Key").Because(cause)
}

// dead says that a visit's process has ended before the visit. A run started now would not
// get the visit's claim and end at once; the reconciler starts one that does.
func dead(cause error) error {
	return domain.Errorf(domain.CodeUnavailable, "the visit's process is being replaced: try again in a few minutes, with the same Idempotency-Key").Because(cause)
}

// endedMeanwhile is the type of the failure that Temporal gives an update whose process
// ended before it was carried out.
const endedMeanwhile = "AcceptedUpdateCompletedWorkflow"

// fault maps what Temporal says to the domain's codes.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var known *domain.Error
	if errors.As(err, &known) {
		return err
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() == endedMeanwhile {
		return dead(err)
	}
	if errors.As(err, &app) && app.Type() != "" {
		return domain.Errorf(domain.Code(app.Type()), "%s", app.Message())
	}
	var busy *serviceerror.ResourceExhausted
	if errors.As(err, &busy) {
		return domain.Errorf(domain.CodeTooMany, "too many commands at once: try again soon, with the same Idempotency-Key").Because(err)
	}
	var down *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded   // the SDK's own, which is neither the context's nor gRPC's
	var denied *serviceerror.PermissionDenied // our token's fault, never the caller's: it passes when that is renewed
	if errors.As(err, &down) || errors.As(err, &late) || errors.As(err, &denied) || status.Code(err) == codes.Unavailable || errors.Is(err, context.DeadlineExceeded) {
		return unreachable(err)
	}
	return err
}
