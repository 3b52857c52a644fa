package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// CreateSession logs in. Unknown, disabled and wrong are told apart neither by the answer
// nor by the time it takes.
func (h *handlers) CreateSession(ctx context.Context, req openapi.CreateSessionRequestObject) (openapi.CreateSessionResponseObject, error) {
	ctx, _ = begin(ctx)
	account, err := h.store.AccountByEmail(ctx, req.Body.Email)
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		return nil, err
	}
	match, err := h.passwords.Check(ctx, req.Body.Password, account.PasswordHash)
	if err != nil {
		return nil, err
	}
	if !match || account.Disabled {
		h.log.LogAttrs(ctx, slog.LevelInfo, "log-in refused")
		return nil, domain.Errorf(domain.CodeUnauthenticated, "The address or the password is wrong.")
	}
	token, err := h.tokens.Issue(account)
	if err != nil {
		return nil, err
	}
	return openapi.CreateSession200JSONResponse{
		AccessToken: token.Text, TokenType: openapi.SessionTokenTypeBearer,
		ExpiresIn: int(token.ExpiresIn / time.Second), ExpiresAt: token.ExpiresAt,
	}, nil
}

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
