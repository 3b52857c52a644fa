package worker

import (
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/fx"

	deployacts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/workflows/deployment"
)

// DeployModule runs the jobs of a host with the rights to deploy, and nothing else. It needs
// a Config, a Temporal client and deployacts.Deploying.
var DeployModule = fx.Module("deploy-worker",
	fx.Provide(NewDeploy),
	fx.Invoke(runHost),
)

// NewDeploy assembles the fleet of a host with the rights to deploy without starting it. Its
// worker has no version: its activities are the same for every version of the workflows.
func NewDeploy(temporal client.Client, cfg Config, d *deployacts.Deploying) *Fleet {
	cfg.BuildID = ""
	return &Fleet{temporal: temporal, cfg: cfg, deploying: d}
}

func (f *Fleet) assembleDeploy() []poller {
	o := f.cfg.options(0)
	o.DisableWorkflowWorker = true
	w := f.poll(f.cfg.TaskQueue+deployacts.DeployQueueSuffix, o)
	deployacts.RegisterDeploying(w, f.deploying)
	return []poller{w}
}

// RegisterDeployments registers the processes of deployments under their contract's names.
// They end on the version that they began with: a deployment that changed its mind halfway
// is none, and that of a fleet of workers stays with those that are known to be good.
func RegisterDeployments(r sdk.WorkflowRegistry, p *deployment.Process) {
	for name, job := range map[string]any{
		deployment.WorkflowName: p.Workflow, deployment.ServicesName: deployment.Services, deployment.HostName: deployment.Host,
		deployment.TrainName: p.Train, deployment.ReplayName: deployment.Replay, // on the version that it tries
	} {
		r.RegisterWorkflowWithOptions(job, workflow.RegisterOptions{Name: name, VersioningBehavior: workflow.VersioningBehaviorPinned})
	}
}
