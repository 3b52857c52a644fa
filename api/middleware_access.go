package api

import (
	"errors"
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
	now := s.cfg.Clock()
	// The token says who logged in; the database, whether that still holds. Logging out,
	// disabling an account and taking a role away work at once on this replica, and within
	// Config.RememberCaller on others.
	lookUp := func() (domain.Caller, error) {
		return s.callers.of(token, now, s.tokens.VerifyUntil, func(session string) (domain.Caller, error) {
			return s.sessions.SessionCaller(ctx, session, now)
		})
	}
	var err error
	if who.op.looksUp && c.GetHeader("Prefer") == "" {
		who.lookUp = lookUp
		who.caller, err = s.callers.claimed(token, now, s.tokens.VerifyUntil)
	}
	// A role that came since the token was issued counts too.
	if err == nil && !who.caller.Has(who.op.roles...) {
		who.caller, err = lookUp()
	}
	if err != nil {
		s.fail(c, err)
		return
	}
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
	if err := who.mayCall(); err != nil {
		s.fail(c, err)
		return
	}
	c.Next()
}

func (v *visitor) mayCall() error {
	if !v.op.public && !v.caller.Has(v.op.roles...) {
		return domain.Errorf(domain.CodeForbidden, "This account's roles do not include this operation.")
	}
	return nil
}

// lookedUp carries something out for a caller who may be only claimed: where it is not done
// for such a one, the session is looked up as for every other operation, and it is tried again.
func lookedUp(v *visitor, do func() error) error {
	err := do()
	if !errors.Is(err, domain.ErrNotLookedUp) {
		return err
	}
	if v.caller, err = v.lookUp(); err != nil {
		return err
	}
	if err := v.mayCall(); err != nil {
		return err
	}
	return do()
}
