package stories_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Money moves once, by the terms stored at booking, inside and outside each tier; the
// payment cannot be used any more; a refund that fails is tried until it works.
func TestStory08_DeclinedOrCancelledMoneyMovesOnce(t *testing.T) {
	t.Parallel()
	// The visit is three days ahead.
	const (
		all  = `{"refund_tiers": [{"before": "48h", "percent": 100}, {"before": "1h", "percent": 50}]}`
		half = `{"refund_tiers": [{"before": "96h", "percent": 100}, {"before": "48h", "percent": 50}]}`
		none = `{"refund_tiers": [{"before": "96h", "percent": 100}]}`
	)
	byPatient := map[string]string{"reason_code": "patient_request"}
	byClinic := map[string]string{"reason_code": "clinic_closed"}
	for _, tt := range []struct {
		name, terms, who, command string
		body                      any
		confirmed, refundsFail    bool
		captured, refunded        int64
	}{
		{name: "declined", terms: none, who: "doctor.demo", command: "decline"},
		{name: "cancelled before the answer", terms: none, who: "patient", command: "cancel", body: byPatient},
		{name: "inside the first tier", terms: all, who: "patient", command: "cancel", body: byPatient, confirmed: true, captured: 8000, refunded: 8000},
		{name: "inside the second tier", terms: half, who: "patient", command: "cancel", body: byPatient, confirmed: true, captured: 8000, refunded: 4000},
		{name: "outside every tier", terms: none, who: "patient", command: "cancel", body: byPatient, confirmed: true, captured: 8000},
		{name: "by the doctor", terms: none, who: "doctor.demo", command: "cancel", body: byClinic, confirmed: true, captured: 8000, refunded: 8000},
		{name: "by staff while refunds fail", terms: none, who: "staff", command: "cancel", body: byClinic, confirmed: true, refundsFail: true, captured: 8000, refunded: 8000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			patient := c.Login("patient")
			b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
			b.TypeID = c.NewType(30, tt.terms)
			a := c.BookAndPay(patient, b)
			intent := c.Sandbox.Ledger().Payments[0].IntentID
			// The terms are what was agreed, whatever becomes of the type.
			c.Exec(`UPDATE appointment_types SET terms = '{"refund_tiers": []}', price_minor = 1 WHERE id = $1`, b.TypeID)
			if tt.confirmed {
				c.Login("doctor.demo").Must(a.ID, "confirm", nil)
				patient.Await(a.ID, domain.StatusConfirmed)
			}
			if tt.refundsFail {
				c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/refunds", Mode: "fail", Status: 503, Count: 3})
			}
			c.Login(tt.who).Must(a.ID, tt.command, tt.body)

			testkit.Eventually(t, func() bool {
				p, row := c.Sandbox.Ledger().Payments[0], patient.Appointment(a.ID).Payment
				return p.Held == 0 && p.Captured == tt.captured && p.Refunded == tt.refunded &&
					row.Captured.Minor == tt.captured && row.Refunded.Minor == tt.refunded
			}, "provider and books agree on %d taken and %d given back", tt.captured, tt.refunded)
			require.Error(t, c.Sandbox.Pay(intent), "it cannot be paid again")
			p := c.Sandbox.Ledger().Payments[0]
			require.LessOrEqual(t, p.Refunds, 1)
			require.LessOrEqual(t, p.Captures, 1)
			require.Equal(t, tt.captured-tt.refunded, int64(c.Count(`SELECT coalesce(sum(CASE kind WHEN 'payment' THEN amount_minor
				ELSE -amount_minor END), 0) FROM receipts WHERE appointment_id = $1`, a.ID)), "the receipts add up to what was kept")
			patient.Book(b) // the slot is free
		})
	}
}
