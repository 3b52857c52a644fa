// Package deployment is the durable process of one deployment: a release takes the place of
// the one before it, or does not. This file is its contract: names, IDs, inputs, updates.
package deployment

import (
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Registered workflow names. Histories refer to them: never rename one.
const (
	// WorkflowName is one deployment of one service.
	WorkflowName = "deployment"
	// HostName is what happens on one host of it, with a history of its own: thirteen
	// events print up to 64 KiB each.
	HostName = "deployment.host"
	// TrainName is several services in an order.
	TrainName = "deployment.train"
	// ServicesName asks a host with the rights to deploy what there is.
	ServicesName = "deployment.services"
)

// The words that people say to a deployment under way: updates, each with a
// domain.Approval of that word as its argument, signed by the API.
const (
	Approve  = "deployment.approve"
	Pause    = "deployment.pause"
	Resume   = "deployment.resume"
	Abort    = "deployment.abort"
	Rollback = "deployment.rollback"
)

const workflowIDPrefix = "deployment-"

// WorkflowID is the one ID of the deployments of a service in an environment: two never
// overlap, whoever begins them.
func WorkflowID(environment, service string) string {
	return workflowIDPrefix + environment + "." + service
}

// FromWorkflowID is the inverse of WorkflowID; ok is false for other workflows.
func FromWorkflowID(workflowID string) (environment, service string, ok bool) {
	rest, ok := strings.CutPrefix(workflowID, workflowIDPrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

// TrainID is the one ID of the trains of an environment.
func TrainID(environment string) string { return "deployment-train-" + environment }

// MostTime bounds a deployment: a forgotten pause must not keep a service from being
// deployed for ever. Going back is not given up before that.
const MostTime = 14 * 24 * time.Hour

// Input begins a deployment. Its ID is the first run ID of the workflow.
type Input struct {
	Environment string         `json:"environment"`
	Service     string         `json:"service"`
	Release     domain.Release `json:"release"`
	By          string         `json:"by,omitempty"` // user ID of who asked
	Reason      string         `json:"reason"`
	// Smoke are the release's own smoke tests, in the place of the service's.
	Smoke []domain.SmokeTest `json:"smoke,omitempty"`
}

// Result is what a deployment came to.
type Result struct {
	DeploymentID string                 `json:"deployment_id"`
	State        domain.DeploymentState `json:"state"`
	// Digest is what is live now.
	Digest string `json:"digest"`
}
