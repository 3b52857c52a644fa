package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func intent(appointmentID string, generation int) domain.Intent {
	return domain.Intent{
		ID: fmt.Sprintf("pi_%d", generation), ClientSecret: fmt.Sprintf("pi_%d_secret_of_the_payer", generation),
		Status: domain.PaymentAwaitingMethod, Amount: domain.Money{Minor: 8000, Currency: "EUR"},
		AppointmentID: appointmentID, Generation: generation,
	}
}

// again moves a visit through a refused capture to its next generation.
func (c clinic) again(t *testing.T, id string) {
	t.Helper()
	c.move(t, id, domain.StatusPending, domain.StatusCapturing)
	step := c.step(t, id, domain.StatusRequested)
	step.Generation = c.row(t, id).Generation + 1
	_, err := c.Transition(t.Context(), step)
	require.NoError(t, err)
}

func TestAnIntentIsRecordedOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	wanted, recorded, _, err := c.PaymentWanted(t.Context(), id, 1)
	require.NoError(t, err)
	require.True(t, wanted)
	require.Nil(t, recorded)

	payBy, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, now.Add(16*time.Minute), payBy, "a window from the moment the patient can pay")
	again, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now.Add(9*time.Minute))
	require.NoError(t, err)
	require.Equal(t, payBy, again)

	require.Len(t, c.timeline(t, id), 2)
	require.Len(t, c.ledger(t, id), 1)
	require.Equal(t, domain.MessageRequestReceived, c.ledger(t, id)[0].Kind)
	a := c.row(t, id)
	require.Equal(t, payBy, a.PayBy)
	require.Equal(t, "pi_1", a.Payment.IntentID)
	require.Empty(t, a.Payment.ClientSecret, "a process has no use for the payer's secret")
	wanted, recorded, got, err := c.PaymentWanted(t.Context(), id, 1)
	require.NoError(t, err)
	require.True(t, wanted)
	require.Equal(t, "pi_1", recorded.IntentID)
	require.Equal(t, payBy, got)

	full, err := c.Appointment(t.Context(), everyone, id, domain.Access{Caller: staff})
	require.NoError(t, err)
	require.Equal(t, "pi_1_secret_of_the_payer", full.Payment.ClientSecret)
	require.Zero(t, c.count(t, `payments WHERE encode(client_secret_sealed, 'escape') LIKE '%secret_of_the_payer%'`))
}

func TestTheWindowEndsAnHourAfterTheBookingAtTheLatest(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	payBy, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now.Add(58*time.Minute))
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Hour), payBy)
}

func TestAnIntentOfAVisitThatEndedMeanwhileIsKeptAndNobodyIsAskedToPay(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.move(t, id, domain.StatusCancelled)
	wanted, _, _, err := c.PaymentWanted(t.Context(), id, 1)
	require.NoError(t, err)
	require.False(t, wanted)
	_, err = c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	payments, err := c.Payments(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, payments, 1, "so that it can be voided")
	require.Empty(t, c.ledger(t, id))
	require.True(t, c.row(t, id).PayBy.IsZero())
	require.Len(t, c.timeline(t, id), 3)
}

func TestARefusedCaptureStartsANewGenerationWithAWindowOfItsOwn(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	c.again(t, id)
	wanted, recorded, _, err := c.PaymentWanted(t.Context(), id, 1)
	require.NoError(t, err)
	require.False(t, wanted, "the old one is wanted no more")
	require.NotNil(t, recorded)
	wanted, recorded, _, err = c.PaymentWanted(t.Context(), id, 2)
	require.NoError(t, err)
	require.True(t, wanted)
	require.Nil(t, recorded)

	payable := now.Add(5 * time.Hour)
	payBy, err := c.RecordPayment(t.Context(), id, 2, intent(id, 2), payable)
	require.NoError(t, err)
	require.Equal(t, payable.Add(15*time.Minute), payBy)
	// A late repetition of the first one changes nothing.
	_, err = c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	a := c.row(t, id)
	require.Equal(t, payBy, a.PayBy)
	require.Equal(t, "pi_2", a.Payment.IntentID)
	payments, err := c.Payments(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, []int{payments[0].Generation, payments[1].Generation})
	require.Equal(t, domain.Money{Minor: 8000, Currency: "EUR"}, payments[1].Amount)
}

func TestAFactHasItsLineAndItsMessageOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	fact := func(total int64) domain.Fact {
		return domain.Fact{
			ID: fmt.Sprintf("payment-refunded/1/%d", total), AppointmentID: id, Kind: "payment_refunded", At: now,
			Payment:  domain.PaymentFact{IntentID: "pi_1", Status: domain.PaymentCaptured, Captured: 8000, Refunded: total},
			Messages: []domain.MessageIntent{{Kind: domain.MessageRefunded, Recipient: domain.RecipientPatient}},
		}
	}
	version := c.row(t, id).Version
	require.NoError(t, c.RecordFact(t.Context(), fact(3000)))
	require.NoError(t, c.RecordFact(t.Context(), fact(3000)))
	require.Len(t, c.ledger(t, id), 2, "the pay link and one refund")
	require.Len(t, c.timeline(t, id), 3)
	require.NoError(t, c.RecordFact(t.Context(), fact(8000)))
	require.NoError(t, c.RecordFact(t.Context(), fact(3000)), "a late repetition")
	a := c.row(t, id)
	require.Equal(t, int64(8000), a.Payment.Refunded, "does not turn the books back")
	require.Equal(t, version, a.Version)
	require.Len(t, c.timeline(t, id), 4)
}

func TestAFactOfNoVisitIsNotFound(t *testing.T) {
	t.Parallel()
	c := open(t)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(c.RecordFact(t.Context(), domain.Fact{ID: "x", AppointmentID: domain.NewID(), At: now})))
	_, err := c.RecordPayment(t.Context(), domain.NewID(), 1, intent("", 1), now)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	_, _, _, err = c.PaymentWanted(t.Context(), domain.NewID(), 1)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}
