package api

import (
	"context"
	"time"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

// Deployments begins deployments and speaks to them. Errors of each: CodeUnavailable,
// CodeTooMany, and CodeNoDeployer where a host has to take the job.
type Deployments interface {
	Services(ctx context.Context, wait time.Duration) ([]acts.ServiceState, error)
	// Start begins a deployment or finds the one of its service that is under way.
	Start(ctx context.Context, in deployment.Input) (id string, joined bool, err error)
	// Say is CodeConflict where the word does not fit what the deployment does now.
	Say(ctx context.Context, d domain.NewDeployment, word, updateID string, a domain.Approval, wait time.Duration) error
}

// DeploymentLog is what became of deployments.
type DeploymentLog interface {
	// BeginDeployment makes the row of a deployment that begins, unless it is there.
	BeginDeployment(ctx context.Context, n domain.NewDeployment) error
	// Deployment comes with its steps; CodeNotFound where there is none.
	Deployment(ctx context.Context, id string) (domain.DeploymentRecord, error)
	// DeploymentStep comes with what it printed; CodeNotFound where there is none.
	DeploymentStep(ctx context.Context, id string, seq int) (domain.DeploymentStep, error)
	// Deployments lists the newest first, without steps.
	Deployments(ctx context.Context, f domain.DeploymentFilter) ([]domain.DeploymentRecord, error)
}
