package stories_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/browser"
	"github.com/careflow/careflow/stories/clinic"
)

const (
	paula        = "patient@careflow.example"
	payElement   = `#payment-element iframe`
	bankCheck    = `[role=dialog] iframe`
	goodCard     = "4242424242424242"
	declinedCard = "4000000000000002"
	checkedCard  = "4000002500003155"
)

// Who got the letter pays on the page behind its link: a card that is declined first, then
// one that the bank asks about, refused and then authorised.
func TestPages_APatientPaysFromTheLetter(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET locale = 'en' WHERE email = $1`, paula)
	patient := c.Login("patient")
	a := patient.Book(inThreeDays(c, `{}`))
	tab := browser.Open(t)

	require.Equal(t, http.StatusOK, tab.Go(c.PayLink(paula)))
	tab.Sees("Pay for your appointment")
	require.Contains(t, tab.Text(), "Dr. Demo Always")
	require.NotContains(t, tab.Text(), "Visit", "the type of the visit is nobody's business")
	tab.InFrame(payElement, "#number", declinedCard, "#expiry", "1234", "#cvc", "123")
	tab.Shoot("form")
	tab.Click("#pay-button")
	tab.Sees("Your card was declined.")
	tab.Shoot("declined")

	tab.InFrame(payElement, "#number", checkedCard)
	tab.Click("#pay-button")
	tab.ClickInFrame(bankCheck, "#fail")
	tab.Sees("unable to authenticate")
	tab.Click("#pay-button")
	tab.Shoot("bank")
	tab.ClickInFrame(bankCheck, "#complete")
	tab.Sees("Your payment has arrived")
	tab.Shoot("paid")
	patient.Await(a.ID, domain.StatusPending)
	p := c.Sandbox.Ledger().Payments[0]
	require.Equal(t, int64(1), int64(p.Declines))
	require.Equal(t, p.Amount, p.Held)
}

// The page needs a keyboard only, and speaks the account's language.
func TestPages_PayingWithTheKeyboardInGerman(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET locale = 'de-AT' WHERE email = $1`, paula)
	patient := c.Login("patient")
	a := patient.Book(inThreeDays(c, `{}`))
	tab := browser.Open(t)
	require.Equal(t, http.StatusOK, tab.Go(c.PayLink(paula)))
	tab.Sees("Termin bezahlen")
	require.Equal(t, "de", tab.Value("document.documentElement.lang"))
	tab.InFrame(payElement) // mounted
	testkit.Eventually(t, func() bool { return tab.Value(`String(document.getElementById("pay-button").disabled)`) == "false" }, "the form is ready")
	tab.Keys(browser.TabKey) // the link to the content
	require.Equal(t, "Zum Inhalt springen", tab.Value("document.activeElement.textContent"))
	tab.Keys(browser.TabKey, goodCard, browser.TabKey, "1234", browser.TabKey, "123", browser.TabKey)
	require.Equal(t, "pay-button", tab.Value("document.activeElement.id"))
	tab.Keys(browser.Enter)
	tab.Sees("Ihre Zahlung ist angekommen")
	tab.Shoot("paid")
	patient.Await(a.ID, domain.StatusPending)
}

// The link to pay dies with the hold: nothing can be paid after a cancel, and an open
// page finds out by itself.
func TestPages_ThePayLinkDiesWithTheHold(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET locale = 'en' WHERE email = $1`, paula)
	patient := c.Login("patient")
	a := patient.Book(inThreeDays(c, `{}`))
	link := c.PayLink(paula)
	require.Equal(t, link, patient.Appointment(a.ID).Payment.PayURL)
	tab := browser.Open(t)
	require.Equal(t, http.StatusOK, tab.Go(link))
	patient.Must(a.ID, "cancel", map[string]string{"reason_code": "patient_request"})
	tab.Sees("This appointment was cancelled")
	require.Equal(t, http.StatusGone, tab.Go(link))
	require.Equal(t, "0", tab.Value(`String(document.querySelectorAll("form, iframe, script").length)`), "there is nothing to pay with")
	tab.Shoot("cancelled")
	require.Equal(t, http.StatusNotFound, tab.Go(link[:len(link)-1]))
	tab.Shoot("not_found")
}

// Who got the letter cancels on the visit's page, which says before what goes back.
func TestPages_APatientCancelsFromTheLetter(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET locale = 'en' WHERE email = $1`, paula)
	patient, a := confirmed(t, c, `{"refund_tiers": [{"before": "96h", "percent": 100}, {"before": "48h", "percent": 50}]}`)
	link := c.VisitLink(paula, "is confirmed")
	tab := browser.Open(t)
	require.Equal(t, http.StatusOK, tab.Go(link))
	require.Contains(t, tab.Text(), "It is confirmed.")
	tab.Shoot("visit")
	tab.Click(`a[href$="/cancel"]`)
	tab.Sees("Cancel this appointment?")
	require.Contains(t, tab.Text(), "you get EUR 40.00 of EUR 80.00 back")
	tab.Shoot("ask")
	require.Equal(t, domain.StatusConfirmed, domain.Status(patient.Appointment(a.ID).Status), "opening changes nothing")
	tab.Keys(browser.TabKey, browser.TabKey, browser.Enter) // the link to the content, the button
	tab.Sees("Your appointment is cancelled")
	require.Contains(t, tab.Text(), "EUR 40.00 goes back to your card")
	tab.Shoot("cancelled")
	testkit.Eventually(t, func() bool { return c.Sandbox.Ledger().Payments[0].Refunded == 4000 }, "the half goes back")
	require.Equal(t, http.StatusOK, tab.Go(link))
	require.Equal(t, "0", tab.Value(`String(document.querySelectorAll("form, a.button").length)`), "a cancelled visit shows its state only")
	require.Equal(t, 4, c.Count(`SELECT count(*) FROM record_accesses WHERE appointment_id = $1 AND roles = '{link}'`, a.ID),
		"each opening is in the audit: the visit, the question, the form, the visit")
}

// inThreeDays is a visit for EUR 80 under terms.
func inThreeDays(c *clinic.Clinic, terms string) openapi.Booking {
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, terms)
	return b
}

// confirmed books a visit three days ahead under terms, pays it and has it confirmed.
func confirmed(t *testing.T, c *clinic.Clinic, terms string) (*clinic.User, confirmedVisit) {
	t.Helper()
	patient := c.Login("patient")
	b := inThreeDays(c, terms)
	a := c.BookAndPay(patient, b)
	c.Login("doctor.demo").Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusConfirmed)
	return patient, confirmedVisit{ID: a.ID, TypeID: b.TypeID}
}

type confirmedVisit struct{ ID, TypeID string }
