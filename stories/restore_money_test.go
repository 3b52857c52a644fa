package stories_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/paymentcase"
)

// moneyPast is money that moved after a restore point without a step of the visit's process:
// the cardholder disputes, somebody refunds in the provider's dashboard, a refund bounces and
// staff see to it.
type moneyPast struct {
	c                            *clinic.Clinic
	disputed, refunded, resolved string
}

func moneyMovesPastTheVisits(t *testing.T, c *clinic.Clinic, disputed, refunded, resolved string) moneyPast {
	t.Helper()
	staff, ledger := c.Login("staff"), c.Sandbox.Ledger()
	intent := func(id string) string {
		i := slices.IndexFunc(ledger.Payments, func(p sandbox.PaymentEntry) bool { return p.AppointmentID == id })
		return ledger.Payments[i].IntentID
	}
	require.NoError(t, c.Sandbox.Dispute(intent(disputed)))
	require.NoError(t, c.Sandbox.RefundByHand(intent(refunded), 3000))
	staff.Must(resolved, "cancel", map[string]string{"reason_code": "clinic_closed"})
	testkit.Eventually(t, func() bool { return staff.Appointment(resolved).Payment.Refunded.Minor == 8000 }, "the money is given back")
	require.NoError(t, c.Sandbox.FailRefunds(intent(resolved)))
	bounced := staff.AwaitCase(resolved, in(domain.CaseNeedsPerson), "waits for a person")
	require.Equal(t, http.StatusOK, staff.DecideCase(bounced, "resolve", "paid_back_another_way").Status)
	require.NoError(t, c.Temporal().GetWorkflow(t.Context(), paymentcase.WorkflowID(intent(resolved)), "").Get(t.Context(), nil), "its process has seen so")
	staff.AwaitCase(refunded, closed, "ends")
	staff.AwaitCase(disputed, in(domain.CaseNeedsPerson), "waits for an answer")
	return moneyPast{c: c, disputed: disputed, refunded: refunded, resolved: resolved}
}

// areInTheBooksAgain looks for what is known of that money after the restore: in the books,
// in the cases, and in the list of the restore.
func (m moneyPast) areInTheBooksAgain(r *restoring) {
	r.t.Helper()
	staff := m.c.Login("staff")
	for _, want := range []struct {
		id      string
		kind    domain.CaseKind
		state   domain.CaseState
		outcome string
		kept    int
	}{
		{m.disputed, domain.CaseDispute, domain.CaseNeedsPerson, "", 8000},
		{m.refunded, domain.CaseRefundByHand, domain.CaseClosed, domain.OutcomeRefunded, 5000},
		{m.resolved, domain.CaseRefundFailed, domain.CaseClosed, domain.OutcomeResolved, 8000},
	} {
		got := staff.AwaitCase(want.id, in(want.state), "is known again")
		require.Equal(r.t, string(want.kind), string(got.Kind))
		require.Equal(r.t, want.outcome, string(got.Outcome))
		require.Equal(r.t, want.kept, m.c.Kept(want.id), want.kind)
		require.EqualValues(r.t, 8000-want.kept, staff.Appointment(want.id).Payment.Refunded.Minor, want.kind)
		listed, ok := r.visits()[want.id]
		require.True(r.t, ok, want.kind)
		require.Equal(r.t, openapi.RestoreVisitWhy("money_moved"), listed.Why)
		require.Len(r.t, listed.Payments, 1)
		require.EqualValues(r.t, 8000, listed.Payments[0].Amount.Minor)
		require.EqualValues(r.t, 8000-want.kept, listed.Payments[0].Refunded, want.kind)
		require.Equal(r.t, string(want.kind), listed.Payments[0].CaseKind)
		require.Equal(r.t, string(want.state), listed.Payments[0].CaseState)
	}
}
