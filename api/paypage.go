package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/api/pages"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
	"github.com/careflow/careflow/internal/links"
)

// payPage is what the template pay shows.
type payPage struct {
	State  string
	Until  string
	Amount string
	Facts  []fact
	// For the script that mounts Stripe's form; set while there is something to pay.
	Script, PublishableKey, ClientSecret, Locale string
	StateURL                                     string
}

// GetPayPage shows what there is to pay, or why there is nothing.
func (h *handlers) GetPayPage(ctx context.Context, req openapi.GetPayPageRequestObject) (openapi.GetPayPageResponseObject, error) {
	ctx, who := begin(ctx)
	f, err := h.follow(ctx, who, req.Token, links.Pay)
	if err != nil {
		return nil, err
	}
	if err := current(f.link, f.Appointment); err != nil {
		return nil, err
	}
	state := payState(f.Appointment, f.now)
	view := payPage{State: string(state), Facts: f.facts(who), Amount: f.Terms.Price.String(), Until: letters.Moment(who.locale, f.PayBy, f.zone())}
	document := f.shown("pay", http.StatusOK, nil)
	switch state {
	case openapi.PayStateStatePayable:
		view.Script, view.PublishableKey, view.ClientSecret = h.cfg.StripeScriptURL+"/", h.cfg.PublishableKey, f.Payment.ClientSecret
		view.Locale = pages.Language(who.locale)
		view.StateURL = "/pay/" + f.token + "/state"
		document.Policy = stripePolicy(h.cfg.StripeScriptURL)
	case openapi.PayStateStateOpening:
		view.StateURL = "/pay/" + f.token + "/state"
		document.Policy = pages.Policy{Script: []string{"'self'"}, Connect: []string{"'self'"}}
	case openapi.PayStateStatePaid, openapi.PayStateStateConfirmed:
	case openapi.PayStateStateOver, openapi.PayStateStateCancelled, openapi.PayStateStateDeclined,
		openapi.PayStateStateExpired, openapi.PayStateStateArchived:
		document.Status = http.StatusGone
	}
	document.Data = view
	return showPage(who, document)
}

// GetPayState tells the page what it would show by now.
func (h *handlers) GetPayState(ctx context.Context, req openapi.GetPayStateRequestObject) (openapi.GetPayStateResponseObject, error) {
	ctx, _ = begin(ctx)
	now := h.cfg.Clock().UTC()
	link, err := h.links.Verify(req.Token, links.Pay, now)
	if err != nil {
		return nil, err
	}
	a, err := h.store.ProcessInput(ctx, link.AppointmentID)
	if err != nil {
		return nil, err
	}
	if err := current(link, a); err != nil {
		return nil, err
	}
	return openapi.GetPayState200JSONResponse{State: payState(a, now)}, nil
}

// current refuses a link whose payment, or whose time of the visit, is no more.
func current(link links.Link, a domain.Appointment) error {
	switch {
	case link.Purpose == links.Pay && link.Binding != a.Generation:
		return domain.Errorf(domain.CodeLinkReplaced, "This link was replaced: the newest letter has the one that works.")
	case link.Purpose == links.Visit && link.Binding != a.Sequence:
		return domain.Errorf(domain.CodeVisitMoved, "The visit has moved to another time: the newest letter has the link that works.")
	}
	return nil
}

// payState reduces a visit to what there is to pay. An offer ends with the hold itself:
// what is paid after it would be given back.
func payState(a domain.Appointment, now time.Time) openapi.PayStateState {
	switch a.Status {
	case domain.StatusRequested:
		switch {
		case !a.PayBy.IsZero() && !now.Before(a.PayBy):
			return openapi.PayStateStateOver
		case a.Payment.IntentID == "" || a.PayBy.IsZero():
			return openapi.PayStateStateOpening
		}
		return openapi.PayStateStatePayable
	case domain.StatusPending, domain.StatusCapturing:
		return openapi.PayStateStatePaid
	case domain.StatusConfirmed, domain.StatusCheckedIn, domain.StatusCompleted, domain.StatusNoShow:
		return openapi.PayStateStateConfirmed
	case domain.StatusCancelled:
		return openapi.PayStateStateCancelled
	case domain.StatusDeclined:
		return openapi.PayStateStateDeclined
	case domain.StatusExpired:
		return openapi.PayStateStateExpired
	case domain.StatusArchived:
	}
	return openapi.PayStateStateArchived
}

// stripePolicy allows what Stripe.js needs and nothing else: its script, the frames that
// hold the card's fields and the bank's check, and its API
// (https://docs.stripe.com/security/guide#content-security-policy). The sandbox's stand-in
// has everything at one origin.
func stripePolicy(script string) pages.Policy {
	if script == stripeScript {
		return pages.Policy{
			Script:  []string{"'self'", "https://js.stripe.com", "https://*.js.stripe.com"},
			Connect: []string{"'self'", "https://api.stripe.com"},
			Frame:   []string{"https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"},
		}
	}
	origin := "'none'"
	if u, err := url.Parse(script); err == nil {
		origin = u.Scheme + "://" + u.Host
	}
	return pages.Policy{Script: []string{"'self'", origin}, Connect: []string{"'self'"}, Frame: []string{origin}}
}

func (p page) VisitGetPayPageResponse(w http.ResponseWriter) error { return p.write(w) }
