package api

import (
	"context"
	"strings"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
)

// Rows on a page of accounts, and events of one account that are shown.
const (
	accountsPage  = 20
	accountEvents = 100
)

// managing is the caller in the roles that this operation is open to.
func (v *visitor) managing() domain.Access {
	access := v.access()
	access.Caller.Roles = nil
	for _, role := range v.op.roles {
		if v.caller.Has(role) {
			access.Caller.Roles = append(access.Caller.Roles, role)
		}
	}
	return access
}

// ListAccounts lists those accounts that the caller manages.
func (h *handlers) ListAccounts(ctx context.Context, req openapi.ListAccountsRequestObject) (openapi.ListAccountsResponseObject, error) {
	ctx, who := begin(ctx)
	limit := req.Params.Limit
	if limit == 0 {
		limit = accountsPage
	}
	filter := domain.AccountFilter{Text: req.Params.Q, Role: domain.Role(req.Params.Role), AfterID: req.Params.Cursor, Limit: limit + 1}
	if state := req.Params.State; state != "" {
		disabled := state == openapi.ListAccountsParamsStateDisabled
		filter.Disabled = &disabled
	}
	records, err := h.store.Accounts(ctx, who.managing().Caller, filter)
	if err != nil {
		return nil, err
	}
	records, next := cutPage(records, limit, func(r domain.AccountRecord) string { return r.ID })
	return openapi.ListAccounts200JSONResponse{NextCursor: next, Items: convert(records, accountView)}, nil
}

// CreateAccount makes an account with a password that is shown once.
func (h *handlers) CreateAccount(ctx context.Context, req openapi.CreateAccountRequestObject) (openapi.CreateAccountResponseObject, error) {
	ctx, who := begin(ctx)
	b := req.Body
	email, err := mailbox(b.Email)
	if err != nil {
		return nil, err
	}
	if _, err := domain.LocalStart(h.cfg.Clock(), b.TimeZone); err != nil || b.TimeZone == "Local" {
		return nil, invalidField("body/time_zone", "is an IANA time zone, such as Europe/Berlin")
	}
	language := string(b.Language)
	if language == "" {
		language = string(openapi.AccountCreationLanguageEn)
	}
	password := auth.NewPassword()
	hash, err := h.passwords.Hash(ctx, password)
	if err != nil {
		return nil, err
	}
	record, err := h.store.CreateAccount(ctx, who.managing(), domain.NewAccount{
		Email: email, Name: strings.TrimSpace(b.Name), Roles: rolesOf(b.Roles), Locale: language, Zone: b.TimeZone, PasswordHash: hash,
	})
	if err != nil {
		return nil, err
	}
	return openapi.CreateAccount201JSONResponse{
		Headers: openapi.CreateAccount201ResponseHeaders{ETag: etag(record.Version), Location: "/v1/accounts/" + record.ID},
		Body:    openapi.CreatedAccount{Account: accountView(record), Password: password},
	}, nil
}

// GetAccount shows one account.
func (h *handlers) GetAccount(ctx context.Context, req openapi.GetAccountRequestObject) (openapi.GetAccountResponseObject, error) {
	ctx, who := begin(ctx)
	record, err := h.store.ManagedAccount(ctx, who.managing().Caller, req.AccountID)
	if err != nil {
		return nil, err
	}
	return openapi.GetAccount200JSONResponse{
		Headers: openapi.GetAccount200ResponseHeaders{ETag: etag(record.Version)}, Body: accountView(record),
	}, nil
}

// ChangeAccount gives an account a name, roles and a state.
func (h *handlers) ChangeAccount(ctx context.Context, req openapi.ChangeAccountRequestObject) (openapi.ChangeAccountResponseObject, error) {
	ctx, who := begin(ctx)
	version, err := ifMatch(req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	record, err := h.store.ChangeAccount(ctx, who.managing(), domain.AccountChange{
		ID: req.AccountID, Version: version, Name: strings.TrimSpace(req.Body.Name), Roles: rolesOf(req.Body.Roles), Disabled: req.Body.Disabled,
	}, h.cfg.Clock().UTC())
	if err != nil {
		return nil, err
	}
	return openapi.ChangeAccount200JSONResponse{
		Headers: openapi.ChangeAccount200ResponseHeaders{ETag: etag(record.Version)}, Body: accountView(record),
	}, nil
}

// ResetAccountPassword gives an account a password that is shown once.
func (h *handlers) ResetAccountPassword(ctx context.Context, req openapi.ResetAccountPasswordRequestObject) (openapi.ResetAccountPasswordResponseObject, error) {
	ctx, who := begin(ctx)
	password := auth.NewPassword()
	hash, err := h.passwords.Hash(ctx, password)
	if err != nil {
		return nil, err
	}
	if err := h.store.ResetPassword(ctx, who.managing(), req.AccountID, hash, h.cfg.Clock().UTC()); err != nil {
		return nil, err
	}
	return openapi.ResetAccountPassword200JSONResponse{Password: password}, nil
}

// ListAccountEvents shows what happened to an account.
func (h *handlers) ListAccountEvents(ctx context.Context, req openapi.ListAccountEventsRequestObject) (openapi.ListAccountEventsResponseObject, error) {
	ctx, who := begin(ctx)
	events, err := h.store.AccountEvents(ctx, who.managing().Caller, req.AccountID, accountEvents)
	if err != nil {
		return nil, err
	}
	return openapi.ListAccountEvents200JSONResponse{Items: convert(events, func(e domain.AccountEvent) openapi.AccountEvent {
		return openapi.AccountEvent{Kind: openapi.AccountEventKind(e.Kind), ActorID: e.ActorID, Roles: roleViews(e.Roles), At: e.At}
	})}, nil
}

// ChangePassword sets the caller's own password. Tries are counted like log-ins: a
// session left open must not be a way to guess it.
func (h *handlers) ChangePassword(ctx context.Context, req openapi.ChangePasswordRequestObject) (openapi.ChangePasswordResponseObject, error) {
	ctx, who := begin(ctx)
	account, err := h.store.AccountByID(ctx, who.caller.UserID)
	if err != nil {
		return nil, err
	}
	if req.Body.NewPassword == req.Body.CurrentPassword {
		return nil, invalidField("body/new_password", "is another one than the present password")
	}
	if account, err = h.logIn(ctx, who, account.Email, req.Body.CurrentPassword); err != nil {
		if domain.CodeOf(err) == domain.CodeUnauthenticated {
			return nil, invalidField("body/current_password", "is not the present password")
		}
		return nil, err
	}
	hash, err := h.passwords.Hash(ctx, req.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	if err := h.store.ReplacePassword(ctx, who.access(), account.PasswordHash, hash, h.cfg.Clock().UTC()); err != nil {
		return nil, err
	}
	return openapi.ChangePassword204Response{}, nil
}

func accountView(r domain.AccountRecord) openapi.ManagedAccount {
	return openapi.ManagedAccount{
		ID: r.ID, Email: r.Email, Name: r.Name, Roles: roleViews(r.Roles), Language: r.Locale, TimeZone: r.Zone,
		Disabled: r.Disabled, EmailVerified: r.Verified, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func roleViews(roles []domain.Role) []openapi.Role {
	return convert(roles, func(r domain.Role) openapi.Role { return openapi.Role(r) })
}

func rolesOf(roles []openapi.Role) []domain.Role {
	return convert(roles, func(r openapi.Role) domain.Role { return domain.Role(r) })
}
