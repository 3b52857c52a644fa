package telemetry

import (
	"context"
	"net/http"
	"regexp"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// scope names our spans among those of libraries.
const scope = "github.com/careflow/careflow"

// Spans hold IDs, codes and names of operations, like logs: no SQL parameter, no body, no
// query string, nothing about a person.

// NewTrace begins a trace. It is what came in that begins one, never what a caller sent:
// nobody outside decides what is recorded.
func NewTrace(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	return otel.Tracer(scope).Start(ctx, name, trace.WithNewRoot(), trace.WithSpanKind(kind))
}

// Span adds a step to the trace of ctx. Outside a trace it does nothing, and costs nothing.
func Span(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, parent // does nothing
	}
	return otel.Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
}

// EndSpan ends a step. Of an error only the fact is kept: what it says belongs to the log.
func EndSpan(span trace.Span, failed bool) {
	if failed {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

const traceparent = "traceparent"

// Traceparent names the trace of ctx for another process, in the form of W3C Trace
// Context; "" outside a trace.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparent]
}

// ContinueTrace returns a context in the trace that another process named.
func ContinueTrace(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent})
}

// Transport adds a step for each request to a vendor. The vendor is told nothing of it.
func Transport(vendor string, next http.RoundTripper) http.RoundTripper {
	return transport{vendor, next}
}

type transport struct {
	vendor string
	next   http.RoundTripper
}

// vendorID is a segment of a vendor's path that names one thing, such as pi_3OqV….
var vendorID = regexp.MustCompile(`/[a-z]+_[A-Za-z]*[0-9A-Z][A-Za-z0-9_]*`)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanContextFromContext(r.Context()).IsValid() {
		return t.next.RoundTrip(r)
	}
	path := vendorID.ReplaceAllString(r.URL.Path, "/{id}")
	ctx, span := Span(r.Context(), t.vendor+" "+r.Method+" "+path, trace.SpanKindClient)
	resp, err := t.next.RoundTrip(r.WithContext(ctx))
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	}
	EndSpan(span, err != nil || resp.StatusCode >= http.StatusBadRequest)
	return resp, err
}
