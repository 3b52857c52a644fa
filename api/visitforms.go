package api

import (
	"context"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
	"github.com/careflow/careflow/internal/links"
	"github.com/careflow/careflow/workflows/appointment"
)

// reasonPatient is the coded reason of what a patient asks for by a link.
const reasonPatient = "patient_request"

// outcomePage is what the templates done, accepted and retry show.
type outcomePage struct {
	// Text is the key of the words, and Args their values.
	Text string
	Args []any
	// For asking again: the form's target, and its values.
	Token, Key, Action, StartsAt string
}

// CancelVisitByLink cancels a visit for who got a letter about it.
func (h *handlers) CancelVisitByLink(ctx context.Context, req openapi.CancelVisitByLinkRequestObject) (openapi.CancelVisitByLinkResponseObject, error) {
	ctx, who := begin(ctx)
	if err := ownForm(who, req.Token, req.Body.Token); err != nil {
		return nil, err
	}
	f, err := h.followVisit(ctx, who, req.Token)
	if err != nil {
		return nil, err
	}
	got, err := h.carryOut(ctx, f.command(appointment.UpdateCancel, req.Body.Key, *req.Body, appointment.Command{ReasonCode: reasonPatient}, h.store))
	if err != nil {
		return h.notDone(ctx, who, f, err, outcomePage{Token: f.token, Key: req.Body.Key, Action: "cancel"})
	}
	if got.status == http.StatusAccepted {
		return showPage(who, f.shown("accepted", http.StatusAccepted, outcomePage{Text: "accepted.cancel", Token: f.token}))
	}
	a, err := h.store.ProcessInput(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	return showPage(who, f.shown("done", http.StatusOK, cancelled(a)))
}

// cancelled says that a visit is, and what goes back by the transition that did it.
func cancelled(a domain.Appointment) outcomePage {
	back := domain.Money{Minor: a.Payment.Captured - a.Kept, Currency: a.Terms.Price.Currency}
	switch {
	case a.Payment.Captured == 0 && a.Payment.Status != "":
		return outcomePage{Text: "cancelled.released"}
	case a.Payment.Captured > 0 && back.Minor > 0:
		return outcomePage{Text: "cancelled.refund", Args: []any{back.String()}}
	}
	return outcomePage{Text: "cancelled.nothing"}
}

// MoveVisitByLink moves a visit for who got a letter about it, once.
func (h *handlers) MoveVisitByLink(ctx context.Context, req openapi.MoveVisitByLinkRequestObject) (openapi.MoveVisitByLinkResponseObject, error) {
	ctx, who := begin(ctx)
	if err := ownForm(who, req.Token, req.Body.Token); err != nil {
		return nil, err
	}
	f, err := h.follow(ctx, who, req.Token, links.Visit)
	if err != nil {
		return nil, err
	}
	// Forms are bound as text: the binding leaves instants out.
	start, err := time.Parse(time.RFC3339, req.Body.StartsAt)
	if err != nil {
		return nil, invalidField("body/starts_at", "is an RFC 3339 instant")
	}
	start = start.UTC()
	body := openapi.VisitMoveForm{StartsAt: start.Format(time.RFC3339)} // one instant, one hash
	moved := func() (page, error) {
		end := start.Add(f.Visit.End.Sub(f.Visit.Start))
		return showPage(who, f.shown("done", http.StatusOK, outcomePage{
			Text: "moved", Args: []any{letters.When(who.locale, start, end, f.zone())},
		}))
	}
	if err := current(f.link, f.Appointment); err != nil {
		if f.Visit.Start.Equal(start) {
			return moved() // the second click of a doubled one
		}
		return nil, err
	}
	got, err := h.carryOut(ctx, f.command(appointment.UpdateReschedule, req.Body.Key, body, appointment.Command{StartsAt: start}, h.store))
	if err != nil {
		return h.notDone(ctx, who, f, err, outcomePage{
			Token: f.token, Key: req.Body.Key, Action: "move", StartsAt: body.StartsAt,
		})
	}
	if got.status == http.StatusAccepted {
		return showPage(who, f.shown("accepted", http.StatusAccepted, outcomePage{Text: "accepted.move", Token: f.token}))
	}
	return moved()
}

// ownForm refuses a form that another site sent, or that belongs to another link.
func ownForm(who *visitor, path, form string) error {
	if who.foreign != nil {
		return who.foreign
	}
	if subtle.ConstantTimeCompare([]byte(path), []byte(form)) != 1 {
		return domain.Errorf(domain.CodeForbidden, "This form belongs to another link.")
	}
	return nil
}

// command is a command of the account that got the letter, on the time it spoke of.
func (f followed) command(update, key string, body any, argument appointment.Command, store Store) command {
	sequence := f.link.Binding
	argument.IfSequence = &sequence
	return command{
		update: update, appointmentID: f.ID, key: key, body: body, argument: argument,
		visit: func(ctx context.Context) (domain.Appointment, error) { return store.ProcessInput(ctx, f.ID) },
		actor: &domain.Actor{Kind: domain.ActorPatient, ID: f.AccountID},
	}
}

// notDone says in plain words why a command was not carried out, on the page where the
// reader can go on from there.
func (h *handlers) notDone(ctx context.Context, who *visitor, f followed, err error, again outcomePage) (page, error) {
	code := domain.CodeOf(err)
	switch code { //nolint:exhaustive // the others are notices
	case domain.CodeConflict:
		return page{}, domain.Errorf(domain.CodeVisitMoved, "The visit has moved to another time: the newest letter has the link that works.").Because(err)
	case domain.CodeSlotTaken, domain.CodeSlotNotOffered, domain.CodePatientOverlap, domain.CodeInvalid:
		if again.Action == "move" {
			return h.showTimes(ctx, who, f, "", http.StatusConflict, "move.refused."+string(code))
		}
	case domain.CodeWrongStatus, domain.CodeTooLate, domain.CodeRescheduleLimit, domain.CodeDoctorInactive, domain.CodeStuck:
		fresh, readErr := h.followVisit(ctx, who, f.token)
		if readErr != nil {
			return page{}, readErr
		}
		return showPage(who, fresh.visitDocument(who, http.StatusConflict, "visit.refused."+again.Action))
	}
	p := problemOf(err, who.requestID)
	if p.Status != http.StatusServiceUnavailable && p.Status != http.StatusTooManyRequests {
		return page{}, err
	}
	shown, failed := showPage(who, f.shown("retry", p.Status, again))
	if failed != nil {
		return page{}, failed
	}
	for name, value := range problemHeaders(p, err) {
		shown.headers[name] = value
	}
	return shown, nil
}

func (p page) VisitCancelVisitByLinkResponse(w http.ResponseWriter) error { return p.write(w) }
func (p page) VisitMoveVisitByLinkResponse(w http.ResponseWriter) error   { return p.write(w) }
