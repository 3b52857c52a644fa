package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// unattended is a visit that ended as not attended, with a fee.
func (c clinic) unattended(t *testing.T, hours int) (id string, until time.Time) {
	t.Helper()
	id = c.paidVisit(t, hours)
	c.move(t, id, domain.StatusPending, domain.StatusConfirmed)
	step := c.step(t, id, domain.StatusNoShow)
	until = step.At.Add(72 * time.Hour)
	step.Fee = &domain.NoShowFee{Status: domain.FeeNoticed, Minor: 4000, Until: until}
	step.Messages = []domain.MessageIntent{{Kind: domain.MessageFeeNotice, Recipient: domain.RecipientPatient}}
	_, err := c.Transition(t.Context(), step)
	require.NoError(t, err)
	return id, until
}

func TestAFeeIsOnTheRowAndItsOutcomeDoesNotEndTheVisitAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, until := c.unattended(t, 0)
	a := c.row(t, id)
	require.Equal(t, domain.NoShowFee{Status: domain.FeeNoticed, Minor: 4000, Until: until}, a.Fee)
	ended := a.EndedAt

	step := c.step(t, id, domain.StatusNoShow)
	kept := int64(4000)
	step.ID, step.Kept, step.Fee, step.ReasonCode = "kept", &kept, &domain.NoShowFee{Status: domain.FeeKept, Minor: kept}, "arrival_not_found"
	_, err := c.Transition(t.Context(), step)
	require.NoError(t, err)
	a = c.row(t, id)
	require.Equal(t, domain.NoShowFee{Status: domain.FeeKept, Minor: 4000}, a.Fee, "nobody has to act any more")
	require.Equal(t, kept, a.Kept)
	require.Equal(t, ended, a.EndedAt)
	require.Empty(t, a.ReasonCode, "the visit's own reason stays")

	c.move(t, id, domain.StatusCompleted)
	require.True(t, c.row(t, id).EndedAt.After(ended), "a correction is a new end")
	require.Equal(t, domain.FeeKept, c.row(t, id).Fee.Status, "what a transition does not name stays")
}

func TestVisitsAreListedByHowTheirFeeStands(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, _ := c.unattended(t, 0)
	c.paidVisit(t, 1)
	for fee, want := range map[domain.FeeStatus]int{domain.FeeNoticed: 1, domain.FeeDisputed: 0, "": 2} {
		list, err := c.Appointments(t.Context(), everyone, domain.AppointmentFilter{Fee: fee}, domain.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, list, want, string(fee))
		if want == 1 {
			require.Equal(t, id, list[0].ID)
			require.Equal(t, int64(4000), list[0].Fee.Minor)
		}
	}
}

func TestAPutOffDeadlineIsOnTheRow(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(later(24)))
	payBy, overBy := now.Add(3*time.Hour), now.Add(60*time.Hour)
	step := c.step(t, id, domain.StatusRequested)
	step.PayBy, step.Grace = payBy, true
	_, err := c.Transition(t.Context(), step)
	require.NoError(t, err)
	require.Equal(t, payBy, c.row(t, id).PayBy)

	got, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, payBy, got, "the hour from the booking is over, the grace is not")

	c.move(t, id, domain.StatusPending, domain.StatusConfirmed)
	step = c.step(t, id, domain.StatusConfirmed)
	step.OverBy, step.Grace = overBy, true
	_, err = c.Transition(t.Context(), step)
	require.NoError(t, err)
	a := c.row(t, id)
	require.Equal(t, overBy, a.OverBy)
	require.Equal(t, 2, a.Graces)
}

func TestANoticeSaysWhatAndUntilWhenAndIsSkippedOnceItIsOvertaken(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, until := c.unattended(t, 0)
	sent, err := c.MessageSentAt(t.Context(), id, domain.MessageFeeNotice)
	require.NoError(t, err)
	require.Zero(t, sent)
	for due := c.next(t, id, now); due != nil; due = c.next(t, id, now) {
		if due.Kind == domain.MessageFeeNotice {
			require.Equal(t, domain.Money{Minor: 4000, Currency: "EUR"}, due.Letter.Fee)
			require.Equal(t, until, due.Letter.DisputeBy)
		}
		c.settle(t, due, domain.MessageSent, "", false)
	}
	sent, err = c.MessageSentAt(t.Context(), id, domain.MessageFeeNotice)
	require.NoError(t, err)
	require.False(t, sent.IsZero())
	sent, err = c.MessageSentAt(t.Context(), id, domain.MessageCorrected)
	require.NoError(t, err)
	require.Zero(t, sent)

	other, _ := c.unattended(t, 1)
	step := c.step(t, other, domain.StatusCompleted)
	step.Fee = &domain.NoShowFee{Status: domain.FeeWithdrawn, Minor: 4000}
	_, err = c.Transition(t.Context(), step)
	require.NoError(t, err)
	for due := c.next(t, other, now); due != nil; due = c.next(t, other, now) {
		require.NotEqual(t, domain.MessageFeeNotice, due.Kind)
		c.settle(t, due, domain.MessageSent, "", false)
	}
}

func TestEachRefundsLetterNamesItsOwnAmountAndReceipt(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, _ := c.unattended(t, 0)
	for i, refunded := range []int64{0, 4000, 7000} {
		f := domain.Fact{
			ID: "money/" + domain.NewID(), AppointmentID: id, Kind: "payment_refunded", At: now.Add(time.Duration(i) * time.Second),
			Payment: domain.PaymentFact{IntentID: "pi_" + id, Status: domain.PaymentCaptured, Captured: 8000, Refunded: refunded},
		}
		if refunded > 0 {
			f.Messages = []domain.MessageIntent{{Kind: domain.MessageRefunded, Recipient: domain.RecipientPatient}}
		}
		require.NoError(t, c.RecordFact(t.Context(), f))
	}
	var got []string
	for due := c.next(t, id, now); due != nil; due = c.next(t, id, now) {
		if due.Kind == domain.MessageRefunded {
			got = append(got, due.Letter.Refunded.String()+" "+due.Letter.ReceiptCode)
		}
		c.settle(t, due, domain.MessageSent, "", false)
	}
	require.Equal(t, []string{"EUR 40.00 R-000002", "EUR 30.00 R-000003"}, got)
}

func TestALetterThatSaysNoOffersOtherTimesWhereThereAreAny(t *testing.T) {
	t.Parallel()
	c := open(t)
	offers := func(hours int, to domain.Status, kind domain.MessageKind) []domain.Window {
		id := c.book(t, staff, visit(later(hours)))
		c.move(t, id, domain.StatusPending)
		c.owe(t, id, to, kind)
		due := c.next(t, id, now)
		require.Equal(t, kind, due.Kind)
		c.settle(t, due, domain.MessageSent, "", false)
		return due.Letter.Offers
	}
	for hours, to := range []domain.Status{domain.StatusExpired, domain.StatusDeclined} {
		got := offers(hours, to, map[domain.Status]domain.MessageKind{
			domain.StatusExpired: domain.MessageExpired, domain.StatusDeclined: domain.MessageDeclined,
		}[to])
		require.Len(t, got, domain.MaxAlternatives)
		for i, o := range got {
			require.NotEqual(t, later(hours), o.Start)
			require.True(t, i == 0 || o.Start.YearDay() != got[i-1].Start.YearDay(), "on different days")
		}
		id := c.book(t, staff, domain.BookingRequest{
			DoctorID: seed.DoctorID, TypeID: seed.TypeVisitID, PatientID: seed.PatientID, StartsAt: got[2].Start,
		})
		require.NotEmpty(t, id, "what is offered can be had")
	}
	require.Empty(t, offers(2, domain.StatusCancelled, domain.MessageCancelled), "who cancelled did not ask for another")

	c.exec(t, "UPDATE appointment_types SET active = false WHERE id = $1", seed.TypeVisitID)
	id := one[string](t, c, "SELECT id::text FROM appointments WHERE status = 'expired'")
	slots, err := c.Alternatives(t.Context(), c.row(t, id), "Europe/Berlin", now)
	require.NoError(t, err)
	require.Empty(t, slots)
}
