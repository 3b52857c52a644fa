// Package deployment is the durable process of one deployment: a release takes the place of
// the one before it, or does not. This file is its contract: names, IDs, inputs, updates.
package deployment

import (
	"fmt"
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
	// ReplayName tries a version of the workers on what is open, on its own workers.
	ReplayName = "deployment.replay"
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

// TrainService is what a train is a deployment of: no service is called that.
const TrainService = "train"

// TrainID is the one ID of the trains of an environment.
func TrainID(environment string) string { return WorkflowID(environment, TrainService) }

// Signals between a train and its services. They carry no rights: a train that hears of an
// arrival too early only begins with the next service, a service whose train is done only
// keeps its old release ready for its usual time.
const (
	arrivedSignal   = "deployment.arrived"
	trainDoneSignal = "deployment.train_done"
)

// TrainInput begins a train.
type TrainInput struct {
	Environment string      `json:"environment"`
	Stops       []TrainStop `json:"stops"` // in their order
	// OneApproval asks for one word for the whole train; else each service asks as it does
	// alone.
	OneApproval     bool   `json:"one_approval,omitempty"`
	AskerMayApprove bool   `json:"asker_may_approve,omitempty"`
	By              string `json:"by,omitempty"` // user ID of who asked
	Reason          string `json:"reason"`
}

// TrainStop is one service on a train.
type TrainStop struct {
	Service        string             `json:"service"`
	Release        domain.Release     `json:"release"`
	Smoke          []domain.SmokeTest `json:"smoke,omitempty"`
	PassOldScripts bool               `json:"pass_old_scripts,omitempty"`
}

// TrainTicket is on the deployment of a service that is a part of a train.
type TrainTicket struct {
	// Approval is the one for the whole train, nil where each service asks for its own.
	Approval *domain.Approval `json:"approval,omitempty"`
}

// ReplayID is the ID of the replay on one version of a fleet.
func ReplayID(fleet, build string) string { return "deployment-replay-" + fleet + "-" + build }

// HostWorkflowID is the ID of what happens on one host of a deployment, the nth such process
// of it.
func HostWorkflowID(deploymentID, host string, n int) string {
	return fmt.Sprintf("deployment-host-%s-%s-%d", deploymentID, host, n)
}

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
	// PassOldScripts goes on where a script of the release that goes fails, as a broken stop
	// script would otherwise block every later release. Each that was passed over is kept.
	PassOldScripts bool `json:"pass_old_scripts,omitempty"`
	// Train is set where this is a part of one.
	Train *TrainTicket `json:"train,omitempty"`
}

// Result is what a deployment came to.
type Result struct {
	DeploymentID string                 `json:"deployment_id"`
	State        domain.DeploymentState `json:"state"`
	// Digest is what is live now.
	Digest string `json:"digest"`
}
