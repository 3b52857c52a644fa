package appointment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// paidAtTheLastMoment is a visit that was called off unpaid, whose payment turns up while its
// record goes to the archive.
func paidAtTheLastMoment(t *testing.T) *run {
	t.Helper()
	r := newRun(t, nil)
	r.at(5*time.Minute, func() { r.command(appointment.UpdateCancel, "x", patient) })
	r.atArchive = func() {
		r.intent.Status = domain.PaymentAuthorised
		r.hint()
	}
	return r
}

func TestMoneyThatTurnsUpDuringTheArchiveIsSeen(t *testing.T) {
	r := paidAtTheLastMoment(t)
	r.finish()
	require.Equal(t, []string{"cancelled", "archived"}, r.kinds())
	require.Equal(t, domain.PaymentCancelled, r.intent.Status, "voided")
	require.Equal(t, 2, r.settled)
}

// What a worker of an earlier release began goes on as it would have there.
func TestAnArchiveThatAnEarlierReleaseBeganLooksNoMore(t *testing.T) {
	r := paidAtTheLastMoment(t)
	r.env.OnGetVersion("last-hints", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	r.finish()
	require.Equal(t, 1, r.settled)
}
