// Package accountmailclient is how the relay has an account's letters delivered.
package accountmailclient

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/workflows/accountmail"
)

// Client reaches the deliveries of one namespace and task queue.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client that starts deliveries on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// Deliver has what an account owes delivered. Each policy settles a race:
//
//   - Signal with start: a delivery that is about to end may have looked at the ledger
//     before this letter was in it. The signal makes it look again; where it has ended,
//     another one is started in the same call.
//   - Use existing: two letters owed at once, or a row that is relayed twice, are one
//     delivery. Two at a time could send an account's letters out of order.
//   - Allow duplicate: an account owes letters for as long as it exists. Another delivery
//     after the last, whatever became of that, can do no harm: the ledger says what is
//     owed, and one that is settled is not sent again.
func (c *Client) Deliver(ctx context.Context, accountID string) error {
	_, err := c.temporal.SignalWithStartWorkflow(ctx, accountmail.WorkflowID(accountID), accountmail.SignalOwed, nil, client.StartWorkflowOptions{
		ID: accountmail.WorkflowID(accountID), TaskQueue: c.queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "Letters of an account",
		StaticDetails:            "What is owed stands in PostgreSQL, account_messages of account " + accountID + ".",
	}, accountmail.WorkflowName, accountmail.Input{AccountID: accountID})
	return err
}
