package api

import (
	"context"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/careflow/careflow/internal/domain"
)

// visitor is what the middleware found out about a request.
type visitor struct {
	requestID string
	op        *operation // nil outside the contract
	caller    domain.Caller
	lookUp    func() (domain.Caller, error) // of a caller who may be only claimed
	address   string                        // of the network; for counting attempts, never for the log
	device    string                        // browser and system in a few words
	foreign   error                         // why a form of this request is not taken, where another site sent it
	locale    string                        // the reader's, once known; before that what the browser asks for
	until     time.Time                     // end of the access token; of streams only
}

type visitorKey struct{}

// begin returns the request's plain context and its visitor. Handlers call it first:
// the context they are given is gin's, which gin uses again for another request while
// a library may still hold it.
func begin(ctx context.Context) (context.Context, *visitor) {
	if c, ok := ctx.(*gin.Context); ok {
		ctx = c.Request.Context()
	}
	return ctx, visitorOf(ctx)
}

func visitorOf(ctx context.Context) *visitor {
	if v, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{}
}

// setVisitor makes v known to everything that follows.
func setVisitor(c *gin.Context, v *visitor) {
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), visitorKey{}, v))
}

// access is who reads, for the audit.
func (v *visitor) access() domain.Access {
	return domain.Access{Caller: v.caller, RequestID: v.requestID}
}

// scopes are the views in which this caller may carry out this operation, widest first:
// only roles that the operation is open to count, so that a doctor who is a patient too
// cannot confirm the own visit with a colleague.
func (v *visitor) scopes() []domain.Scope {
	var scopes []domain.Scope
	for _, role := range []domain.Role{domain.RoleStaff, domain.RoleAdmin, domain.RoleDoctor, domain.RolePatient, domain.RoleCaregiver} {
		if !v.caller.Has(role) || v.op == nil || !slices.Contains(v.op.roles, role) {
			continue
		}
		as := domain.Caller{UserID: v.caller.UserID, Roles: []domain.Role{role}, DoctorID: v.caller.DoctorID}
		if scope := as.AppointmentScope(); scope != (domain.Scope{}) && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// union is the view of a list: everything that any role of the visitor shows, so that a
// doctor who is a patient too finds the own visits among those of the practice. The zero
// Scope, of a doctor's role without a doctor, sees nothing.
func (v *visitor) union() domain.Scope {
	var all domain.Scope
	for _, scope := range v.scopes() {
		all = all.Or(scope)
	}
	return all
}

// within asks each scope of the visitor in turn until one knows the record.
func within[T any](v *visitor, ask func(domain.Scope) (T, error)) (T, error) {
	var none T
	for _, scope := range v.scopes() {
		found, err := ask(scope)
		if domain.CodeOf(err) != domain.CodeNotFound {
			return found, err
		}
	}
	return none, domain.Errorf(domain.CodeNotFound, "there is no such appointment")
}
