package api

import (
	"context"
	"net/http"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/api/pages"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
	"github.com/careflow/careflow/internal/links"
)

// visitPage is what the templates visit, cancel and done show.
type visitPage struct {
	Status string
	Token  string
	Facts  []fact
	// Refusal is the key of the words that say why what was asked for was not done.
	Refusal            string
	MayCancel, MayMove bool
	// Call is set where the visit still lies ahead and can only be changed by the clinic.
	Call bool
	// Key is the idempotency key of the form on the page.
	Key   string
	Back  refundWords
	Tiers []tierWords
}

// refundWords say what goes back: the key of the words, and their values.
type refundWords struct {
	Text string
	Args []any
}

// tierWords is a line of the terms: cancelled until then, so many percent go back.
type tierWords struct {
	Until   string
	Percent int
}

// GetVisitPage shows a visit to who got a letter about it.
func (h *handlers) GetVisitPage(ctx context.Context, req openapi.GetVisitPageRequestObject) (openapi.GetVisitPageResponseObject, error) {
	ctx, who := begin(ctx)
	f, err := h.followVisit(ctx, who, req.Token)
	if err != nil {
		return nil, err
	}
	return showPage(who, f.visitDocument(who, http.StatusOK, ""))
}

// followVisit follows the link of a visit as it stands.
func (h *handlers) followVisit(ctx context.Context, who *visitor, token string) (followed, error) {
	f, err := h.follow(ctx, who, token, links.Visit)
	if err != nil {
		return f, err
	}
	return f, current(f.link, f.Appointment)
}

func (f followed) visitDocument(who *visitor, status int, refusal string) pages.Document {
	standing := string(f.Status)
	if f.Status.Live() && !f.now.Before(f.Visit.End) {
		standing = "past"
	}
	ahead := f.now.Before(f.Visit.Start) && f.Status.Live()
	return f.shown("visit", status, visitPage{
		Status: standing, Token: f.token, Facts: append(f.facts(who), f.money()...), Refusal: refusal,
		MayCancel: f.mayCancel(), MayMove: f.mayMove(), Call: ahead && !f.mayMove() && f.Status != domain.StatusRequested,
	})
}

// money is what was paid and given back.
func (f followed) money() []fact {
	var list []fact
	add := func(label string, minor int64) {
		if minor > 0 {
			list = append(list, fact{label, domain.Money{Minor: minor, Currency: f.Terms.Price.Currency}.String()})
		}
	}
	add("fact.price", f.Terms.Price.Minor)
	add("fact.paid", f.Payment.Captured)
	add("fact.refunded", f.Payment.Refunded)
	return list
}

// mayCancel says whether the page offers to cancel; the visit's process decides.
func (f followed) mayCancel() bool {
	return f.Status.Live() && f.Status != domain.StatusCheckedIn && f.now.Before(f.Visit.Start)
}

// mayMove says whether the page offers other times, by the terms of the visit.
func (f followed) mayMove() bool {
	movable := f.Status == domain.StatusPending || f.Status == domain.StatusConfirmed
	return movable && f.Reschedules < f.Terms.RescheduleLimit && !f.now.Add(f.Terms.RescheduleUntil.Std()).After(f.Visit.Start)
}

// GetVisitCancelPage asks before a visit is cancelled.
func (h *handlers) GetVisitCancelPage(ctx context.Context, req openapi.GetVisitCancelPageRequestObject) (openapi.GetVisitCancelPageResponseObject, error) {
	ctx, who := begin(ctx)
	f, err := h.followVisit(ctx, who, req.Token)
	if err != nil {
		return nil, err
	}
	if !f.mayCancel() {
		return showPage(who, f.visitDocument(who, http.StatusConflict, "visit.refused.cancel"))
	}
	return showPage(who, f.shown("cancel", http.StatusOK, visitPage{
		Token: f.token, Facts: f.facts(who), Key: domain.NewID(), Back: f.refund(), Tiers: f.tiers(who),
	}))
}

// refund says what goes back when the patient cancels now. The process decides by the
// same terms when the command reaches it.
func (f followed) refund() refundWords {
	price := f.Terms.Price
	switch {
	case price.IsZero():
		return refundWords{Text: "cancel.free"}
	case f.Status == domain.StatusRequested:
		return refundWords{Text: "cancel.unpaid"}
	case f.Status == domain.StatusPending:
		return refundWords{Text: "cancel.held", Args: []any{price.String()}}
	}
	percent := f.Terms.RefundPercent(domain.ActorPatient, f.now, f.Visit.Start)
	switch percent {
	case 0:
		return refundWords{Text: "cancel.none", Args: []any{price.String()}}
	case 100:
		return refundWords{Text: "cancel.full", Args: []any{price.String()}}
	}
	return refundWords{Text: "cancel.part", Args: []any{price.Percent(percent).String(), price.String()}}
}

// tiers are the terms that still lie ahead, where money was or will be taken.
func (f followed) tiers(who *visitor) []tierWords {
	if f.Terms.Price.IsZero() || f.Status == domain.StatusRequested || f.Status == domain.StatusPending {
		return nil
	}
	var list []tierWords
	for _, tier := range f.Terms.RefundTiers {
		if until := f.Visit.Start.Add(-tier.Before.Std()); until.After(f.now) {
			list = append(list, tierWords{Until: letters.Moment(who.locale, until, f.zone()), Percent: tier.Percent})
		}
	}
	return list
}

func (p page) VisitGetVisitPageResponse(w http.ResponseWriter) error       { return p.write(w) }
func (p page) VisitGetVisitCancelPageResponse(w http.ResponseWriter) error { return p.write(w) }
