// Package tracing sends traces to a collector by OTLP over HTTP, where the settings name
// one. Otherwise it does nothing, and what makes spans costs nothing.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/config"
)

// Module sends traces while the process runs, and those under way when it stops. It needs
// config.Config and a logger.
var Module = fx.Module("tracing", fx.Invoke(start))

func start(lc fx.Lifecycle, c config.Config, log *slog.Logger) error {
	if !c.Tracing.On() {
		return nil
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(strings.TrimRight(c.Tracing.URL, "/") + "/v1/traces")}
	if !c.Tracing.Token.IsZero() {
		options = append(options, otlptracehttp.WithHeaders(map[string]string{"Authorization": "Bearer " + c.Tracing.Token.Reveal()}))
	}
	exporter, err := otlptracehttp.New(context.Background(), options...)
	if err != nil {
		return fmt.Errorf("traces cannot be sent: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		// Who is traced is decided where a trace begins; what follows from it goes along.
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(c.Tracing.Percent)/100))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.namespace", "careflow"),
			attribute.String("service.name", "careflow-"+string(c.Process)),
			attribute.String("deployment.environment.name", string(c.Environment)),
		)),
	)
	otel.SetTracerProvider(provider)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are lost", "error", err) }))
	lc.Append(fx.StopHook(provider.Shutdown))
	return nil
}
