package stories_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/stories/clinic"
)

// soonGone is a visit with days for everything but the payment and the archive.
const soonGone = `{"payment_window": "4s", "payment_window_max": "20s", "answer_cutoff": "1m", "retention": "1s"}`

// Each way a visit can end, from the booking to the archive. The histories of these
// tests are what a release records for the replay test.
func TestEveryEndOfAVisit(t *testing.T) {
	t.Parallel()
	var (
		byPatient = map[string]string{"reason_code": "patient_request"}
		booked    = []string{"booked", "payment_opened"}
		pending   = append(append([]string{}, booked...), "authorised")
		confirmed = append(append([]string{}, pending...), "accepted", "captured")
	)
	for _, tt := range []struct {
		name     string
		unpaid   bool
		free     bool
		terms    string
		live     func(t *testing.T, c *clinic.Clinic, patient, doctor *clinic.User, id string, start time.Time)
		timeline []string
		messages []string
	}{
		{
			name: "expired_unpaid", unpaid: true, timeline: append(booked, "expired", "payment_voided", "archived"),
			messages: []string{"request_received patient", "expired patient"},
		},
		{
			name: "expired_unanswered", terms: `{"payment_window": "15m", "answer_deadline": "3s", "retention": "1s"}`,
			timeline: append(pending, "expired", "payment_voided", "archived"),
			messages: []string{"request_received patient", "request_to_doctor doctor", "expired patient"},
		},
		{
			name: "declined",
			live: func(_ *testing.T, _ *clinic.Clinic, _, doctor *clinic.User, id string, _ time.Time) {
				doctor.Must(id, "decline", nil)
			},
			timeline: append(pending, "declined", "payment_voided", "archived"),
			messages: []string{"request_received patient", "request_to_doctor doctor", "declined patient"},
		},
		{
			name: "cancelled_and_refunded",
			live: func(_ *testing.T, c *clinic.Clinic, patient, doctor *clinic.User, id string, _ time.Time) {
				doctor.Must(id, "confirm", nil)
				patient.Await(id, domain.StatusConfirmed)
				c.Messages(id) // what is overtaken by the cancel would be skipped
				patient.Must(id, "cancel", byPatient)
			},
			timeline: append(confirmed, "cancelled", "payment_refunded", "archived"),
			messages: []string{
				"request_received patient", "request_to_doctor doctor", "confirmed patient", "receipt patient",
				"cancelled patient", "cancelled doctor", "refunded patient",
			},
		},
		{
			name: "moved_and_cancelled",
			live: func(t *testing.T, _ *clinic.Clinic, patient, doctor *clinic.User, id string, start time.Time) {
				doctor.Must(id, "confirm", nil)
				patient.Await(id, domain.StatusConfirmed)
				patient.Must(id, "reschedule", map[string]any{"starts_at": start.Add(2 * time.Hour)})
				require.Equal(t, start.Add(2*time.Hour), patient.Appointment(id).StartsAt.UTC())
				doctor.Must(id, "cancel", map[string]string{"reason_code": "doctor_unavailable"})
			},
			timeline: append(confirmed, "rescheduled", "cancelled", "payment_refunded", "archived"),
		},
		{
			name: "free_and_cancelled", free: true,
			live: func(_ *testing.T, c *clinic.Clinic, patient, doctor *clinic.User, id string, _ time.Time) {
				patient.Await(id, domain.StatusPending)
				doctor.Must(id, "confirm", nil)
				patient.Await(id, domain.StatusConfirmed)
				c.Messages(id) // what is overtaken by the cancel would be skipped
				patient.Must(id, "cancel", byPatient)
			},
			timeline: []string{"booked", "requested_free", "accepted", "cancelled", "archived"},
			messages: []string{"request_to_doctor doctor", "confirmed patient", "cancelled patient", "cancelled doctor"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			patient, doctor := c.Login("patient"), c.Login("doctor.demo")
			start := clinic.InMinutes(3 * 24 * 60).UTC()
			b := clinic.Booking(start)
			if tt.terms == "" {
				tt.terms = soonGone
			}
			b.TypeID = c.NewType(30, tt.terms)
			if tt.free {
				c.Exec(`UPDATE appointment_types SET price_minor = 0 WHERE id = $1`, b.TypeID)
			}
			a := patient.Book(b)
			if !tt.unpaid && !tt.free {
				require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
				patient.Await(a.ID, domain.StatusPending)
			}
			if tt.live != nil {
				c.Messages(a.ID)
				tt.live(t, c, patient, doctor, a.ID, start)
			}
			patient.Await(a.ID, domain.StatusArchived)
			c.AwaitProcessEnd(a.ID)

			require.Equal(t, tt.timeline, patient.Kinds(a.ID))
			if tt.messages != nil {
				require.Equal(t, tt.messages, c.Messages(a.ID))
			}
			for _, p := range c.Sandbox.Ledger().Payments {
				require.Zero(t, p.Held, "nothing is held any more")
				require.Equal(t, p.Captured, p.Refunded, "nothing is kept")
			}
			require.Equal(t, 1, c.Count(`SELECT count(*) FROM archived_appointments WHERE appointment_id = $1`, a.ID))
			c.Record(a.ID, tt.name)
		})
	}
}

// What a patient wrote is sealed in the database, read back by those who may, each
// reading is noted, and after the end it moves to the archive.
func TestTheReasonIsSealedAuditedAndArchived(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID, b.Reason = c.NewType(30, soonGone), "a rash on the left arm"
	a := patient.Book(b)
	require.Equal(t, b.Reason, doctor.Appointment(a.ID).Reason)
	require.Zero(t, c.Count(`SELECT count(*) FROM appointments WHERE position('rash'::bytea IN reason_sealed) > 0`))
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM record_accesses WHERE appointment_id = $1
		AND user_id = (SELECT user_id FROM doctors WHERE id = $2)`, a.ID, seed.DoctorDemoID))

	patient.Await(a.ID, domain.StatusArchived)
	require.Zero(t, c.Count(`SELECT count(*) FROM appointments WHERE reason_sealed IS NOT NULL`))
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM archived_appointments WHERE reason_sealed IS NOT NULL`))

	history := c.History(c.Temporal(), a.ID)
	for _, secret := range []string{"rash", "Paula", "careflow.example"} {
		require.NotContains(t, history.String(), secret, "nothing personal is in a history")
	}
}
