package temporalx

import (
	"context"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/client"
)

// Version is one build of the worker within its deployment.
type Version struct{ Deployment, BuildID string }

// Promote makes a version current: new processes, and the auto-upgrading ones that run,
// go on with it. It waits until the version polls all of taskQueues, because a version
// that is current and polls only some of them leaves the others' tasks lying.
//
// It is for stacks whose one worker should always be in charge. Where several versions
// run side by side a deployment job promotes, and workers do not: an old worker that
// restarts would roll everyone back.
func Promote(ctx context.Context, c client.Client, v Version, taskQueues []string, logger *slog.Logger) error {
	handle := c.WorkerDeploymentClient().GetHandle(v.Deployment)
	what := fmt.Sprintf("version %s of %s to be current", v.BuildID, v.Deployment)
	return poll(ctx, what, func(ctx context.Context) error {
		if err := polls(ctx, handle, v.BuildID, taskQueues); err != nil {
			return err
		}
		now, err := handle.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
		if err != nil {
			return err
		}
		if current := now.Info.RoutingConfig.CurrentVersion; current != nil && current.BuildID == v.BuildID {
			return nil
		}
		// The token makes two promotions at once take turns instead of overwriting.
		_, err = handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{
			BuildID:       v.BuildID,
			ConflictToken: now.ConflictToken,
		})
		if err != nil {
			return err
		}
		logger.InfoContext(ctx, "worker version promoted", "deployment", v.Deployment, "build_id", v.BuildID)
		return nil
	})
}

// polls returns an error for as long as a queue of taskQueues is not polled by the build.
func polls(ctx context.Context, handle client.WorkerDeploymentHandle, buildID string, taskQueues []string) error {
	described, err := handle.DescribeVersion(ctx, client.WorkerDeploymentDescribeVersionOptions{BuildID: buildID})
	if err != nil {
		return err
	}
	polled := map[string]bool{}
	for _, q := range described.Info.TaskQueuesInfos {
		polled[q.Name] = true
	}
	for _, q := range taskQueues {
		if !polled[q] {
			return fmt.Errorf("the task queue %s is not polled yet", q)
		}
	}
	return nil
}
