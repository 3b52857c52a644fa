package appointment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

var staff = appointment.Command{Actor: domain.Actor{Kind: domain.ActorStaff, ID: "s"}, ReasonCode: "other"}

// over is when the visit of newRun is over.
const over = 5*day + 30*time.Minute

// unattended is a confirmed visit that a person marks as not attended at its end. Half of
// its 80 euros is the fee.
func unattended(t *testing.T) *run {
	t.Helper()
	r := newRun(t, func(a *domain.Appointment) { a.Terms.NoShowFeeShare = 50 })
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	r.at(over, func() { r.command(appointment.UpdateNoShow, "n", doctor) })
	return r
}

func (r *run) sent(kind domain.MessageKind) int {
	n := 0
	for _, m := range r.messages {
		if m == kind {
			n++
		}
	}
	return n
}

func refusal(t *testing.T, a *answer) domain.Code {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, a.err, &app)
	return domain.Code(app.Type())
}

func TestAFeeIsKeptAfterNoticeAndTheTimeToObject(t *testing.T) {
	r := unattended(t)
	var late *answer
	r.at(over+time.Minute, func() {
		require.Equal(t, int64(4000), r.intent.Refunded, "what exceeds the fee goes back at once")
		require.Zero(t, r.row.Kept, "it is not kept yet")
		require.Equal(t, domain.NoShowFee{Status: domain.FeeNoticed, Minor: 4000, Until: r.row.Fee.Until}, r.row.Fee)
		require.WithinDuration(t, booked.Add(over+72*time.Hour), r.row.Fee.Until, time.Second)
	})
	r.at(over+73*time.Hour, func() { late = r.command(appointment.UpdateDispute, "d", patient) })

	r.finish()

	require.Equal(t, []string{"authorised", "accepted", "captured", "not_attended", "fee_kept", "archived"}, r.kinds())
	require.WithinDuration(t, booked.Add(over+72*time.Hour), r.timeline[4].At, time.Second)
	require.Equal(t, int64(4000), r.row.Kept)
	require.Equal(t, int64(4000), r.intent.Refunded)
	require.Equal(t, 1, r.sent(domain.MessageFeeNotice))
	require.Equal(t, 1, r.sent(domain.MessageFeeKept))
	require.Equal(t, domain.CodeWrongStatus, refusal(t, late))
	require.WithinDuration(t, booked.Add(over+30*day), r.timeline[5].At, time.Second, "what becomes of the fee does not end the visit again")
}

func TestStaffDecideAboutAnObjection(t *testing.T) {
	for _, tt := range []struct {
		name, update, kind string
		refunded, kept     int64
		letter             domain.MessageKind
	}{
		{"upheld", appointment.UpdateUpholdFee, "fee_kept", 4000, 4000, domain.MessageFeeKept},
		{"waived", appointment.UpdateWaiveFee, "fee_waived", 8000, 0, domain.MessageFeeWaived},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := unattended(t)
			var early, again *answer
			r.at(over+time.Hour, func() { early = r.command(appointment.UpdateUpholdFee, "u0", staff) })
			r.at(over+day, func() { r.command(appointment.UpdateDispute, "d", patient) })
			r.at(over+day+time.Minute, func() { again = r.command(appointment.UpdateDispute, "d2", patient) })
			r.at(over+10*day, func() {
				require.Equal(t, domain.FeeDisputed, r.row.Fee.Status, "the time to object does not end an objection")
				r.command(tt.update, "u", staff)
			})
			r.finish()
			require.Equal(t, []string{"not_attended", "fee_disputed", tt.kind, "archived"}, r.kinds()[3:])
			require.Equal(t, "other", r.timeline[5].ReasonCode)
			require.Equal(t, tt.refunded, r.intent.Refunded)
			require.Equal(t, tt.kept, r.row.Kept)
			require.Equal(t, 1, r.sent(tt.letter))
			require.Equal(t, domain.CodeWrongStatus, refusal(t, early), "nobody objected yet")
			require.Equal(t, domain.CodeWrongStatus, refusal(t, again))
			require.Zero(t, r.notices, "nobody asks whether the patient knew who objected")
		})
	}
}

func TestStaffMayWaiveAFeeThatNobodyObjectedTo(t *testing.T) {
	r := unattended(t)
	r.at(over+time.Hour, func() { r.command(appointment.UpdateWaiveFee, "w", staff) })
	r.finish()
	require.Equal(t, []string{"not_attended", "fee_waived", "archived"}, r.kinds()[3:])
	require.Equal(t, int64(8000), r.intent.Refunded)
}

func TestAnObjectionThatNobodyDecidesEndsInThePatientsFavour(t *testing.T) {
	r := unattended(t)
	r.at(over+71*time.Hour, func() { r.command(appointment.UpdateDispute, "d", patient) })
	r.finish()
	require.Equal(t, []string{"not_attended", "fee_disputed", "fee_waived", "archived"}, r.kinds()[3:])
	require.Equal(t, "not_decided_in_time", r.timeline[5].ReasonCode)
	require.WithinDuration(t, booked.Add(over+71*time.Hour+14*day), r.timeline[5].At, time.Second)
	require.Equal(t, int64(8000), r.intent.Refunded)
	require.Equal(t, 1, r.sent(domain.MessageFeeWaived))
}

func TestAFeeThatThePatientWasNotToldOfIsNotKept(t *testing.T) {
	r := unattended(t)
	r.mailDown = true
	r.finish()
	require.Equal(t, []string{"not_attended", "fee_waived", "archived"}, r.kinds()[3:])
	require.Equal(t, "patient_not_told", r.timeline[4].ReasonCode)
	require.Equal(t, int64(8000), r.intent.Refunded)
}

func TestANoticeThatLeftLateGivesTheWholePeriodAllTheSame(t *testing.T) {
	r := unattended(t)
	r.noticeAt = booked.Add(over + day)
	r.finish()
	require.Equal(t, []string{"not_attended", "deadline_extended", "fee_kept", "archived"}, r.kinds()[3:])
	require.WithinDuration(t, booked.Add(over+4*day), r.timeline[5].At, time.Second)
}

func TestAMarkWithoutAnythingToKeepAsksForNoFee(t *testing.T) {
	for name, change := range map[string]func(*domain.Appointment){
		"no fee agreed": func(a *domain.Appointment) { a.Terms.NoShowFeeShare = 0 },
		"a free visit":  func(a *domain.Appointment) { a.Terms.Price.Minor = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, change)
			r.at(time.Minute, func() { r.pay(); r.hint() })
			r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
			r.at(over, func() { r.command(appointment.UpdateNoShow, "n", doctor) })
			r.finish()
			require.Equal(t, []string{"not_attended", "archived"}, r.kinds()[len(r.kinds())-2:])
			require.Zero(t, r.row.Fee)
			require.Zero(t, r.sent(domain.MessageFeeNotice))
			require.Equal(t, r.intent.Captured, r.intent.Refunded)
		})
	}
}

func TestAProcessOfTheFirstReleaseKeepsTheFeeAtTheMark(t *testing.T) {
	r := unattended(t)
	r.env.OnGetVersion("no-show-fee-after-notice", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	r.finish()
	require.Equal(t, []string{"not_attended", "archived"}, r.kinds()[3:])
	require.Equal(t, int64(4000), r.row.Kept)
	require.Zero(t, r.row.Fee)
}

func TestAnOpenFeeIsTakenUpByTheProcessThatReplacesOne(t *testing.T) {
	r := newRun(t, func(a *domain.Appointment) {
		a.Status, a.Version, a.EndedAt, a.Kept = domain.StatusNoShow, 6, booked, 0
		a.Fee = domain.NoShowFee{Status: domain.FeeDisputed, Minor: 4000, Until: booked.Add(day)}
		a.Payment = domain.Payment{IntentID: "pi", Status: domain.PaymentCaptured, Captured: 8000, Refunded: 4000}
	})
	r.intent = domain.Intent{ID: "pi", Status: domain.PaymentCaptured, Captured: 8000, Refunded: 4000}
	r.at(time.Hour, func() { require.Equal(t, int64(4000), r.intent.Refunded, "withheld until somebody decides") })
	r.finish()
	require.Equal(t, []string{"fee_waived", "archived"}, r.kinds())
	require.WithinDuration(t, booked.Add(day), r.timeline[0].At, time.Second)
	require.Equal(t, int64(8000), r.intent.Refunded)
}
