package api

import (
	"errors"

	"github.com/gin-gonic/gin"
)

// findOperation notes which operation of the contract the route is. That each route has
// one is checked at start; a route without one is never served.
func (s *Server) findOperation(c *gin.Context) {
	_, who := begin(c)
	op, ok := s.operations[routeKey(c.Request.Method, c.FullPath())]
	if !ok {
		s.fail(c, errors.New("a route that is not in the contract"))
		return
	}
	who.op = op
	c.Next()
}
