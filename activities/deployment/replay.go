package deployment

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/careflow/careflow/internal/domain"
)

// ReplaySample is a registered activity name. Histories refer to it: never rename it.
const ReplaySample = "deployment.replay_sample"

// ReplayInput asks for a sample of the open histories of a task queue.
type ReplayInput struct {
	Queue  string `json:"queue"`
	Sample int    `json:"sample"` // histories at most
}

// Replayer replays open histories on the code that it is a part of.
type Replayer interface {
	// Replay is CodeSmokeFailed for a history that does not replay, which the outcome names.
	Replay(ctx context.Context, in ReplayInput) (domain.StepOutcome, error)
}

// Replaying is the activity that tries a version's own code on what is open.
type Replaying struct{ replayer Replayer }

// NewReplaying returns the activity on replayer.
func NewReplaying(replayer Replayer) *Replaying { return &Replaying{replayer: replayer} }

// RegisterReplaying registers it, on the workflows' own queue.
func RegisterReplaying(r worker.ActivityRegistry, p *Replaying) {
	r.RegisterActivityWithOptions(p.Sample, activity.RegisterOptions{Name: ReplaySample})
}

// Sample replays.
func (p *Replaying) Sample(ctx context.Context, in ReplayInput) (domain.StepOutcome, error) {
	defer beat(ctx)()
	outcome, err := p.replayer.Replay(ctx, in)
	return outcome, withOutput(err, outcome)
}
