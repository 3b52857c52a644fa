package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
)

// fail ends a request with the problem that err is. The cause of a fault of ours goes
// to the log, which carries the request's ID, and nowhere else.
func (s *Server) fail(c *gin.Context, err error) {
	ctx, who := begin(c)
	p := problemOf(err, who.requestID)
	if p.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if errors.Is(err, context.Canceled) {
			level = slog.LevelInfo // the client went away
		}
		s.log.LogAttrs(ctx, level, "request failed", slog.String("code", p.Code), slog.String("error", err.Error()))
	}
	c.Abort()
	if c.Writer.Written() {
		return
	}
	for name, value := range problemHeaders(p, err) {
		c.Header(name, value)
	}
	if who.op != nil && who.op.page {
		s.failPage(c, who, p)
		return
	}
	body, broken := json.Marshal(p)
	if broken != nil {
		s.log.ErrorContext(ctx, "a problem could not be written", "error", broken.Error())
		c.Status(http.StatusInternalServerError)
		return
	}
	c.Data(p.Status, "application/problem+json", body)
}
