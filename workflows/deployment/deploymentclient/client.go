// Package deploymentclient is how the API reaches deployments.
package deploymentclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
	"github.com/careflow/careflow/workflows/job"
)

// Client reaches the deployments of one namespace and task queue. Its errors are
// CodeUnavailable when Temporal cannot be reached, CodeTooMany, and what a method says.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client whose workflows run on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// servicesID makes those who ask for services at once share one answer.
const servicesID = "deployment-services-"

// Services asks a host with the rights to deploy what there is. CodeNoDeployer when none
// would take the job.
func (c *Client) Services(ctx context.Context, wait time.Duration) ([]acts.ServiceState, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := c.worked(ctx); err != nil {
		return nil, err
	}
	j := job.Job{
		ID: servicesID + c.queue, Workflow: deployment.ServicesName, Queue: c.queue, MostTime: 10 * time.Minute, Summary: "Services that can be deployed",
	}
	runID, _, err := job.Begin(ctx, c.temporal, j, nil)
	if err != nil {
		return nil, err
	}
	var list []acts.ServiceState
	return list, fault(c.temporal.GetWorkflow(ctx, j.ID, runID).Get(ctx, &list))
}

// Start begins a deployment, or finds the one of its service that is under way, and returns
// its ID. CodeNoDeployer when no host would take the job.
func (c *Client) Start(ctx context.Context, in deployment.Input) (id string, joined bool, err error) {
	if err := c.worked(ctx); err != nil {
		return "", false, err
	}
	return job.Start(ctx, c.temporal, job.Job{
		ID: deployment.WorkflowID(in.Environment, in.Service), Workflow: deployment.WorkflowName, Queue: c.queue, MostTime: deployment.MostTime,
		Summary: fmt.Sprintf("Deploy %s %s to %s", in.Service, in.Release.Version, in.Environment),
	}, in)
}

// StartTrain begins a train, or finds the one of its environment that is under way, and
// returns its ID. CodeNoDeployer when no host would take its jobs.
func (c *Client) StartTrain(ctx context.Context, in deployment.TrainInput) (id string, joined bool, err error) {
	if err := c.worked(ctx); err != nil {
		return "", false, err
	}
	return job.Start(ctx, c.temporal, job.Job{
		ID: deployment.TrainID(in.Environment), Workflow: deployment.TrainName, Queue: c.queue, MostTime: deployment.MostTime,
		Summary: fmt.Sprintf("Deploy %s to %s", in.Summary(), in.Environment),
	}, in)
}

// Say says a word to a deployment under way and waits until it was heard. The same updateID
// again joins the first one. CodeConflict where the word does not fit what the deployment
// does now, or where it has ended.
func (c *Client) Say(ctx context.Context, d domain.NewDeployment, word, updateID string, a domain.Approval, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := job.Say(ctx, c.temporal, client.UpdateWorkflowOptions{
		UpdateID: updateID, WorkflowID: deployment.WorkflowID(d.Environment, d.Service), FirstExecutionRunID: d.DeploymentID,
		UpdateName: word, Args: []any{a},
	}, nil)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return domain.Errorf(domain.CodeConflict, "the deployment has ended").Because(err)
	}
	return fault(err)
}

// worked is CodeNoDeployer while no worker asks for the queue's activities. Temporal
// remembers one for some minutes after it went.
func (c *Client) worked(ctx context.Context) error {
	d, err := c.temporal.DescribeTaskQueue(ctx, c.queue+acts.DeployQueueSuffix, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return fault(err)
	}
	if len(d.GetPollers()) > 0 {
		return nil
	}
	return domain.Errorf(domain.CodeNoDeployer, "no worker takes this job: start `careflow deploy-worker` on a host with the rights to deploy")
}

// endedMeanwhile is the type of the failure that Temporal gives an update whose process
// ended before it was carried out.
const endedMeanwhile = "AcceptedUpdateCompletedWorkflow"

// fault maps what Temporal, or a workflow, says to the domain's codes.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() == endedMeanwhile {
		return domain.Errorf(domain.CodeConflict, "the deployment has ended").Because(err)
	}
	if errors.As(err, &app) && app.Type() != "" {
		return domain.Errorf(domain.Code(app.Type()), "%s", app.Message()).Because(err)
	}
	var late *client.WorkflowUpdateServiceTimeoutOrCanceledError
	if errors.As(err, &late) {
		return domain.Errorf(domain.CodeUnavailable, "the deployment has not answered in time: say it again with the same Idempotency-Key").Because(err)
	}
	return job.Fault(err)
}
