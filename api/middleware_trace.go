package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/careflow/careflow/internal/telemetry"
)

// traced begins a trace for each request to an operation of the contract, by the
// operation's name: a path may hold a token.
func (s *Server) traced(c *gin.Context) {
	op := s.operations[routeKey(c.Request.Method, c.FullPath())]
	if op == nil || op.stream {
		return // how long someone watches is no step of anything
	}
	ctx, span := telemetry.NewTrace(c.Request.Context(), op.id, trace.SpanKindServer)
	span.SetAttributes(attribute.String("request_id", telemetry.RequestID(ctx)))
	c.Request = c.Request.WithContext(ctx)
	c.Next()
	status := c.Writer.Status()
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	telemetry.EndSpan(span, status >= http.StatusInternalServerError)
}
