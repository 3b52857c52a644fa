package api

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
)

// CreateSession logs in. Unknown, disabled and wrong are told apart neither by the answer
// nor by the time it takes.
func (h *handlers) CreateSession(ctx context.Context, req openapi.CreateSessionRequestObject) (openapi.CreateSessionResponseObject, error) {
	ctx, who := begin(ctx)
	account, err := h.logIn(ctx, who, req.Body.Email, req.Body.Password)
	if err != nil {
		return nil, err
	}
	refresh := auth.NewRefreshToken()
	opened, err := h.store.OpenSession(ctx, domain.NewSession{
		AccountID: account.ID, PasswordHash: account.PasswordHash, Device: who.device, Origin: h.origin(who.address), TokenHash: refresh.Hash(), Now: h.cfg.Clock().UTC(),
	})
	if domain.CodeOf(err) == domain.CodeUnauthenticated {
		return nil, wrongPassword() // disabled, or another password, between the two
	}
	if err != nil {
		return nil, err
	}
	opened.Account = account
	session, err := h.session(opened, refresh)
	return openapi.CreateSession200JSONResponse(session), err
}

// logIn finds the account that an address and a password belong to. The attempt is
// counted before anything else is looked at, whether there is such an account or not. That
// an address waits to be confirmed is said to who knows the password, and to nobody else.
func (h *handlers) logIn(ctx context.Context, who *visitor, email, password string) (domain.Account, error) {
	attempt := h.attempt(who, email)
	if err := h.store.Attempt(ctx, attempt); err != nil {
		return domain.Account{}, err
	}
	// In the spelling that was counted: no two ways to write a letter get windows of their
	// own for one account.
	account, err := h.store.AccountByEmail(ctx, attempt.Email)
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		return domain.Account{}, err
	}
	match, err := h.passwords.Check(ctx, password, account.PasswordHash)
	if err != nil {
		return domain.Account{}, err
	}
	if !match || account.Disabled {
		h.log.LogAttrs(ctx, slog.LevelInfo, "log-in refused")
		return domain.Account{}, wrongPassword()
	}
	if err := h.store.Forgive(ctx, attempt); err != nil {
		return domain.Account{}, err
	}
	if account.Unverified {
		return domain.Account{}, domain.ErrEmailUnverified()
	}
	return account, nil
}

// attempt is a try to log in, as it is counted.
func (h *handlers) attempt(who *visitor, email string) domain.Attempt {
	name, from := strings.ToLower(email), network(who.address)
	return domain.Attempt{
		Pair: h.keyed("attempts/pair", name, from), Network: h.keyed("attempts/network", from), Account: h.keyed("attempts/account", name),
		Email: name, Origin: h.origin(who.address), Now: h.cfg.Clock().UTC(),
	}
}

func wrongPassword() error {
	return domain.Errorf(domain.CodeUnauthenticated, "The address or the password is wrong.")
}

// RefreshSession trades a refresh token in for the next pair.
func (h *handlers) RefreshSession(ctx context.Context, req openapi.RefreshSessionRequestObject) (openapi.RefreshSessionResponseObject, error) {
	ctx, who := begin(ctx)
	token, ok := auth.ParseRefreshToken(req.Body.RefreshToken)
	if !ok {
		return nil, domain.Errorf(domain.CodeUnauthenticated, "The session is over: log in again.")
	}
	salt := auth.NewRefreshSalt()
	opened, err := h.store.RefreshSession(ctx, domain.Rotation{
		Hash: token.Hash(), Salt: salt, NextHash: token.Next(salt).Hash(), Origin: h.origin(who.address), Now: h.cfg.Clock().UTC(),
	})
	if errors.Is(err, domain.ErrTokenReused) {
		h.log.LogAttrs(ctx, slog.LevelWarn, "a refresh token was presented twice: its session ended")
	}
	if err != nil {
		return nil, err
	}
	session, err := h.session(opened, token.Next(opened.Salt))
	return openapi.RefreshSession200JSONResponse(session), err
}

// session is the pair of tokens in the form of the contract.
func (h *handlers) session(opened domain.OpenedSession, refresh auth.RefreshToken) (openapi.Session, error) {
	access, err := h.tokens.Issue(opened.Account, opened.ID)
	if err != nil {
		return openapi.Session{}, err
	}
	return openapi.Session{
		SessionID: opened.ID, AccessToken: access.Text, TokenType: openapi.SessionTokenTypeBearer,
		ExpiresIn: int(access.ExpiresIn / time.Second), ExpiresAt: access.ExpiresAt,
		RefreshToken: refresh.Text(), RefreshExpiresAt: opened.TokenExpiresAt,
	}, nil
}

// ListSessions shows where the account is logged in.
func (h *handlers) ListSessions(ctx context.Context, _ openapi.ListSessionsRequestObject) (openapi.ListSessionsResponseObject, error) {
	ctx, who := begin(ctx)
	sessions, err := h.store.Sessions(ctx, who.caller.UserID, h.cfg.Clock().UTC())
	if err != nil {
		return nil, err
	}
	return openapi.ListSessions200JSONResponse{Items: convert(sessions, func(s domain.Session) openapi.Device {
		return openapi.Device{
			ID: s.ID, Device: s.Device, CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt,
			Current: s.ID == who.caller.SessionID,
		}
	})}, nil
}

// EndSession logs the account out on one device.
func (h *handlers) EndSession(ctx context.Context, req openapi.EndSessionRequestObject) (openapi.EndSessionResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.store.EndSession(ctx, who.caller.UserID, req.SessionID, h.cfg.Clock().UTC()); err != nil {
		return nil, err
	}
	return openapi.EndSession204Response{}, nil
}

// EndSessions logs the account out everywhere.
func (h *handlers) EndSessions(ctx context.Context, _ openapi.EndSessionsRequestObject) (openapi.EndSessionsResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.store.EndSessions(ctx, who.access(), h.cfg.Clock().UTC()); err != nil {
		return nil, err
	}
	return openapi.EndSessions204Response{}, nil
}

// keySetAge is how long others may keep the keys. A new key is listed for at least as
// long before it signs (see the runbook).
const keySetAge = "public, max-age=300"

// GetKeySet lists the keys that access tokens are signed with.
func (h *handlers) GetKeySet(context.Context, openapi.GetKeySetRequestObject) (openapi.GetKeySetResponseObject, error) {
	return openapi.GetKeySet200JSONResponse{
		Headers: openapi.GetKeySet200ResponseHeaders{CacheControl: keySetAge},
		Body: openapi.KeySet{Keys: convert(h.tokens.PublicKeys(), func(k auth.PublicKey) openapi.PublicKey {
			return openapi.PublicKey{
				Kty: openapi.PublicKeyKtyOKP, Crv: openapi.PublicKeyCrvEd25519, Alg: openapi.PublicKeyAlgEdDSA, Use: openapi.PublicKeyUseSig,
				Kid: k.ID, X: base64.RawURLEncoding.EncodeToString(k.Key),
			}
		})},
	}, nil
}
