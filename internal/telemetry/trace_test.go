package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/careflow/careflow/internal/telemetry"
)

type vendor struct{}

func (vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("traceparent") != "" {
		return nil, io.ErrUnexpectedEOF // a vendor is told nothing of our traces
	}
	return answered, nil
}

var answered = &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}

func request(t *testing.T, ctx context.Context, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://vendor.example"+path, strings.NewReader(""))
	require.NoError(t, err)
	return r
}

func TestTracing(t *testing.T) {
	// The provider is the process's one: off is tested first.
	t.Run("off costs nothing", func(t *testing.T) {
		ctx, plain := t.Context(), telemetry.Transport("stripe", vendor{})
		r := request(t, ctx, "/v1/refunds")
		bare := testing.AllocsPerRun(100, func() { _, _ = vendor{}.RoundTrip(r) })
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = plain.RoundTrip(r) })-bare)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_, span := telemetry.Span(ctx, "step", trace.SpanKindInternal)
			telemetry.EndSpan(span, true)
			telemetry.ContinueTrace(ctx, telemetry.Traceparent(ctx))
		}))
	})
	t.Run("on", func(t *testing.T) {
		kept := tracetest.NewInMemoryExporter()
		otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept)))
		ctx, root := telemetry.NewTrace(t.Context(), "bookAppointment", trace.SpanKindServer)
		elsewhere := telemetry.ContinueTrace(t.Context(), telemetry.Traceparent(ctx))
		for _, path := range []string{"/v1/payment_intents/pi_3OqVYT2eZvKY/capture", "/v1/refunds"} {
			_, err := telemetry.Transport("stripe", vendor{}).RoundTrip(request(t, elsewhere, path))
			require.NoError(t, err)
		}
		telemetry.EndSpan(root, false)
		spans := kept.GetSpans()
		require.Len(t, spans, 3)
		require.Equal(t, "stripe POST /v1/payment_intents/{id}/capture", spans[0].Name)
		require.Equal(t, "stripe POST /v1/refunds", spans[1].Name)
		require.Equal(t, root.SpanContext().SpanID(), spans[0].Parent.SpanID())
	})
}
