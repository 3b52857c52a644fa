package temporalx

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
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
		SpanStarter: func(ctx context.Context, t trace.Tracer, name string, options ...trace.SpanStartOption) trace.Span {
			_, span := t.Start(ctx, name, options...)
			return codeOnly{span}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("tracing of Temporal: %w", err)
	}
	return tracing, nil
}

// codeOnly keeps the code of an error and not what it says, which may be a vendor's or a
// database's words: those belong to the log, and to histories, which are encrypted.
type codeOnly struct{ trace.Span }

// RecordError keeps the type of an application's error.
func (s codeOnly) RecordError(err error, _ ...trace.EventOption) {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		s.SetAttributes(attribute.String("error.type", app.Type()))
	}
}

// SetStatus keeps that something failed.
func (s codeOnly) SetStatus(code codes.Code, _ string) { s.Span.SetStatus(code, "") }
