package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"github.com/careflow/careflow/internal/telemetry"
)

// tracer adds a step to the trace of a request or an activity for each query, by the name
// that the query has in queries/. Neither its text nor its parameters are kept.
type tracer struct{}

var (
	_ pgx.QueryTracer = tracer{}
	_ pgx.BatchTracer = tracer{}
)

type tracedQuery struct{}

func begun(ctx context.Context, name string) context.Context {
	ctx, span := telemetry.Span(ctx, name, trace.SpanKindClient)
	return context.WithValue(ctx, tracedQuery{}, span)
}

func ended(ctx context.Context, err error) {
	if span, ok := ctx.Value(tracedQuery{}).(trace.Span); ok {
		telemetry.EndSpan(span, err != nil)
	}
}

func traced(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsValid() }

// TraceQueryStart begins a query's step.
func (tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if !traced(ctx) {
		return ctx
	}
	return begun(ctx, "postgres "+queryName(q.SQL))
}

// TraceQueryEnd ends it.
func (tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	ended(ctx, q.Err)
}

// TraceBatchStart begins the step of several queries in one round trip.
func (tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	if !traced(ctx) {
		return ctx
	}
	var names []string
	for _, q := range b.Batch.QueuedQueries {
		names = append(names, queryName(q.SQL))
	}
	return begun(ctx, "postgres "+strings.Join(names, ", "))
}

// TraceBatchQuery is called for each query of a batch: the batch is one step.
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd ends it.
func (tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchEndData) {
	ended(ctx, b.Err)
}

// queryName is the name that sqlc wrote above a query, or its first word.
func queryName(sql string) string {
	if name, found := strings.CutPrefix(sql, "-- name: "); found {
		sql = name
	}
	name, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	return name
}
