package temporalx

import (
	"fmt"

	"go.opentelemetry.io/otel/propagation"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// NewTracing makes the SDK's own interceptor. It adds headers and no command, so that
// histories replay alike with it and without it, and tracing may be turned on and off under
// processes that run. A header that cannot be read is none: nothing fails for want of a trace.
func NewTracing() (interceptor.Interceptor, error) {
	tracing, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		TextMapPropagator:       propagation.TraceContext{},
		DisableBaggage:          true,
		DisableQueryTracing:     true,
		AllowInvalidParentSpans: true,
	})
	if err != nil {
		return nil, fmt.Errorf("tracing of Temporal: %w", err)
	}
	return tracing, nil
}
