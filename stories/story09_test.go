package stories_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Silence, an authorisation about to lapse, and a no: the money is let go, the patient is
// told, and is offered other times where there are any.
func TestStory09_TheDoctorNeverAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, terms string
		decline     bool
		inactive    bool
		ends        domain.Status
		letter      domain.MessageKind
	}{
		{name: "silence", terms: `{"answer_deadline": "5s"}`, ends: domain.StatusExpired, letter: domain.MessageExpired},
		{name: "silence, and the type is not offered any more", terms: `{"answer_deadline": "8s"}`, inactive: true, ends: domain.StatusExpired, letter: domain.MessageExpired},
		// The sandbox's authorisations last seven days.
		{name: "the authorisation is about to lapse", terms: `{"capture_margin": "167h59m54s"}`, ends: domain.StatusExpired, letter: domain.MessageExpired},
		{name: "declined", terms: `{}`, decline: true, ends: domain.StatusDeclined, letter: domain.MessageDeclined},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			users, patients := c.NewPatients(1)
			patient, doctor := users[0], c.Login("doctor.demo")
			b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
			b.PatientID, b.TypeID = patients[0], c.NewType(30, tt.terms)
			a := patient.Book(b)
			require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
			patient.Await(a.ID, domain.StatusPending, tt.ends)
			if tt.inactive {
				c.Exec(`UPDATE appointment_types SET active = false WHERE id = $1`, b.TypeID)
			}
			if tt.decline {
				c.Messages(a.ID)
				doctor.Must(a.ID, "decline", nil)
			}
			patient.Await(a.ID, tt.ends)
			testkit.Eventually(t, func() bool {
				p := c.Sandbox.Ledger().Payments[0]
				return p.Held == 0 && p.Captured == 0
			}, "the money is let go")
			text := c.Letter(a.ID, tt.letter)

			answer := patient.Do(http.MethodGet, "/v1/appointments/"+a.ID+"/alternatives", nil)
			require.Equal(t, http.StatusOK, answer.Status, answer)
			var offered openapi.SlotList
			require.NoError(t, json.Unmarshal(answer.Body, &offered))
			if tt.inactive {
				require.Empty(t, offered.Items)
				require.NotContains(t, text, "Free:")
				require.Contains(t, text, "Show the request")
				return
			}
			require.Equal(t, 3, strings.Count(text, "Free: "), text)
			require.Contains(t, text, "Choose another time:\n")
			require.Len(t, offered.Items, 3)
			days := map[string]bool{}
			for _, s := range offered.Items {
				days[s.LocalTime[:10]] = true
				require.NotEqual(t, a.StartsAt.UTC(), s.StartsAt.UTC(), "another time")
			}
			require.Len(t, days, 3, "on different days")
			again := b
			again.StartsAt = offered.Items[2].StartsAt
			patient.Book(again) // what is offered can be had
		})
	}
}

// The authorisation lapses and nobody has told us yet when the doctor confirms: the visit is
// not confirmed, and the patient is asked to pay anew.
func TestStory09_NeverConfirmedWithDeadFunds(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := c.BookAndPay(patient, b)
	c.Sandbox.SetWebhook("", "") // the news does not come
	require.NoError(t, c.Sandbox.Lapse(c.Sandbox.Ledger().Payments[0].IntentID))
	doctor.Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusRequested)
	require.Zero(t, c.Sandbox.Ledger().Totals[0].Captured)
	testkit.Eventually(t, func() bool { return len(c.Sandbox.Ledger().Payments) == 2 }, "a new payment opens")
	require.NotContains(t, patient.Kinds(a.ID), "captured")
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND kind = 'request_received' AND status = 'sent'`, a.ID) == 2
	}, "and the patient is told so")
}

// ... or the news comes first: the request ends, and a confirm after it is refused.
func TestStory09_TheFundsLapseBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := c.BookAndPay(patient, b)
	c.Messages(a.ID)
	require.NoError(t, c.Sandbox.Lapse(c.Sandbox.Ledger().Payments[0].IntentID))
	patient.Await(a.ID, domain.StatusExpired)
	refused := doctor.Command(a.ID, "confirm", nil, "late")
	require.Equal(t, string(domain.CodeWrongStatus), refused.Problem(), refused)
	require.NotEmpty(t, c.Letter(a.ID, domain.MessageExpired))
	patient.Book(b) // the slot is free
}
