package temporalx_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/internal/temporalx"
)

// dial connects to the test stack's Temporal.
func dial(t *testing.T, namespace string) client.Client {
	t.Helper()
	address := os.Getenv("CAREFLOW_TEST_TEMPORAL_ADDRESS")
	require.NotEmpty(t, address, "CAREFLOW_TEST_TEMPORAL_ADDRESS is not set: run `make test`")
	c, err := temporalx.NewClient(temporalx.Options{
		Temporal: config.Temporal{Address: address, Namespace: namespace},
		Keys:     ring(t, "a"),
		Logger:   slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestSetupTwiceThenStartPromoteAndRead(t *testing.T) {
	ctx, logger := deadline(t), slog.New(slog.DiscardHandler)
	namespace := "setup-" + uuid.NewString()
	c := dial(t, namespace)
	require.NoError(t, temporalx.Setup(ctx, c, namespace, searchattr.All(), logger))
	require.NoError(t, temporalx.Setup(ctx, c, namespace, searchattr.All(), logger), "a second set-up changes nothing")

	described, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	require.NoError(t, err)
	require.Equal(t, temporalx.Retention, described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())

	// A versioned worker gets no task until it is promoted.
	const queue = "promoted"
	w := worker.New(c, queue, worker.Options{DeploymentOptions: worker.DeploymentOptions{
		UseVersioning:             true,
		Version:                   worker.WorkerDeploymentVersion{DeploymentName: "careflow", BuildID: "b1"},
		DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	}})
	w.RegisterWorkflowWithOptions(greet, workflow.RegisterOptions{Name: "greet"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	version := temporalx.Version{Deployment: "careflow", BuildID: "b1"}
	require.NoError(t, temporalx.Promote(ctx, c, version, []string{queue}, logger))
	require.NoError(t, temporalx.Promote(ctx, c, version, []string{queue}, logger), "a second promotion changes nothing")

	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "greet", TaskQueue: queue, WorkflowExecutionTimeout: 30 * time.Second,
		TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.Status.ValueSet("pending"), searchattr.StartsAt.ValueSet(time.Now())),
	}, "greet", "aching knee")
	require.NoError(t, err)
	var said string
	require.NoError(t, run.Get(ctx, &said))
	require.Equal(t, "hello aching knee", said)

	history := c.GetWorkflowHistory(ctx, "greet", "", false, 0)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		require.NotContains(t, event.String(), "knee", "nothing of a payload is in plain text")
	}
}

func greet(_ workflow.Context, whom string) (string, error) { return "hello " + whom, nil }

func TestSetupNamesAnAttributeOfAnotherType(t *testing.T) {
	ctx, logger := deadline(t), slog.New(slog.DiscardHandler)
	namespace := "setup-" + uuid.NewString()
	c := dial(t, namespace)
	clash := []temporal.SearchAttributeKey{temporal.NewSearchAttributeKeyInt64(searchattr.Status.GetName())}
	require.NoError(t, temporalx.Setup(ctx, c, namespace, clash, logger))
	require.ErrorContains(t, temporalx.Setup(ctx, c, namespace, searchattr.All(), logger), "CareflowStatus is a Int")
}

func TestPromoteSaysWhatItWaitedFor(t *testing.T) {
	c := dial(t, "careflow")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := temporalx.Promote(ctx, c, temporalx.Version{Deployment: "nobody-" + uuid.NewString(), BuildID: "b1"}, []string{"q"}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "gave up waiting for version b1")
}
