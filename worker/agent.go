package worker

import (
	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	deployacts "github.com/careflow/careflow/activities/deployment"
)

// AgentConfig names the host that an agent runs on.
type AgentConfig struct {
	TaskQueue string // of the workflows
	Host      string
}

// AgentModule runs the agent of a host, and nothing else: its queue is the host's own, so
// that an agent that is gone is known to be. It needs an AgentConfig, a Temporal client and
// *deployacts.Hosting.
var AgentModule = fx.Module("agent",
	fx.Provide(NewAgent),
	fx.Invoke(runHost),
)

// eventsAtOnce is how many services of a host are deployed at the same time. Those of one
// service come one after the other.
const eventsAtOnce = 8

// NewAgent assembles the fleet of one host without starting it. It has no version: its
// activities are the same for every version of the workflows.
func NewAgent(temporal client.Client, cfg AgentConfig, h *deployacts.Hosting) *Fleet {
	queue := deployacts.HostQueue(cfg.TaskQueue, cfg.Host)
	return &Fleet{temporal: temporal, cfg: Config{TaskQueue: queue}, agent: h}
}

func (f *Fleet) assembleAgent() []poller {
	o := f.cfg.options(0)
	o.DisableWorkflowWorker = true
	o.MaxConcurrentActivityExecutionSize = eventsAtOnce
	w := f.poll(f.cfg.TaskQueue, o)
	deployacts.RegisterHosting(w, f.agent)
	return []poller{w}
}
