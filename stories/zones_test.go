package stories_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/reconcile"
)

// A zone changes its rules after a visit was booked: staff are told which visits are not at
// the local time that was promised, and nothing about them changes.
func TestAVisitWhoseZoneChangedItsRulesIsReported(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{Env: clinic.SoonStill})
	patient, desk, temporal := c.Login("patient"), c.Login("staff"), c.Temporal()
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := c.BookAndPay(patient, b)
	require.Empty(t, c.Reconcile(temporal).Findings)

	// Booked by a build whose rules made another local time of the same instant.
	c.Exec(`UPDATE appointments SET terms = terms || '{"zone_version": "go1.20"}', local_start = '2026-01-01T03:00:00+01:00' WHERE id = $1`, a.ID)
	c.ReconcileUntil(temporal, func(r reconcile.Result) bool { return r.Counts.Reported == 1 }, "it is found")
	answer := desk.Do(http.MethodGet, "/v1/ops/reconciliations?limit=1", nil)
	var list openapi.ReconciliationList
	require.NoError(t, json.Unmarshal(answer.Body, &list))
	require.Len(t, list.Items[0].Findings, 1, "%s", answer.Body)
	require.Equal(t, string(domain.FindingLocalTimeMoved), list.Items[0].Findings[0].Code)
	require.Equal(t, a.ID, list.Items[0].Findings[0].AppointmentID)
	after := patient.Appointment(a.ID)
	require.Equal(t, a.Version, after.Version)
	require.True(t, a.StartsAt.Equal(after.StartsAt), "it moves nothing by itself")
	testkit.Eventually(t, func() bool { return c.Shown(temporal, a.ID).State == domain.ProcessRunning }, "its process goes on")
}
