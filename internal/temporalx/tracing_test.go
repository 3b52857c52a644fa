package temporalx_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/temporalx"
)

func TestATraceHasTheCodeOfAnErrorAndNotItsWords(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept)))
	tracing, err := temporalx.NewTracing()
	require.NoError(t, err)

	env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
	env.SetWorkerOptions(sdk.Options{Interceptors: []interceptor.WorkerInterceptor{tracing}})
	env.RegisterActivityWithOptions(func(context.Context) error {
		return temporal.NewNonRetryableApplicationError("no mailbox of Asha Rao", "vendor_rejected", nil)
	}, activity.RegisterOptions{Name: "refused"})
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Second})
		return workflow.ExecuteActivity(ctx, "refused").Get(ctx, nil)
	})
	require.ErrorContains(t, env.GetWorkflowError(), "Asha")

	spans := kept.GetSpans()
	require.NotEmpty(t, spans)
	var failed int
	for _, s := range spans {
		require.NotContains(t, fmt.Sprint(s.Status, s.Events, s.Attributes), "Asha", s.Name)
		if s.Status.Code == codes.Error {
			failed++
			require.Contains(t, s.Attributes, attribute.String("error.type", "vendor_rejected"), s.Name)
		}
	}
	require.NotZero(t, failed)
}
