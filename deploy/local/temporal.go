package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"text/template"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// The templates use [[ ]], as Temporal's own file keeps {{ }} for reading the
// password from the environment.
//
//go:embed templates
var templates embed.FS

func (s *stack) writeTemplate(name, path string) error {
	parsed, err := template.New(name).Delims("[[", "]]").ParseFS(templates, "templates/"+name)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, map[string]any{
		"Postgres": s.ports.Postgres, "Temporal": s.ports.temporal(), "UI": s.ports.UI, "Codec": s.ports.Codec,
		"DynamicConfig": s.path("temporal", "dynamic.yaml"),
	})
	if err != nil {
		return err
	}
	return replaceFile(path, text.Bytes(), 0o644)
}

// startTemporal brings Temporal's schema up to date and starts the server.
func (s *stack) startTemporal(ctx context.Context) (*child, error) {
	began := time.Now()
	if err := os.MkdirAll(s.path("temporal"), 0o755); err != nil {
		return nil, err
	}
	for _, database := range []struct{ name, schema string }{
		{"temporal", "postgresql/v12/temporal"}, {"temporal_visibility", "postgresql/v12/visibility"},
	} {
		if err := s.temporalSchema(ctx, database.name, database.schema); err != nil {
			return nil, err
		}
	}
	if err := s.writeTemplate("temporal.yaml", s.path("temporal", "server.yaml")); err != nil {
		return nil, err
	}
	if err := s.writeTemplate("temporal-dynamic.yaml", s.path("temporal", "dynamic.yaml")); err != nil {
		return nil, err
	}
	s.out.step("Temporal", "starting on %s", local(s.ports.Temporal))
	c, err := s.start(program{
		name: "Temporal", path: toolPath("temporal-server"),
		args: []string{"--config-file", s.path("temporal", "server.yaml"), "--allow-no-auth", "start"},
		env:  append(minimalEnvironment(), "TEMPORAL_DATABASE_PASSWORD="+s.secrets.PostgresTemporal),
		dir:  s.folder, log: s.logPath("temporal"),
		stop: syscall.SIGTERM, patience: 30 * time.Second,
		yields: s.kind == kindUp || s.kind == kindBench, // tests wait for it
	})
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, s.out, c, longestWait, s.pingTemporal); err != nil {
		return nil, err
	}
	s.out.step("Temporal", "ready (%s)", rounded(time.Since(began)))
	return c, nil
}

// temporalSchema creates Temporal's version tables where they are missing and
// then applies what its release brings. Both steps may be repeated.
func (s *stack) temporalSchema(ctx context.Context, database, schema string) error {
	run := func(args ...string) error {
		return runLogged(ctx, s.out, oneShot{
			name: "temporal-sql-tool", path: toolPath("temporal-sql-tool"), args: args, log: s.logPath("temporal-schema"),
			env: append(minimalEnvironment(),
				"SQL_PLUGIN=postgres12_pgx", "SQL_HOST=127.0.0.1", "SQL_PORT="+strconv.Itoa(s.ports.Postgres),
				"SQL_USER=temporal", "SQL_PASSWORD="+s.secrets.PostgresTemporal, "SQL_DATABASE="+database),
		})
	}
	versioned, err := s.hasTable(ctx, s.databaseURL("temporal", s.secrets.PostgresTemporal, database), "schema_version")
	if err != nil {
		return err
	}
	if !versioned {
		s.out.step("Temporal", "making the schema of database %s", database)
		if err := run("setup-schema", "--version", "0.0"); err != nil {
			return err
		}
	}
	return run("update-schema", "--schema-name", schema)
}

func (s *stack) pingTemporal(ctx context.Context) error {
	connection, err := grpc.NewClient(local(s.ports.Temporal), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	answer, err := grpc_health_v1.NewHealthClient(connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{
		Service: "temporal.api.workflowservice.v1.WorkflowService",
	})
	if err != nil {
		return err
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("the frontend says %s", answer.GetStatus())
	}
	return nil
}

// startUI starts Temporal UI, which sends the browser to the codec server to
// make payloads readable.
func (s *stack) startUI(ctx context.Context) (*child, error) {
	began := time.Now()
	if err := os.MkdirAll(s.path("temporal-ui"), 0o755); err != nil {
		return nil, err
	}
	if err := s.writeTemplate("temporal-ui.yaml", s.path("temporal-ui", "local.yaml")); err != nil {
		return nil, err
	}
	c, err := s.start(program{
		name: "Temporal UI", path: toolPath("temporal-ui"),
		args: []string{"--root", s.folder, "--config", "temporal-ui", "--env", "local", "start"},
		env:  minimalEnvironment(), dir: s.folder, log: s.logPath("temporal-ui"),
		stop: syscall.SIGTERM, patience: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, s.out, c, time.Minute, answers("http://"+local(s.ports.UI)+"/healthz")); err != nil {
		return nil, err
	}
	s.out.step("Temporal UI", "ready (%s)", rounded(time.Since(began)))
	return c, nil
}

// startStripeMock starts Stripe's own checker of requests against its OpenAPI
// description.
func (s *stack) startStripeMock(ctx context.Context) (*child, error) {
	c, err := s.start(program{
		name: "stripe-mock", path: toolPath("stripe-mock"),
		// It insists on HTTPS as well; any free port will do for that.
		args: []string{"-http-addr", local(s.ports.StripeMock), "-https-addr", local(0)},
		env:  minimalEnvironment(), dir: s.folder, stop: syscall.SIGTERM, patience: 5 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	err = waitFor(ctx, s.out, c, time.Minute, accepts(s.ports.StripeMock))
	if err == nil {
		s.out.step("stripe-mock", "ready")
	}
	return c, err
}
