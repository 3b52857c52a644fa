package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	deployacts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/worker"
)

// replayTimeout bounds a replay by hand.
const replayTimeout = 20 * time.Minute

func newWorkerReplay(in invocation) *cobra.Command {
	var most int
	c := &cobra.Command{
		Use:   "replay",
		Short: "Replay a sample of the open processes on this program's code, and say whether it fits them",
		Long: "Reads histories of open processes from Temporal and replays them on the workflows of this program. Run it from the " +
			"release that is about to be deployed: one that does not fit would strand those processes. It changes nothing. It ends " +
			"with exit code 1 when a history does not replay. A deployment of a fleet of workers does the same by itself.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if most < 1 {
				return usageError{fmt.Errorf("--sample is a number of histories, at least 1")}
			}
			cfg, logger, err := settings(config.WorkerReplay, in)
			if err != nil {
				return err
			}
			temporal, err := temporalx.NewClient(temporalx.Options{Temporal: cfg.Temporal, Keys: cfg.Keys.Payload, Logger: logger})
			if err != nil {
				return err
			}
			defer temporal.Close()
			replayer, err := newReplayer(cfg, temporal)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), replayTimeout)
			defer cancel()
			outcome, err := replayer.Replay(ctx, deployacts.ReplayInput{Queue: cfg.Temporal.TaskQueue, Sample: most})
			if _, printed := fmt.Fprint(in.out, outcome.Output); printed != nil {
				return printed
			}
			return err
		},
	}
	c.Flags().IntVar(&most, "sample", 200, "how many histories at most, spread over all open processes")
	return c
}

// newReplayer replays on the workflows of this program.
func newReplayer(c config.Config, temporal client.Client) (worker.Replayer, error) {
	data, err := temporalx.NewDataConverter(c.Keys.Payload)
	if err != nil {
		return worker.Replayer{}, err
	}
	return worker.Replayer{Temporal: temporal, Namespace: c.Temporal.Namespace, Converter: data, Failures: temporalx.NewFailureConverter(data)}, nil
}
