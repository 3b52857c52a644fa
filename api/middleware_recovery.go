package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// recovery turns a panic into a problem. The panic's text may hold anything, so only
// the runtime's own errors are logged with their text; the stack says the rest.
func (s *Server) recovery(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares by identity too
			panic(cause)
		}
		text := fmt.Sprintf("a value of type %T", cause)
		if err, ok := cause.(runtime.Error); ok {
			text = err.Error()
		}
		s.log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
			slog.String("panic", text), slog.String("stack", string(debug.Stack())))
		s.fail(c, errors.New("panic: "+text))
	}()
	c.Next()
}
