package stories_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/reconcile"
)

// A new version of the worker gets no tasks until it is current. It makes itself so, and
// a visit that began on the version before it goes on with the new one.
func TestAVisitGoesOnWithTheNextVersionOfTheWorker(t *testing.T) {
	t.Parallel()
	deployment := "t-" + domain.NewID()
	version := func(build string) []string {
		return []string{"CAREFLOW_WORKER_DEPLOYMENT=" + deployment, "CAREFLOW_WORKER_BUILD_ID=" + build, "CAREFLOW_WORKER_PROMOTE=true"}
	}
	c := clinic.New(t, clinic.Options{Env: append(version("one"), clinic.SoonStill...)})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := c.BookAndPay(patient, b)

	c.WorkerProcess.Kill()
	c.WorkerProcess.Configure(version("two")...)
	c.StartWorker()
	doctor.Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusConfirmed)

	run, err := c.Temporal().DescribeWorkflowExecution(testkit.Context(t), appointment.WorkflowID(a.ID), "")
	require.NoError(t, err)
	require.Equal(t, "two", run.WorkflowExecutionInfo.VersioningInfo.DeploymentVersion.BuildId)

	temporal := c.Temporal()
	c.Terminate(temporal, a.ID)
	c.ReconcileUntil(temporal, func(r reconcile.Result) bool { return r.Counts.Replaced == 1 }, "jobs run on the new version too")
}
