// Package paymentcaseclient is how the relay reaches the process of a payment case.
package paymentcaseclient

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/paymentcase"
)

// Client reaches the cases of one namespace and task queue.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client that starts processes on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// CaseNews tells an intent's case that there is something to look at, and starts its
// process with it where none runs. Errors are CodeUnavailable and CodeTooMany, or plain.
func (c *Client) CaseNews(ctx context.Context, appointmentID, intentID string, news paymentcase.News) error {
	_, err := c.temporal.SignalWithStartWorkflow(ctx, paymentcase.WorkflowID(intentID), paymentcase.SignalNews, news,
		client.StartWorkflowOptions{
			TaskQueue: c.queue,
			// Two relays, or two events, at once are one process.
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			// A case that was closed may be opened again: a refund bounces weeks later. What must
			// not happen twice is written down in the database, not guarded by this ID.
			WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			TypedSearchAttributes: paymentcase.Attributes(),
			StaticSummary:         "Money of a visit that does not go its usual way",
			StaticDetails:         fmt.Sprintf("Intent %s of appointment %s. The case and its timeline are in PostgreSQL: `careflow payment-cases list`.", intentID, appointmentID),
		}, paymentcase.WorkflowName, paymentcase.Input{IntentID: intentID, AppointmentID: appointmentID})
	return fault(err)
}

// fault maps what Temporal says to the domain's codes.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var busy *serviceerror.ResourceExhausted
	if errors.As(err, &busy) {
		return domain.Errorf(domain.CodeTooMany, "too much at once").Because(err)
	}
	var down *serviceerror.Unavailable
	var denied *serviceerror.PermissionDenied // our token's fault, never the caller's: it passes when that is renewed
	if errors.As(err, &down) || errors.As(err, &denied) || status.Code(err) == codes.Unavailable || errors.Is(err, context.DeadlineExceeded) {
		return domain.Errorf(domain.CodeUnavailable, "the process engine cannot be reached").Because(err)
	}
	return err
}
