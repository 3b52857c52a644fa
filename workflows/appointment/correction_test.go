package appointment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

func correction(to domain.Status) appointment.Command {
	c := staff
	c.Status, c.ReasonCode = to, "recorded_by_mistake"
	return c
}

// attended is a visit that was completed at its end.
func attended(t *testing.T) *run {
	t.Helper()
	r := newRun(t, func(a *domain.Appointment) { a.Terms.NoShowFeeShare = 50 })
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	r.at(5*day, func() { r.command(appointment.UpdateCheckIn, "i", doctor) })
	r.at(over, func() { r.command(appointment.UpdateComplete, "f", doctor) })
	return r
}

func TestAVisitThatNobodyCameToAfterAllHasItsFeeLater(t *testing.T) {
	r := attended(t)
	r.at(over+2*day, func() { r.command(appointment.UpdateCorrect, "x", correction(domain.StatusNoShow)) })
	r.finish()
	require.Equal(t, []string{"checked_in", "completed", "corrected", "fee_kept", "archived"}, r.kinds()[3:])
	require.Equal(t, "recorded_by_mistake", r.timeline[5].ReasonCode)
	require.Equal(t, int64(4000), r.intent.Refunded)
	require.Equal(t, int64(4000), r.row.Kept)
	require.Equal(t, 1, r.sent(domain.MessageFeeNotice))
	require.WithinDuration(t, booked.Add(over+32*day), r.timeline[7].At, time.Second, "the archive follows from the new end")
}

func TestAVisitThatTookPlaceAfterAllKeepsWhatIsStillThere(t *testing.T) {
	r := unattended(t)
	r.at(over+day, func() { r.command(appointment.UpdateCorrect, "x", correction(domain.StatusCompleted)) })
	r.finish()
	require.Equal(t, []string{"not_attended", "corrected", "archived"}, r.kinds()[3:])
	require.Equal(t, domain.FeeWithdrawn, r.row.Fee.Status)
	require.Equal(t, int64(4000), r.intent.Refunded, "what has gone back is not taken again")
	require.Equal(t, int64(4000), r.row.Kept)
	require.Equal(t, 1, r.sent(domain.MessageCorrected))
}

func TestANoShowWithoutACheckInIsCorrectedWithoutAnyMoney(t *testing.T) {
	r := newRun(t, nil)
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	r.at(over+day, func() { r.command(appointment.UpdateCorrect, "x", correction(domain.StatusCompleted)) })
	r.at(over+2*day, func() { r.command(appointment.UpdateCorrect, "y", correction(domain.StatusNoShow)) })
	r.finish()
	require.Equal(t, []string{"not_attended", "corrected", "corrected", "archived"}, r.kinds()[3:])
	require.Equal(t, int64(8000), r.intent.Refunded)
	require.Zero(t, r.row.Kept)
	require.Zero(t, r.row.Fee, "there is nothing left to keep")
	require.Zero(t, r.sent(domain.MessageFeeNotice)+r.sent(domain.MessageCorrected))
}

func TestACorrectionIsRefusedWhereItHasNoPlace(t *testing.T) {
	r := attended(t)
	var early, same, elsewhere, late *answer
	r.at(5*day+time.Minute, func() { early = r.command(appointment.UpdateCorrect, "a", correction(domain.StatusNoShow)) })
	r.at(over+time.Hour, func() { same = r.command(appointment.UpdateCorrect, "b", correction(domain.StatusCompleted)) })
	r.at(over+time.Hour, func() { elsewhere = r.command(appointment.UpdateCorrect, "c1", correction(domain.StatusConfirmed)) })
	r.at(over+7*day, func() { late = r.command(appointment.UpdateCorrect, "d", correction(domain.StatusNoShow)) })
	r.finish()
	require.Equal(t, domain.CodeWrongStatus, refusal(t, early))
	require.Equal(t, domain.CodeConflict, refusal(t, same))
	require.Equal(t, domain.CodeInvalid, refusal(t, elsewhere))
	require.Equal(t, domain.CodeTooLate, refusal(t, late))
	require.Equal(t, []string{"checked_in", "completed", "archived"}, r.kinds()[3:])
}

func TestNoCorrectionWhileMoneyIsOnItsWayBack(t *testing.T) {
	r := unattended(t)
	// Ten tries with these pauses are all that the environment of these tests gives.
	r.providerDown = func(now time.Time) bool {
		return now.After(booked.Add(over-time.Minute)) && now.Before(booked.Add(over+2*time.Minute))
	}
	var meanwhile, after *answer
	r.at(over+time.Minute, func() { meanwhile = r.command(appointment.UpdateCorrect, "a", correction(domain.StatusCompleted)) })
	r.at(over+time.Hour, func() { after = r.command(appointment.UpdateCorrect, "b", correction(domain.StatusCompleted)) })
	r.finish()
	require.Equal(t, domain.CodeConflict, refusal(t, meanwhile))
	require.NoError(t, after.err)
	require.Equal(t, int64(4000), r.row.Kept)
}
