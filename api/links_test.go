package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// path is a link of the example visit without the host.
func path(link string) string { return strings.TrimPrefix(link, "https://clinic.example") }

func (h *harness) visitPath(sequence int) string {
	return path(h.links.Visit(idAppointment, sequence, exampleVisit().Visit.End))
}

func (h *harness) form(link, action string, values url.Values, headers ...string) reply {
	h.t.Helper()
	if !values.Has("token") {
		values.Set("token", link[strings.LastIndex(link, "/")+1:])
	}
	return h.do(request{
		method: http.MethodPost, path: link + "/" + action, body: values.Encode(),
		headers: append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...),
	})
}

// stands puts the example visit into a state.
func (h *harness) stands(change func(*domain.Appointment)) {
	a := exampleVisit()
	a.Payment = domain.Payment{IntentID: "pi_1", ClientSecret: "pi_1_secret_x", Status: domain.PaymentAwaitingMethod, Amount: a.Terms.Price}
	change(&a)
	h.store.visits[a.ID] = a
}

func TestThePayPageOffersAPaymentOnlyWhileTheHoldLasts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*domain.Appointment)
		status int
		says   string
		pays   bool
	}{
		"payable":    {func(*domain.Appointment) {}, http.StatusOK, "Pay for your appointment", true},
		"not open":   {func(a *domain.Appointment) { a.Payment = domain.Payment{} }, http.StatusOK, "One moment", false},
		"over":       {func(a *domain.Appointment) { a.PayBy = now }, http.StatusGone, "The time to pay is over", false},
		"paid":       {func(a *domain.Appointment) { a.Status = domain.StatusPending }, http.StatusOK, "Your payment has arrived", false},
		"confirmed":  {func(a *domain.Appointment) { a.Status = domain.StatusConfirmed }, http.StatusOK, "paid and confirmed", false},
		"cancelled":  {func(a *domain.Appointment) { a.Status = domain.StatusCancelled }, http.StatusGone, "was cancelled", false},
		"declined":   {func(a *domain.Appointment) { a.Status = domain.StatusDeclined }, http.StatusGone, "was declined", false},
		"expired":    {func(a *domain.Appointment) { a.Status = domain.StatusExpired }, http.StatusGone, "has expired", false},
		"generation": {func(a *domain.Appointment) { a.Generation = 2 }, http.StatusGone, "no longer valid", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.stands(c.change)
			got := h.get(path(h.links.Pay(idAppointment, 1, exampleVisit().Visit.End)), "").status(c.status)
			require.Contains(t, got.Body.String(), c.says)
			require.Equal(t, c.pays, strings.Contains(got.Body.String(), "pi_1_secret_x"))
			require.Equal(t, c.pays, strings.Contains(got.Header().Get("Content-Security-Policy"), "https://api.stripe.com"))
			for _, hidden := range []string{"First visit", "a mole", "seen"} {
				require.NotContains(t, got.Body.String(), hidden)
			}
			require.Len(t, h.store.reads, 1, "opening is a reading of the record")
		})
	}
}

func TestALinkThatWeDidNotMakeOpensNothing(t *testing.T) {
	h := newHarness(t)
	good := h.visitPath(0)
	for _, bad := range []string{good[:len(good)-2], strings.Replace(good, "/visit/", "/pay/", 1), "/visit/x", "/pay/x/state"} {
		require.Equal(t, http.StatusNotFound, h.get(bad, "").Code, bad)
	}
	late := newHarness(t, func(c *Config) { c.Clock = func() time.Time { return now.AddDate(1, 0, 0) } })
	require.Contains(t, late.get(good, "", "Accept-Language", "de").status(http.StatusGone).Body.String(), "abgelaufen")
	require.Empty(t, h.store.reads)
}

func TestAFormIsTakenFromItsOwnPageOnly(t *testing.T) {
	h := newHarness(t)
	h.stands(func(a *domain.Appointment) { a.Status = domain.StatusConfirmed })
	link := h.visitPath(0)
	h.form(link, "cancel", url.Values{"key": {"k"}}, "Sec-Fetch-Site", "cross-site").status(http.StatusForbidden)
	h.form(link, "cancel", url.Values{"key": {"k"}}, "Origin", "https://evil.example").status(http.StatusForbidden)
	h.form(link, "cancel", url.Values{"key": {"k"}, "token": {"another"}}).status(http.StatusForbidden)
	h.form(link, "cancel", url.Values{}).status(http.StatusBadRequest)
	require.Empty(t, h.commands.calls)
}

func TestADoubledClickIsOneCommandOfThePatient(t *testing.T) {
	h := newHarness(t)
	h.stands(func(a *domain.Appointment) { a.Status = domain.StatusConfirmed })
	for range 2 {
		h.form(h.visitPath(0), "cancel", url.Values{"key": {"k"}}, "Sec-Fetch-Site", "same-origin").status(http.StatusOK)
	}
	require.Len(t, h.commands.calls, 1)
	sent := h.commands.calls[0]
	require.Equal(t, appointment.UpdateCancel, sent.update)
	require.Equal(t, appointment.Command{
		Actor: domain.Actor{Kind: domain.ActorPatient, ID: idAccount}, ReasonCode: "patient_request", IfSequence: new(int),
	}, sent.argument)
}

func TestAnOldLinkRefusesAfterAMove(t *testing.T) {
	h := newHarness(t)
	h.stands(func(a *domain.Appointment) { a.Status, a.Sequence = domain.StatusConfirmed, 1 })
	for _, page := range []string{"", "/cancel", "/move"} {
		require.Contains(t, h.get(h.visitPath(0)+page, "").status(http.StatusGone).Body.String(), "newest letter")
	}
	h.form(h.visitPath(0), "cancel", url.Values{"key": {"k"}}).status(http.StatusGone)
	h.form(h.visitPath(0), "move", url.Values{"key": {"k"}, "starts_at": {"2026-03-09T08:00:00Z"}}).status(http.StatusGone)
	require.Empty(t, h.commands.calls)
	h.get(h.visitPath(1), "").status(http.StatusOK)
}

func TestWhatCannotBeDoneIsSaidInPlainWords(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		action string
		status int
		says   string
	}{
		"taken":       {domain.Errorf(domain.CodeSlotTaken, "x"), "move", http.StatusConflict, "Someone else took that time"},
		"moved":       {domain.Errorf(domain.CodeConflict, "x"), "move", http.StatusGone, "has moved"},
		"over":        {domain.Errorf(domain.CodeWrongStatus, "x"), "cancel", http.StatusConflict, "cannot be cancelled here"},
		"unavailable": {domain.Errorf(domain.CodeUnavailable, "x"), "cancel", http.StatusServiceUnavailable, "try again in a minute"},
		"pending":     {appointment.ErrPending, "cancel", http.StatusAccepted, "We are working on it"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.stands(func(a *domain.Appointment) { a.Status = domain.StatusConfirmed })
			h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) { return appointment.Outcome{}, c.err }
			got := h.form(h.visitPath(0), c.action, url.Values{"key": {"key-of-the-form"}, "starts_at": {"2026-03-09T08:00:00Z"}}).status(c.status)
			require.Contains(t, got.Body.String(), c.says)
			if c.status == http.StatusServiceUnavailable {
				require.Contains(t, got.Body.String(), `value="key-of-the-form"`, "asking again is the same command")
				require.NotEmpty(t, got.Header().Get("Retry-After"))
			}
		})
	}
}

func TestTheLogAndTheMetricsKnowNoToken(t *testing.T) {
	h := newHarness(t)
	link := h.visitPath(0)
	token := link[strings.LastIndex(link, "/")+1:]
	h.get(link, "")
	h.get("/pay/"+token, "")
	h.form(link, "cancel", url.Values{"key": {"k"}})
	require.Contains(t, h.log.String(), "/visit/:token")
	require.NotContains(t, h.log.String(), token[:20])
	require.NotContains(t, h.get("/metrics", "").Body.String(), token[:20])
}
