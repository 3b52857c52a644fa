package appointment_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

func activityName(name string) activity.RegisterOptions { return activity.RegisterOptions{Name: name} }

var (
	doctor  = appointment.Command{Actor: domain.Actor{Kind: domain.ActorDoctor, ID: "d"}}
	patient = appointment.Command{Actor: domain.Actor{Kind: domain.ActorPatient, ID: "p"}, ReasonCode: "patient_request"}
)

const day = 24 * time.Hour

func TestAWholeLifeFromBookingToArchive(t *testing.T) {
	r := newRun(t, nil)
	r.at(5*time.Minute, func() { r.pay(); r.hint() })
	var confirmed, checkedIn, completed *answer
	r.at(time.Hour, func() { confirmed = r.command(appointment.UpdateConfirm, "c1", doctor) })
	r.at(5*day-10*time.Minute, func() { checkedIn = r.command(appointment.UpdateCheckIn, "c2", doctor) })
	r.at(5*day+25*time.Minute, func() { completed = r.command(appointment.UpdateComplete, "c3", doctor) })

	result := r.finish()

	require.Equal(t, domain.StatusArchived, result.Status)
	require.Equal(t, []string{"authorised", "accepted", "captured", "checked_in", "completed", "archived"}, r.kinds())
	require.Equal(t, domain.StatusCapturing, confirmed.outcome.Status)
	require.Equal(t, domain.StatusCheckedIn, checkedIn.outcome.Status)
	require.Equal(t, domain.StatusCompleted, completed.outcome.Status)
	require.Equal(t, []domain.MessageKind{
		domain.MessageRequestReceived, domain.MessageRequestToDoctor, domain.MessageConfirmed, domain.MessageReceipt,
	}, r.messages)
	require.Len(t, r.reminders, 3)
	for _, reminder := range r.reminders {
		require.Equal(t, domain.ReminderSend, reminder.Decision)
	}
	require.Equal(t, int64(8000), r.intent.Captured)
	require.Zero(t, r.intent.Refunded)
	require.Equal(t, booked.Add(5*day+25*time.Minute+30*day), r.timeline[5].At.Truncate(time.Second), "archived 30 days after the end")
}

func TestAnUnpaidHoldExpiresAfterItsWindow(t *testing.T) {
	r := newRun(t, nil)
	r.finish()
	require.Equal(t, []string{"expired", "archived"}, r.kinds())
	require.Equal(t, "payment_window_over", r.timeline[0].ReasonCode)
	require.WithinDuration(t, booked.Add(15*time.Minute), r.timeline[0].At, time.Second)
	require.Equal(t, domain.PaymentCancelled, r.intent.Status, "the intent cannot be paid any more")
}

func TestStory05_PaidButTheWebhookIsLost(t *testing.T) {
	r := newRun(t, nil)
	r.at(10*time.Minute, r.pay) // no hint
	r.finish()
	require.Equal(t, "authorised", r.kinds()[0], "asked at the end of the window")
	require.Equal(t, "no_answer", r.timeline[1].ReasonCode)
	require.Equal(t, domain.PaymentCancelled, r.intent.Status, "voided after the doctor's silence")
}

func TestASlotIsFreedWhenTheProviderStaysSilentAfterTheWindow(t *testing.T) {
	r := newRun(t, nil)
	// The environment of these tests retries an activity ten times at most, which the
	// real server does not: the outage ends after the tenth question.
	r.providerDown = func(now time.Time) bool {
		return now.After(booked.Add(time.Minute)) && now.Before(booked.Add(20*time.Minute))
	}
	r.finish()
	require.Equal(t, []string{"expired", "archived"}, r.kinds())
	require.Equal(t, "payment_unknown", r.timeline[0].ReasonCode)
	require.Equal(t, domain.PaymentCancelled, r.intent.Status, "what may turn up is voided when the provider is back")
}

func TestAPaymentOpenedWithoutAReceiptIsFoundAgain(t *testing.T) {
	r := newRun(t, nil)
	tries := 0
	r.openingLost = func() bool { tries++; return tries <= 10 } // one activity's worth of tries here
	r.at(10*time.Second, r.pay)
	r.finish()
	require.Equal(t, []string{"authorised", "expired", "archived"}, r.kinds())
	require.Equal(t, domain.PaymentCancelled, r.intent.Status, "voided when the doctor did not answer")
}

func TestAPaymentTheProcessNeverHeardOfIsSettledAllTheSame(t *testing.T) {
	r := newRun(t, nil)
	r.openingLost = func() bool { return true }
	r.finish()
	require.Equal(t, []string{"expired", "archived"}, r.kinds())
	require.Equal(t, "payment_unavailable", r.timeline[0].ReasonCode)
	require.Equal(t, 1, r.settled)
	require.Equal(t, domain.PaymentCancelled, r.intent.Status)
}

func TestALatePaymentDoesNotReviveAnEndedVisit(t *testing.T) {
	r := newRun(t, nil)
	r.at(5*time.Minute, func() { r.command(appointment.UpdateCancel, "x", patient) })
	r.at(6*time.Minute, func() { r.pay(); r.hint() })
	r.finish()
	require.Equal(t, []string{"cancelled", "archived"}, r.kinds())
	require.Equal(t, domain.PaymentCancelled, r.intent.Status, "voided")
}

func TestACancelledVisitIsRefundedByTheTierOfItsTerms(t *testing.T) {
	for _, tt := range []struct {
		name     string
		who      appointment.Command
		before   time.Duration
		refunded int64
	}{
		{"patient a day before", patient, 24 * time.Hour, 8000},
		{"patient within a day", patient, 23 * time.Hour, 4000},
		{"patient within four hours", patient, 3 * time.Hour, 0},
		{"doctor within four hours", doctor, 3 * time.Hour, 8000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRun(t, nil)
			r.at(time.Minute, func() { r.pay(); r.hint() })
			r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
			var cancelled *answer
			r.at(5*day-tt.before, func() { cancelled = r.command(appointment.UpdateCancel, "x", tt.who) })
			r.finish()
			require.NoError(t, cancelled.err)
			require.Equal(t, tt.refunded, r.intent.Refunded)
		})
	}
}

func TestAMessageSentAgainIsDeliveredAtOnceAndMovesNothing(t *testing.T) {
	r := newRun(t, nil)
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	for _, day := range []time.Duration{10 * time.Hour, 20 * day} { // while it waits, and after the end
		r.at(day, func() { r.env.SignalWorkflow(appointment.SignalMessageOwed, appointment.MessageOwed{MessageID: "m"}) })
	}
	r.finish()
	require.Contains(t, r.deliveries, booked.Add(10*time.Hour).UTC())
	require.Contains(t, r.deliveries, booked.Add(20*day).UTC())
	require.Equal(t, []string{"authorised", "accepted", "captured", "not_attended", "archived"}, r.kinds())
}

func TestARefusedCommandSaysWhy(t *testing.T) {
	r := newRun(t, nil)
	var early, late *answer
	r.at(time.Minute, func() { early = r.command(appointment.UpdateConfirm, "c", doctor) })
	r.at(20*time.Minute, func() { late = r.command(appointment.UpdateCancel, "x", patient) })
	r.finish()
	for _, refused := range []*answer{early, late} {
		var app *temporal.ApplicationError
		require.ErrorAs(t, refused.err, &app)
		require.Equal(t, string(domain.CodeWrongStatus), app.Type())
	}
}

func TestAFreeVisitHasNoPaymentSteps(t *testing.T) {
	r := newRun(t, func(a *domain.Appointment) { a.Terms.Price.Minor = 0 })
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	r.finish()
	require.Equal(t, []string{"requested_free", "accepted", "not_attended", "archived"}, r.kinds())
	require.Empty(t, r.intent.ID)
}

func TestAnInstantTypeConfirmsItself(t *testing.T) {
	r := newRun(t, func(a *domain.Appointment) { a.Terms.InstantConfirm = true })
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.finish()
	require.Equal(t, []string{"authorised", "accepted", "captured", "not_attended", "archived"}, r.kinds())
	require.Equal(t, int64(8000), r.intent.Refunded, "nobody marked the no-show: no fee")
}

func TestARefusedCaptureGivesANewWindow(t *testing.T) {
	r := newRun(t, nil)
	r.captureRefused = true
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	r.finish()
	require.Equal(t, []string{"authorised", "accepted", "capture_refused", "expired", "archived"}, r.kinds())
	require.Equal(t, 2, r.intent.Generation)
}

func TestAMovedVisitKeepsItsPaymentAndGetsAFullSetOfReminders(t *testing.T) {
	r := newRun(t, nil)
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	to := booked.Add(8 * day)
	r.taken[booked.Add(7*day)] = true
	var taken, moved *answer
	r.at(4*day, func() { // after the 48 h reminder
		taken = r.command(appointment.UpdateReschedule, "m1", appointment.Command{Actor: patient.Actor, StartsAt: booked.Add(7 * day)})
	})
	r.at(4*day+time.Minute, func() {
		moved = r.command(appointment.UpdateReschedule, "m2", appointment.Command{Actor: patient.Actor, StartsAt: to})
	})
	r.finish()
	var app *temporal.ApplicationError
	require.ErrorAs(t, taken.err, &app)
	require.Equal(t, string(domain.CodeSlotTaken), app.Type())
	require.NoError(t, moved.err)
	require.Equal(t, to, r.row.Visit.Start)
	var starts []time.Time
	for _, reminder := range r.reminders {
		starts = append(starts, reminder.Start)
	}
	old := booked.Add(5 * day)
	require.Equal(t, []time.Time{old, old, to, to, to}, starts)
}

func TestAForeignWriteEndsTheProcessAsStuck(t *testing.T) {
	r := newRun(t, nil)
	r.foreignWrite = true
	r.env.ExecuteWorkflow(appointment.Workflow, r.in)
	var app *temporal.ApplicationError
	require.ErrorAs(t, r.env.GetWorkflowError(), &app)
	require.Equal(t, string(domain.CodeStuck), app.Type())
	require.Equal(t, domain.CodeStuck, r.row.Stuck, "staff are shown why")
}

func TestAProcessThatIsCancelledByHandIsShownAsStuck(t *testing.T) {
	r := newRun(t, nil)
	r.at(time.Minute, r.env.CancelWorkflow)
	r.env.ExecuteWorkflow(appointment.Workflow, r.in)
	require.Error(t, r.env.GetWorkflowError())
	require.Equal(t, domain.StatusRequested, r.row.Status, "nothing about the visit changed")
	require.Equal(t, domain.Code("process_cancelled"), r.row.Stuck)
}

func TestAMovedRequestHasAFreshDeadline(t *testing.T) {
	r := newRun(t, nil)
	r.at(time.Minute, func() { r.pay(); r.hint() })
	r.at(day, func() { // a minute before the doctor's silence would end it
		r.command(appointment.UpdateReschedule, "m", appointment.Command{Actor: patient.Actor, StartsAt: booked.Add(6 * day)})
	})
	r.finish()
	require.Equal(t, []string{"authorised", "rescheduled", "expired", "archived"}, r.kinds())
	require.Equal(t, day, r.timeline[2].At.Sub(r.timeline[1].At))
}

func TestAnInterruptedCaptureIsAskedAnewAndNotTakenForRefused(t *testing.T) {
	r := newRun(t, nil)
	r.at(time.Minute, func() { r.pay(); r.hint() })
	tries := 0
	r.captureFails = func() bool { tries++; return tries <= 12 } // more often than one activity is tried here
	r.at(time.Hour, func() { r.command(appointment.UpdateConfirm, "c", doctor) })
	r.finish()
	require.Equal(t, []string{"authorised", "accepted", "captured", "not_attended", "archived"}, r.kinds())
	require.Equal(t, 1, r.intent.Generation)
}

func TestAProcessResumesFromEveryStatus(t *testing.T) {
	for _, status := range domain.Statuses() {
		t.Run(string(status), func(t *testing.T) {
			r := newRun(t, func(a *domain.Appointment) {
				a.Status, a.Version, a.AnswerBy = status, 4, booked.Add(time.Hour)
				if status.Ended() {
					a.EndedAt = booked
				}
				a.Payment = domain.Payment{IntentID: "pi", Status: domain.PaymentAuthorised}
				a.PayBy = booked.Add(15 * time.Minute)
			})
			r.intent = domain.Intent{ID: "pi", Status: domain.PaymentAuthorised, Amount: r.row.Terms.Price}
			require.Equal(t, domain.StatusArchived, r.finish().Status)
		})
	}
}

func TestLettersThatOthersOweGoOutWithTheVisitsOwn(t *testing.T) {
	r := newRun(t, nil)
	delivered := 0
	r.env.OnActivity(acts.DeliverMail, mock.Anything, mock.Anything).Return(func(context.Context, acts.DeliverMailInput) (acts.DeliverMailResult, error) {
		delivered++
		return acts.DeliverMailResult{}, nil
	})
	var before int
	r.at(10*day, func() { // expired long ago: only the retention is left
		before = delivered
		r.env.SignalWorkflow(appointment.SignalMessageOwed, appointment.MessageOwed{})
	})
	r.finish()
	require.NotZero(t, before)
	require.Equal(t, before+1, delivered)
}

// The relay was down when somebody had a letter sent again, and the archive came first.
func TestALetterOfTheLastMomentLeavesBeforeTheProcessEnds(t *testing.T) {
	for asked, more := range map[bool]int{false: 0, true: 1} {
		r := newRun(t, nil)
		r.askedLast = asked
		var before int
		r.at(29*day, func() { before = len(r.deliveries) })
		require.Equal(t, domain.StatusArchived, r.finish().Status)
		require.Len(t, r.deliveries, before+more)
	}
}
