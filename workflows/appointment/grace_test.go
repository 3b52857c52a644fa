package appointment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// back is a visit whose process comes back after an outage: it stands as change says, on a
// row that nobody has touched for hours.
func back(t *testing.T, status domain.Status, change func(*domain.Appointment)) *run {
	t.Helper()
	r := newRun(t, func(a *domain.Appointment) {
		a.Status, a.Version = status, 4
		a.Payment = domain.Payment{IntentID: "pi", Status: domain.PaymentAuthorised}
		change(a)
	})
	r.intent = domain.Intent{ID: "pi", Status: domain.PaymentAuthorised, Amount: r.row.Terms.Price}
	return r
}

func TestStory23_ADoctorGetsAFreshGraceAfterAnOutage(t *testing.T) {
	r := back(t, domain.StatusPending, func(a *domain.Appointment) { a.AnswerBy = booked.Add(-6 * time.Minute) })
	r.at(29*time.Minute, func() {
		require.WithinDuration(t, booked.Add(30*time.Minute), r.row.AnswerBy, time.Second, "the row has the new deadline")
		r.command(appointment.UpdateConfirm, "c", doctor)
	})
	r.finish()
	require.Equal(t, []string{"deadline_extended", "accepted", "captured"}, r.kinds()[:3])
	require.Equal(t, "outage", r.timeline[0].ReasonCode)
}

func TestStory23_AGraceIsGivenOnceAnOutageAndNotForEver(t *testing.T) {
	r := back(t, domain.StatusPending, func(a *domain.Appointment) { a.AnswerBy = booked.Add(-6 * time.Minute) })
	r.finish()
	require.Equal(t, []string{"deadline_extended", "expired"}, r.kinds()[:2], "its own end came in time")
	require.WithinDuration(t, booked.Add(30*time.Minute), r.timeline[1].At, time.Second)

	r = back(t, domain.StatusPending, func(a *domain.Appointment) {
		a.AnswerBy, a.Graces = booked.Add(-6*time.Minute), domain.MaxGraces
	})
	r.finish()
	require.Equal(t, "expired", r.kinds()[0])
}

func TestStory23_NoGraceWhereTheDeadlineFiredInTime(t *testing.T) {
	r := back(t, domain.StatusPending, func(a *domain.Appointment) { a.AnswerBy = booked.Add(-4 * time.Minute) })
	r.finish()
	require.Equal(t, "expired", r.kinds()[0])
}

func TestStory23_NoGraceReachesIntoTheVisitOrBeyondTheFunds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*domain.Appointment)
		ends   time.Duration
	}{
		"soon the visit begins": {func(a *domain.Appointment) {
			a.Visit = domain.Window{Start: booked.Add(10 * time.Minute), End: booked.Add(40 * time.Minute)}
		}, 10 * time.Minute},
		"the visit has begun": {func(a *domain.Appointment) {
			a.Visit = domain.Window{Start: booked.Add(-time.Minute), End: booked.Add(30 * time.Minute)}
		}, 0},
		"soon the funds lapse":  {func(a *domain.Appointment) { a.Payment.CaptureBefore = booked.Add(20 * time.Minute) }, 20 * time.Minute},
		"the funds have lapsed": {func(a *domain.Appointment) { a.Payment.CaptureBefore = booked.Add(-time.Minute) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := back(t, domain.StatusPending, func(a *domain.Appointment) {
				a.AnswerBy = booked.Add(-time.Hour)
				c.change(a)
			})
			r.finish()
			require.Contains(t, r.kinds(), "expired")
			ended := r.timeline[len(r.timeline)-2]
			require.WithinDuration(t, booked.Add(c.ends), ended.At, time.Second)
		})
	}
}

func TestStory23_APatientCanStillBeCheckedInAfterAnOutage(t *testing.T) {
	r := back(t, domain.StatusConfirmed, func(a *domain.Appointment) {
		a.Visit = domain.Window{Start: booked.Add(-2 * time.Hour), End: booked.Add(-time.Hour)} // over 30 minutes ago
		a.Payment = domain.Payment{IntentID: "pi", Status: domain.PaymentCaptured, Captured: 8000}
	})
	r.intent = domain.Intent{ID: "pi", Status: domain.PaymentCaptured, Captured: 8000}
	r.at(20*time.Minute, func() {
		require.WithinDuration(t, booked.Add(30*time.Minute), r.row.OverBy, time.Second)
		r.command(appointment.UpdateCheckIn, "i", doctor)
	})
	r.finish()
	require.Equal(t, []string{"deadline_extended", "checked_in", "completed", "archived"}, r.kinds())
}

func TestStory23_AHoldThatNobodyCouldPayGetsItsWindowAfterAll(t *testing.T) {
	unpaid := func(a *domain.Appointment) {
		a.Version, a.Payment, a.CreatedAt = 1, domain.Payment{}, booked.Add(-3*time.Hour)
	}
	r := back(t, domain.StatusRequested, unpaid)
	r.intent = domain.Intent{}
	r.at(25*time.Minute, func() {
		require.WithinDuration(t, booked.Add(30*time.Minute), r.row.PayBy, time.Second)
		r.pay()
		r.hint()
	})
	r.finish()
	require.Equal(t, []string{"deadline_extended", "authorised"}, r.kinds()[:2])

	r = back(t, domain.StatusRequested, unpaid)
	r.intent = domain.Intent{}
	r.finish()
	require.Equal(t, []string{"deadline_extended", "expired", "archived"}, r.kinds(), "and ends, unpaid, with it")
	require.WithinDuration(t, booked.Add(30*time.Minute), r.timeline[1].At, time.Second)

	r = back(t, domain.StatusRequested, func(a *domain.Appointment) {
		unpaid(a)
		a.Visit = domain.Window{Start: booked.Add(2 * time.Hour), End: booked.Add(3 * time.Hour)}
	})
	r.intent = domain.Intent{}
	r.finish()
	require.Equal(t, []string{"expired", "archived"}, r.kinds(), "the doctor would have no time to answer")
}

func TestStory23_APatientCanStillObjectAfterAnOutage(t *testing.T) {
	r := back(t, domain.StatusNoShow, func(a *domain.Appointment) {
		a.Fee = domain.NoShowFee{Status: domain.FeeNoticed, Minor: 4000, Until: booked.Add(-time.Hour)}
		a.EndedAt = booked.Add(-73 * time.Hour)
		a.Payment = domain.Payment{IntentID: "pi", Status: domain.PaymentCaptured, Captured: 8000, Refunded: 4000}
	})
	r.intent = domain.Intent{ID: "pi", Status: domain.PaymentCaptured, Captured: 8000, Refunded: 4000}
	var objected *answer
	r.at(20*time.Minute, func() { objected = r.command(appointment.UpdateDispute, "d", patient) })
	r.finish()
	require.NoError(t, objected.err)
	require.Equal(t, []string{"deadline_extended", "fee_disputed", "fee_waived", "archived"}, r.kinds())
}

func TestAProcessOfTheFirstReleaseGivesItsGraceByItself(t *testing.T) {
	for status, kinds := range map[domain.Status][]string{
		domain.StatusPending: {"expired", "archived"}, domain.StatusConfirmed: {"not_attended", "archived"},
	} {
		r := back(t, status, func(a *domain.Appointment) {
			a.AnswerBy = booked.Add(-time.Hour)
			if status == domain.StatusConfirmed {
				a.Visit = domain.Window{Start: booked.Add(-2 * time.Hour), End: booked.Add(-time.Hour)}
			}
		})
		r.env.OnGetVersion("grace-on-the-row", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
		r.finish()
		require.Equal(t, kinds, r.kinds())
		require.WithinDuration(t, booked.Add(30*time.Minute), r.timeline[0].At, time.Second)
	}
}
