package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/careflow/careflow/internal/domain"
)

// bodyLimit refuses bodies over the operation's limit, at once where the length is told.
func (s *Server) bodyLimit(c *gin.Context) {
	_, who := begin(c)
	limit := who.op.bodyLimit
	if c.Request.ContentLength > limit {
		s.fail(c, tooLarge(limit))
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	c.Next()
}

func tooLarge(limit int64) error {
	return domain.Errorf(CodePayloadTooLarge, "Send at most %d bytes.", limit)
}

// deadline bounds how long a request may take: the time for its own work, and on top
// the wait that the caller asked for or that commands have.
func (s *Server) deadline(c *gin.Context) {
	ctx, who := begin(c)
	if who.op.stream { // it ends for reasons of its own
		c.Next()
		return
	}
	limit := s.cfg.RequestTimeout
	if who.op.prefers {
		limit += s.cfg.wait(c.GetHeader("Prefer"))
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}
