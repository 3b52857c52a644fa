package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	deployacts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/deployfile"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/hosts"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/probe"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/worker"
)

func newDeployWorker(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "deploy-worker",
		Short: "Carry out deployments, on a host with the rights to deploy",
		Long: "Runs the jobs of deployments, and nothing else: it brings releases up, asks them, and moves the switch, as the " +
			"file of services (CAREFLOW_DEPLOY_SERVICES) says. It needs no access to the clinic's database.",
		GroupID: groupProcess,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.DeployWorker, in)
			if err != nil {
				return err
			}
			return serve(c.Context(), cfg, logger, deployWorkerOptions())
		},
	}
}

func deployWorkerOptions() fx.Option {
	return fx.Options(
		temporalx.Module,
		fx.Provide(workerConfig, readServices, newProbe,
			func(s *services) deployacts.Plans { return s },
			func(p *probe.Probe) deployacts.Prober { return p },
			deployacts.NewDeploying),
		worker.DeployModule,
		fx.Invoke(serveDeployHealth),
	)
}

// newProbe asks the database only where one is named.
func newProbe(lc fx.Lifecycle, c config.Config) (*probe.Probe, error) {
	values := map[string]string{}
	for name, v := range c.Deploy.Values {
		values[name] = v.Reveal()
	}
	if c.Deploy.DatabaseURL.IsZero() {
		return probe.New(values, nil), nil
	}
	pool, err := postgres.Open(context.Background(), c.Deploy.DatabaseURL.Reveal(), 2)
	if err != nil {
		return nil, fmt.Errorf("CAREFLOW_DEPLOY_DATABASE_URL: %w", err)
	}
	lc.Append(fx.StopHook(pool.Close))
	return probe.New(values, postgres.NewQuestions(pool)), nil
}

// services is the file of services with the places that it names.
type services struct {
	list   []deployfile.Service
	places map[string]deployacts.Colours
}

func readServices(c config.Config) (*services, error) {
	list, err := deployfile.Read(c.Deploy.Services)
	if err != nil {
		return nil, fmt.Errorf("CAREFLOW_DEPLOY_SERVICES: %w", err)
	}
	s := &services{list: list, places: map[string]deployacts.Colours{}}
	for _, service := range list {
		if service.Strategy != domain.BlueGreen {
			continue
		}
		place, err := openPlace(service)
		if err != nil {
			return nil, fmt.Errorf("CAREFLOW_DEPLOY_SERVICES: %s/%s: %w", service.Environment, service.Service, err)
		}
		s.places[service.Environment+"/"+service.Service] = place
	}
	return s, nil
}

// openPlace makes the place of a blue/green service from its section of the file.
func openPlace(s deployfile.Service) (deployacts.Colours, error) {
	switch s.Target {
	case deployfile.Host:
		var section hosts.Config
		if err := deployfile.Decode(s.Place, &section); err != nil {
			return nil, err
		}
		return hosts.New(section)
	default:
		return nil, fmt.Errorf("this program knows no target %q", s.Target)
	}
}

// Plans implements deployacts.Plans.
func (s *services) Plans() []domain.DeploymentService {
	var plans []domain.DeploymentService
	for _, service := range s.list {
		plans = append(plans, service.DeploymentService)
	}
	return plans
}

// Plan implements deployacts.Plans.
func (s *services) Plan(environment, service string) (domain.DeploymentService, error) {
	plans := s.Plans()
	i := slices.IndexFunc(plans, func(p domain.DeploymentService) bool { return p.Environment == environment && p.Service == service })
	if i < 0 {
		return domain.DeploymentService{}, domain.Errorf(domain.CodeNotFound, "the file of services has no %s in %s", service, environment)
	}
	return plans[i], nil
}

// Colours implements deployacts.Plans.
func (s *services) Colours(environment, service string) (deployacts.Colours, error) {
	place, ok := s.places[environment+"/"+service]
	if !ok {
		return nil, domain.Errorf(domain.CodeNotFound, "the file of services has no blue/green service %s in %s", service, environment)
	}
	return place, nil
}

func serveDeployHealth(lc fx.Lifecycle, shutdowner fx.Shutdowner, c config.Config, gatherer prometheus.Gatherer, temporal client.Client, logger *slog.Logger) {
	handler := telemetry.OpsHandler(gatherer, logger,
		telemetry.Check{Name: "temporal", Probe: func(ctx context.Context) error {
			_, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}},
	)
	telemetry.Serve(lc, shutdowner, "deploy-worker", telemetry.NewServer(c.HTTP.WorkerAddress, handler, logger), logger)
}
