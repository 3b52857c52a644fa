package api

import (
	"context"
	"net/mail"
	"strings"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/links"
)

// Register opens an account that waits for its address to be confirmed. Whether there is
// one already is told by mail, and neither by the answer nor by the time it takes.
func (h *handlers) Register(ctx context.Context, req openapi.RegisterRequestObject) (openapi.RegisterResponseObject, error) {
	ctx, who := begin(ctx)
	b := req.Body
	email, err := mailbox(b.Email)
	if err != nil {
		return nil, err
	}
	language := string(b.Language)
	if language == "" {
		language = string(openapi.RegistrationLanguageEn)
	}
	r := domain.Registration{
		Email: email, Locale: language, RequestID: who.requestID,
		Patient: patientOf(openapi.PatientInput{
			Name: b.Name, Relation: openapi.PatientInputRelationSelf, DateOfBirth: b.DateOfBirth, Gender: b.Gender, Phone: b.Phone, TimeZone: b.TimeZone,
		}),
	}
	if err := r.Patient.Validate(h.cfg.Clock()); err != nil {
		return nil, err
	}
	if err := h.allow(ctx, who, email); err != nil {
		return nil, err
	}
	err = h.evenly(ctx, func() error {
		// Also for an address that is known: it takes as long as everything else together.
		if r.PasswordHash, err = h.passwords.Hash(ctx, b.Password); err != nil {
			return err
		}
		return h.store.Register(ctx, r, h.links.ForAccount(domain.MessageVerifyEmail, domain.NewID()), h.cfg.Clock().UTC())
	})
	if err != nil {
		return nil, err
	}
	return openapi.Register202Response{}, nil
}

// ResendVerification sends the letter with the link again.
func (h *handlers) ResendVerification(ctx context.Context, req openapi.ResendVerificationRequestObject) (openapi.ResendVerificationResponseObject, error) {
	if err := h.sendLink(ctx, domain.MessageVerifyEmail, req.Body.Email); err != nil {
		return nil, err
	}
	return openapi.ResendVerification202Response{}, nil
}

// RequestPasswordReset sends a letter with a link to a new password.
func (h *handlers) RequestPasswordReset(ctx context.Context, req openapi.RequestPasswordResetRequestObject) (openapi.RequestPasswordResetResponseObject, error) {
	if err := h.sendLink(ctx, domain.MessagePasswordReset, req.Body.Email); err != nil {
		return nil, err
	}
	return openapi.RequestPasswordReset202Response{}, nil
}

func (h *handlers) sendLink(ctx context.Context, kind domain.AccountMessageKind, address string) error {
	ctx, who := begin(ctx)
	email, err := mailbox(address)
	if err != nil {
		return err
	}
	if err := h.allow(ctx, who, email); err != nil {
		return err
	}
	return h.evenly(ctx, func() error {
		return h.store.SendLink(ctx, kind, email, h.links.ForAccount(kind, domain.NewID()), h.cfg.Clock().UTC())
	})
}

// VerifyEmail confirms an address.
func (h *handlers) VerifyEmail(ctx context.Context, req openapi.VerifyEmailRequestObject) (openapi.VerifyEmailResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.verifyEmail(ctx, who, req.Body.Token, req.Body.Password); err != nil {
		return nil, err
	}
	return openapi.VerifyEmail204Response{}, nil
}

// verifyEmail opens an account to who reads the mails of its address and knows its
// password. Only the owner of the address could otherwise be made to open an account whose
// password somebody else chose. Tries are counted like log-ins.
func (h *handlers) verifyEmail(ctx context.Context, who *visitor, token, password string) error {
	hash, account, err := h.accountOfLink(ctx, domain.MessageVerifyEmail, token)
	if err != nil {
		return err
	}
	attempt := h.attempt(who, account.Email)
	if err := h.store.Attempt(ctx, attempt); err != nil {
		return err
	}
	match, err := h.passwords.Check(ctx, password, account.PasswordHash)
	if err != nil {
		return err
	}
	if !match {
		return invalidField("body/password", "is not the password that was chosen when registering")
	}
	if err := h.store.Forgive(ctx, attempt); err != nil {
		return err
	}
	return h.store.VerifyEmail(ctx, hash, account.PasswordHash, ownerOf(account, who), h.cfg.Clock().UTC())
}

// RedeemPasswordReset sets a new password.
func (h *handlers) RedeemPasswordReset(ctx context.Context, req openapi.RedeemPasswordResetRequestObject) (openapi.RedeemPasswordResetResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.redeemReset(ctx, who, req.Body.Token, req.Body.NewPassword); err != nil {
		return nil, err
	}
	return openapi.RedeemPasswordReset204Response{}, nil
}

func (h *handlers) redeemReset(ctx context.Context, who *visitor, token, password string) error {
	// Before the costly hash: only who holds a link that is good makes us compute one.
	hash, account, err := h.accountOfLink(ctx, domain.MessagePasswordReset, token)
	if err != nil {
		return err
	}
	newHash, err := h.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return h.store.RedeemReset(ctx, hash, newHash, ownerOf(account, who), h.cfg.Clock().UTC())
}

func (h *handlers) accountOfLink(ctx context.Context, kind domain.AccountMessageKind, token string) (hash []byte, account domain.Account, err error) {
	hash, ok := links.AccountHash(token)
	if !ok {
		return nil, account, domain.ErrLinkOver()
	}
	account, err = h.store.AccountOfLink(ctx, kind, hash, h.cfg.Clock().UTC())
	return hash, account, err
}

// ownerOf is who acts by a link of an account: its owner, without a session.
func ownerOf(account domain.Account, who *visitor) domain.Access {
	return domain.Access{Caller: domain.Caller{UserID: account.ID}, RequestID: who.requestID}
}

// allow counts a request that sends a mail, for the address and for the network.
func (h *handlers) allow(ctx context.Context, who *visitor, email string) error {
	return h.store.Allow(ctx, []domain.Allowance{
		{Subject: h.keyed("requests/address", email), Most: domain.RequestsAddress},
		{Subject: h.keyed("requests/network", network(who.address)), Most: domain.RequestsNetwork},
	}, h.cfg.Clock().UTC())
}

// evenly answers after the same time whatever there was to do. A failure of ours may be
// told at once: it says nothing about an account.
func (h *handlers) evenly(ctx context.Context, do func() error) error {
	end := time.NewTimer(h.cfg.EvenTime)
	defer end.Stop()
	if err := do(); err != nil {
		return err
	}
	select {
	case <-end.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mailbox is an address in the spelling in which it is kept.
func mailbox(text string) (string, error) {
	address, err := mail.ParseAddress(text)
	if err != nil || address.Address != text {
		return "", invalidField("body/email", "is an e-mail address, such as ada@example.org")
	}
	return strings.ToLower(text), nil
}

// ListAccountMessages shows what became of each letter that was owed to an account's owner.
func (h *handlers) ListAccountMessages(ctx context.Context, req openapi.ListAccountMessagesRequestObject) (openapi.ListAccountMessagesResponseObject, error) {
	ctx, who := begin(ctx)
	messages, err := h.store.AccountMessages(ctx, who.managing().Caller, req.AccountID, accountEvents)
	if err != nil {
		return nil, err
	}
	return openapi.ListAccountMessages200JSONResponse{Items: convert(messages, func(m domain.AccountMessage) openapi.AccountMessage {
		return openapi.AccountMessage{
			ID: m.ID, Kind: openapi.AccountMessageKind(m.Kind), Status: openapi.AccountMessageStatus(m.Status),
			Attempts: m.Attempts, Unknowns: m.Unknowns, ErrorCode: m.ErrorCode, CreatedAt: m.CreatedAt, SentAt: m.SentAt,
		}
	})}, nil
}
