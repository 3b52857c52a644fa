package api

import (
	"context"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// GetMe shows the account of the token, unless it was disabled since.
func (h *handlers) GetMe(ctx context.Context, _ openapi.GetMeRequestObject) (openapi.GetMeResponseObject, error) {
	ctx, who := begin(ctx)
	account, err := h.store.AccountByID(ctx, who.caller.UserID)
	if domain.CodeOf(err) == domain.CodeNotFound || (err == nil && account.Disabled) {
		return nil, domain.Errorf(domain.CodeUnauthenticated, "This account is not there any more.")
	}
	if err != nil {
		return nil, err
	}
	return openapi.GetMe200JSONResponse{
		ID: account.ID, Name: account.Name, Email: account.Email, DoctorID: account.DoctorID,
		Roles: convert(account.Roles, func(r domain.Role) openapi.Role { return openapi.Role(r) }),
	}, nil
}

// convert maps a list; the result is never nil, so that JSON has [] and not null.
func convert[A, B any](list []A, one func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, a := range list {
		out = append(out, one(a))
	}
	return out
}
