package api

import (
	"context"
	"net/http"
	"unicode/utf8"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/api/pages"
	"github.com/careflow/careflow/internal/domain"
)

// The pages behind the links of letters about an account. Opening one changes nothing:
// mail programs and scanners open links too. Its form does what POST …/verify and
// …/redeem do.

// minPassword is the shortest password, in characters, as the contract has it.
const minPassword = 12

// accountForm is what the templates account_email and account_password show.
type accountForm struct {
	Token string
	// Refusal is the key of the words that say why the form was not taken.
	Refusal string
}

// accountOutcome is what the template account_done shows.
type accountOutcome struct {
	Text string // the key of the words
	Good bool
}

// GetConfirmEmailPage asks for the password that was chosen.
func (h *handlers) GetConfirmEmailPage(ctx context.Context, req openapi.GetConfirmEmailPageRequestObject) (openapi.GetConfirmEmailPageResponseObject, error) {
	return h.accountPage(ctx, domain.MessageVerifyEmail, req.Token)
}

// GetNewPasswordPage asks for a new password.
func (h *handlers) GetNewPasswordPage(ctx context.Context, req openapi.GetNewPasswordPageRequestObject) (openapi.GetNewPasswordPageResponseObject, error) {
	return h.accountPage(ctx, domain.MessagePasswordReset, req.Token)
}

func (h *handlers) accountPage(ctx context.Context, kind domain.AccountMessageKind, token string) (page, error) {
	ctx, who := begin(ctx)
	if _, _, err := h.accountOfLink(ctx, kind, token); err != nil {
		return linkOver(who, err)
	}
	return showForm(who, kind, http.StatusOK, accountForm{Token: token})
}

// ConfirmEmailByLink confirms an address for who got the letter and chose the password.
func (h *handlers) ConfirmEmailByLink(ctx context.Context, req openapi.ConfirmEmailByLinkRequestObject) (openapi.ConfirmEmailByLinkResponseObject, error) {
	ctx, who := begin(ctx)
	if err := ownForm(who, req.Token, req.Body.Token); err != nil {
		return nil, err
	}
	err := h.verifyEmail(ctx, who, req.Token, req.Body.Password)
	if domain.CodeOf(err) == domain.CodeInvalid {
		return showForm(who, domain.MessageVerifyEmail, http.StatusBadRequest, accountForm{Token: req.Token, Refusal: "account.refused.wrong"})
	}
	if err != nil {
		return linkOver(who, err)
	}
	return showOutcome(who, http.StatusOK, accountOutcome{Text: "account.confirmed", Good: true})
}

// ChooseNewPassword sets a new password for who got the letter.
func (h *handlers) ChooseNewPassword(ctx context.Context, req openapi.ChooseNewPasswordRequestObject) (openapi.ChooseNewPasswordResponseObject, error) {
	ctx, who := begin(ctx)
	if err := ownForm(who, req.Token, req.Body.Token); err != nil {
		return nil, err
	}
	refusal := ""
	switch password := req.Body.NewPassword; {
	case utf8.RuneCountInString(password) < minPassword:
		refusal = "account.refused.short"
	case password != req.Body.Again:
		refusal = "account.refused.different"
	}
	if refusal != "" {
		return showForm(who, domain.MessagePasswordReset, http.StatusBadRequest, accountForm{Token: req.Token, Refusal: refusal})
	}
	if err := h.redeemReset(ctx, who, req.Token, req.Body.NewPassword); err != nil {
		return linkOver(who, err)
	}
	return showOutcome(who, http.StatusOK, accountOutcome{Text: "account.changed", Good: true})
}

func showForm(who *visitor, kind domain.AccountMessageKind, status int, form accountForm) (page, error) {
	name := "account_email"
	if kind == domain.MessagePasswordReset {
		name = "account_password"
	}
	return showPage(who, pages.Document{Name: name, Status: status, Data: form})
}

func showOutcome(who *visitor, status int, o accountOutcome) (page, error) {
	return showPage(who, pages.Document{Name: "account_done", Status: status, Data: o})
}

// linkOver says in words about accounts that a link opens nothing; other errors stay.
func linkOver(who *visitor, err error) (page, error) {
	if domain.CodeOf(err) != domain.CodeLinkExpired {
		return page{}, err
	}
	return showOutcome(who, http.StatusGone, accountOutcome{Text: "account.over"})
}

func (p page) VisitGetConfirmEmailPageResponse(w http.ResponseWriter) error { return p.write(w) }
func (p page) VisitGetNewPasswordPageResponse(w http.ResponseWriter) error  { return p.write(w) }
func (p page) VisitConfirmEmailByLinkResponse(w http.ResponseWriter) error  { return p.write(w) }
func (p page) VisitChooseNewPasswordResponse(w http.ResponseWriter) error   { return p.write(w) }
