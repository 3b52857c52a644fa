package stories_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

func TestAVisitIsBookedPaidConfirmedRemindedVisitedAndArchived(t *testing.T) {
	t.Parallel()
	c := testkit.NewClinic(t, testkit.Options{})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")

	a := c.BookAndPay(patient, testkit.Booking(testkit.InMinutes(1)))
	doctor.Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusConfirmed)
	time.Sleep(time.Second)
	t.Log(patient.Kinds(a.ID))
	for _, m := range c.Sandbox.Mailbox() {
		t.Log(m.To, m.Subject)
	}
	require.Equal(t, int64(8000), c.Sandbox.Ledger().Payments[0].Captured)
}
