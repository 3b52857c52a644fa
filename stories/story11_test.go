package stories_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// One recipient cannot be written to: everybody else is, and that letter shows as failed
// with its reason.
func TestStory11_OneBadRecipient(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET email = 'nobody' WHERE email = 'caregiver@careflow.example'`)
	c.Exec(`UPDATE patients SET account_id = (SELECT id FROM users WHERE email = 'nobody')`)
	staff := c.Login("staff")
	b := clinic.Booking(time.Now().UTC().Truncate(24 * time.Hour).Add((3*24 + 8) * time.Hour)) // no visit lies across a midnight
	b.TypeID = c.NewType(30, `{}`)
	bad := staff.Book(b)
	_, patients := c.NewPatients(5)
	for i, p := range patients {
		b.PatientID, b.StartsAt = p, b.StartsAt.Add(45*time.Minute)
		good := staff.Book(b)
		testkit.Eventually(t, func() bool {
			return c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND status = 'sent'`, good.ID) == 1
		}, "patient %d is written to", i)
	}
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND status = 'failed' AND error_code <> ''`, bad.ID) == 1
	}, "the letter to nobody shows as failed")
	require.Zero(t, c.Count(`SELECT count(*) FROM messages WHERE status IN ('pending', 'sending')`))
}

// remindedVisit is a free visit, confirmed at once, whose only reminder comes up soon.
type remindedVisit struct{ id, patient, address string }

func remindSoon(c *clinic.Clinic, staff *clinic.User, n int) remindedVisit {
	account, patient := domain.NewID(), domain.NewID()
	r := remindedVisit{patient: patient, address: account + "@patients.example"}
	c.Exec(`INSERT INTO users (id, email, name, password_hash, roles) VALUES ($1, $2, 'Test', '', '{patient}')`, account, r.address)
	c.Exec(`INSERT INTO patients (id, account_id, name, time_zone) VALUES ($1, $2, 'Test', 'Europe/Berlin')`, patient, account)
	b := clinic.Booking(clinic.InMinutes(3*60 + n))
	lead := time.Until(b.StartsAt) - 30*time.Second
	b.TypeID = c.NewType(1, fmt.Sprintf(`{"instant_confirm": true, "reminders": ["%s"]}`, lead.Truncate(time.Second)))
	c.Exec(`UPDATE appointment_types SET price_minor = 0 WHERE id = $1`, b.TypeID)
	b.DoctorID, b.PatientID = seed.DoctorDemoID, patient
	r.id = staff.Book(b).ID
	return r
}

// What happens to a letter after it was accepted comes back, lost, doubled or late on the
// way: a bounce and a drop show with their reasons, everybody else is reminded, and who
// was put right gets the letter again.
func TestStory11_BouncedAndDroppedAfterAcceptance(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{MailEvents: true})
	staff := c.Login("staff")
	c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Webhook, Match: "mail.*", Mode: sandbox.Doubled})
	c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Webhook, Match: "mail.processed", Mode: sandbox.Reordered})
	var visits []remindedVisit
	for n := range 20 {
		r := remindSoon(c, staff, n)
		switch n {
		case 0:
			c.Sandbox.SetFate(r.address, sandbox.Fate{Events: []string{"processed", "delivered", "bounce"}, Class: "Mailbox Unavailable"})
		case 1:
			c.Sandbox.SetFate(r.address, sandbox.Fate{Events: []string{"dropped"}, Reason: "Bounced Address"})
		}
		visits = append(visits, r)
	}
	reminders := func(where string) int {
		return c.Count(`SELECT count(*) FROM messages WHERE kind = 'reminder' AND ` + where)
	}
	testkit.Eventually(t, func() bool {
		return reminders(`status = 'sent' AND delivery = 'delivered'`) == len(visits)-2 && reminders(`problem <> ''`) == 2
	}, "all but two reminders arrive")

	a := staff.Do(http.MethodGet, "/v1/messages?kind=reminder", nil)
	require.Equal(t, http.StatusOK, a.Status, a)
	require.NotContains(t, string(a.Body), "@")
	var page openapi.MessagePage
	require.NoError(t, json.Unmarshal(a.Body, &page))
	got := map[string]string{}
	for _, m := range page.Items {
		got[m.AppointmentID] = fmt.Sprintf("%s %s %s", m.Status, m.Problem, m.DeliveryCode)
	}
	require.Equal(t, map[string]string{
		visits[0].id: "sent bounced mailbox_unavailable", visits[1].id: "sent dropped bounced_address",
	}, got)
	require.Zero(t, c.Count(`SELECT count(*) FROM mail_events WHERE mail_events::text LIKE '%@%' OR mail_events::text LIKE '%192.0.2%'`), "nothing about a person is kept")
	require.NotContains(t, c.APIProcess.Log(), "patients.example", "nor logged")
	require.Contains(t, c.APIProcess.Log(), "mailbox_unavailable")

	// The address works again: the front desk has the reminder sent once more.
	c.Sandbox.SetFate(visits[0].address, sandbox.Fate{})
	bounced := page.Items[slices.IndexFunc(page.Items, func(m openapi.Message) bool { return m.AppointmentID == visits[0].id })]
	path := "/v1/appointments/" + bounced.AppointmentID + "/messages/" + bounced.ID + "/resend"
	key := domain.NewID()
	again := staff.Do(http.MethodPost, path, nil, "Idempotency-Key", key)
	require.Equal(t, http.StatusOK, again.Status, again)
	require.Equal(t, http.StatusOK, staff.Do(http.MethodPost, path, nil, "Idempotency-Key", key).Status)
	require.Equal(t, "conflict", staff.Do(http.MethodPost, path, nil, "Idempotency-Key", domain.NewID()).Problem())
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE resend_of = $1 AND status = 'sent' AND delivery = 'delivered'`, bounced.ID) == 1
	}, "the process sends it and it arrives")
	require.Equal(t, 2, reminders(fmt.Sprintf(`appointment_id = '%s'`, visits[0].id)))
	require.Contains(t, staff.Kinds(visits[0].id), "message_resent")
	c.Record(bounced.AppointmentID, "message_resent")
}
