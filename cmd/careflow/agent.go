package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	deployacts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/balancer"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/hostagent"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/worker"
)

func newAgent(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "agent",
		Short: "Carry out deployments on the host it runs on",
		Long: "Takes the jobs of the host named by CAREFLOW_AGENT_HOST from Temporal: fetches and checks bundles, runs the scripts of " +
			"their lifecycle events and puts them in place. It holds no password of a database and no vendor's key. " +
			"On the host of the load balancer, with CAREFLOW_AGENT_HAPROXY, it also moves the requests.",
		GroupID: groupProcess,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.HostAgent, in)
			if err != nil {
				return err
			}
			return serve(c.Context(), cfg, logger, agentOptions())
		},
	}
}

func agentOptions() fx.Option {
	return fx.Options(
		temporalx.Module,
		fx.Provide(
			func(c config.Config) worker.AgentConfig {
				return worker.AgentConfig{TaskQueue: c.Temporal.TaskQueue, Host: c.Agent.Host}
			},
			newHosting,
		),
		worker.AgentModule,
		fx.Invoke(serveAgentHealth),
	)
}

func newHosting(c config.Config) *deployacts.Hosting {
	agent := &hostagent.Agent{Root: c.Agent.Root, Files: c.Agent.Files, Version: version()}
	if len(c.Agent.HAProxy) == 0 {
		return deployacts.NewHosting(agent, nil)
	}
	return deployacts.NewHosting(agent, balancer.HAProxy{Sockets: c.Agent.HAProxy, Drain: c.Agent.Drain})
}

func serveAgentHealth(lc fx.Lifecycle, shutdowner fx.Shutdowner, c config.Config, gatherer prometheus.Gatherer,
	temporal client.Client, logger *slog.Logger,
) {
	handler := telemetry.OpsHandler(gatherer, logger,
		telemetry.Check{Name: "temporal", Probe: func(ctx context.Context) error {
			_, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}},
	)
	telemetry.Serve(lc, shutdowner, "agent", telemetry.NewServer(c.HTTP.WorkerAddress, handler, logger), logger)
}
