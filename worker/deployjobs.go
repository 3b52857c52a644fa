package worker

import (
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/workflows/deployment"
)

// RegisterDeploymentJobs registers what deployments of hosts, fleets and trains begin. They end on
// the version that they began with: above all the deployment of a fleet of workers, which
// so runs on those that are known to be good. A replay is begun on the version it tries.
func RegisterDeploymentJobs(r sdk.WorkflowRegistry, p *deployment.Process) {
	for name, job := range map[string]any{
		deployment.HostName: deployment.Host, deployment.TrainName: p.Train, deployment.ReplayName: deployment.Replay,
	} {
		r.RegisterWorkflowWithOptions(job, workflow.RegisterOptions{Name: name, VersioningBehavior: workflow.VersioningBehaviorPinned})
	}
}
