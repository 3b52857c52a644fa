package api

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
)

// accessLog writes one line for each request: the route's template, never the query, a
// header, an address or a name.
func (s *Server) accessLog(c *gin.Context) {
	start := time.Now()
	c.Next()
	_, who := begin(c)
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method),
		slog.String("route", c.FullPath()),
		slog.Int("status", c.Writer.Status()),
		slog.Duration("duration", time.Since(start)),
		slog.Int("bytes", max(0, c.Writer.Size())),
	}
	if who.op != nil {
		attrs = append(attrs, slog.String("operation", who.op.id))
		if len(who.op.route.Operation.Tags) > 0 && who.op.route.Operation.Tags[0] == "service" {
			level = slog.LevelDebug // probes and scrapes would drown the rest
		}
	}
	if id := c.Param("appointment_id"); id != "" && c.Writer.Status() < 400 {
		attrs = append(attrs, slog.String("appointment_id", id))
	}
	s.log.LogAttrs(c.Request.Context(), level, "request", attrs...)
}
