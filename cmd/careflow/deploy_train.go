package main

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// trainFile is what --file holds: the services in their order.
type trainFile struct {
	Stops []struct {
		Service        string `yaml:"service"`
		Version        string `yaml:"version"`
		Digest         string `yaml:"digest"`
		Artifact       string `yaml:"artifact"`
		Schema         string `yaml:"schema"`
		PassOldScripts bool   `yaml:"pass_old_scripts"`
	} `yaml:"stops"`
}

func newDeployTrain(r *remote) *cobra.Command {
	var (
		in        openapi.TrainRequest
		f         following
		file, key string
	)
	c := &cobra.Command{
		Use: "train", Short: "Deploy several services in an order, and follow them", Args: noArgs,
		Long: "Deploys the services that --file names, one after the other: stops, each with service, version, digest, artifact and, " +
			"where they apply, schema and pass_old_scripts. The first that fails takes those before it back.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			stops, err := readTrain(file)
			if err != nil {
				return usageError{err}
			}
			in.Stops = stops
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			if key == "" {
				key = domain.NewID()
			}
			var started openapi.DeploymentStarted
			if _, err := p.do(c.Context(), http.MethodPost, "/v1/ops/trains", in, &started, "Idempotency-Key", key); err != nil {
				return err
			}
			if f.until == "none" {
				return show(r, started, func(w io.Writer, s openapi.DeploymentStarted) { row(w, s.ID) })
			}
			return f.follow(c.Context(), r, p, started.ID)
		},
	}
	f.flags(c)
	c.Flags().StringVar(&in.Environment, "env", "", "where to")
	c.Flags().StringVar(&file, "file", "", "the services with their releases, in their order (YAML)")
	c.Flags().StringVar(&in.Reason, reasonFlag, "", "why; kept with the deployments")
	c.Flags().BoolVar(&in.OneApproval, "one-approval", false, "one word approves the whole train")
	c.Flags().StringVar(&key, "key", "", "the Idempotency-Key, for a pipeline that may run again")
	for _, name := range []string{"env", "file", reasonFlag} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

func readTrain(path string) ([]openapi.TrainStop, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var t trainFile
	d := yaml.NewDecoder(file)
	d.KnownFields(true)
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("--file %s: %w", path, err)
	}
	var stops []openapi.TrainStop
	for _, s := range t.Stops {
		stops = append(stops, openapi.TrainStop{
			Service: s.Service, Version: s.Version, Digest: s.Digest, Artifact: s.Artifact, Schema: openapi.TrainStopSchema(s.Schema), PassOldScripts: s.PassOldScripts,
		})
	}
	return stops, nil
}
