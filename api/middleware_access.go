package api

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/careflow/careflow/internal/domain"
)

// authenticate finds out who calls. A public operation looks at no token.
func (s *Server) authenticate(c *gin.Context) {
	ctx, who := begin(c)
	if who.op.public {
		c.Next()
		return
	}
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		s.fail(c, domain.Errorf(domain.CodeUnauthenticated, "Send the access token of POST /v1/sessions as Authorization: Bearer."))
		return
	}
	issued, err := s.tokens.Verify(token)
	if err != nil {
		s.fail(c, err)
		return
	}
	// The token says who logged in; the database, whether that still holds. Logging out,
	// disabling an account and taking a role away work at once.
	caller, err := s.sessions.SessionCaller(ctx, issued.SessionID, s.cfg.Clock())
	if err != nil {
		s.fail(c, err)
		return
	}
	who.caller = caller
	if who.op.stream {
		if who.until, err = s.tokens.ExpiresAt(token); err != nil {
			s.fail(c, err)
			return
		}
	}
	c.Next()
}

// authorise lets those pass whose role the contract names for the operation, and nobody
// else.
func (s *Server) authorise(c *gin.Context) {
	_, who := begin(c)
	if !who.op.public && !who.caller.Has(who.op.roles...) {
		s.fail(c, domain.Errorf(domain.CodeForbidden, "This account's roles do not include this operation."))
		return
	}
	c.Next()
}
