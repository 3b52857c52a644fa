package stories_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/appointment"
	process "github.com/careflow/careflow/workflows/deployment"
)

// workers are the real workers of a clinic, in builds that serve the same visits.
type workers struct {
	t           *testing.T
	clinic      *clinic.Clinic
	environment string
	old         *testkit.Process
}

// newWorkers is a clinic whose workers are a fleet of their own, on the build of a release.
func newWorkers(t *testing.T, release domain.Release) *workers {
	t.Helper()
	w := &workers{t: t, environment: "t" + word()[18:]}
	w.clinic = clinic.New(t, clinic.Options{Env: []string{
		"CAREFLOW_WORKER_DEPLOYMENT=" + w.environment, "CAREFLOW_WORKER_BUILD_ID=" + release.BuildID(), "CAREFLOW_WORKER_PROMOTE=true",
	}})
	w.old = w.clinic.WorkerProcess
	deployWorker(t, w.clinic, fmt.Sprintf(`  - environment: %[1]s
    service: worker
    strategy: worker_fleet
    fleet: %[1]s
    steps: [50, 100]
    watch: {for: 1s, every: 500ms, pass_inconclusive: true, fast_enough: 10s} # a busy machine is no slow release
    warm: 5s
`, w.environment))
	return w
}

// start starts the workers of a release beside those that are there.
func (w *workers) start(release domain.Release) *testkit.Process {
	w.t.Helper()
	// From the first deployment on it is deployments that promote.
	w.old.Configure("CAREFLOW_WORKER_PROMOTE=false")
	return testkit.StartProcess(w.t, "worker", append(w.clinic.Env(), "CAREFLOW_WORKER_BUILD_ID="+release.BuildID(), "CAREFLOW_WORKER_PROMOTE=false",
		"CAREFLOW_TEMPORAL_ADDRESS="+w.clinic.WorkerToTemporal.Address()))
}

// deploy begins the deployment of a release to the fleet.
func (w *workers) deploy(ops *clinic.User, release domain.Release) string {
	w.t.Helper()
	return deploy(w.t, ops, asked(w.environment, "worker", release))
}

// over waits until the process of a deployment has ended: its workers are not needed any more.
func (w *workers) over(id string) {
	w.t.Helper()
	run := w.clinic.Temporal().GetWorkflow(testkit.Context(w.t), process.WorkflowID(w.environment, "worker"), id)
	require.NoError(w.t, run.Get(testkit.Context(w.t), nil))
}

// buildOf is the build that a process has last run on.
func (w *workers) buildOf(run clinic.Run) string {
	w.t.Helper()
	d, err := w.clinic.Temporal().DescribeWorkflowExecution(testkit.Context(w.t), run.ID, run.RunID)
	require.NoError(w.t, err)
	return d.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

// Two builds of the clinic's workers. A release takes over under an open visit, which goes on
// with it; the deployment itself ends on the workers that it began on, although they are killed in
// the middle. The next release is taken back by a person, and the visit with it.
func TestOpsDeployWorkersUnderOpenVisitsAndTakeThemBack(t *testing.T) {
	t.Parallel()
	w := newWorkers(t, oldBuild)
	c := w.clinic
	ops, patient, doctor := c.Login("ops"), c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`) // with a day to answer
	visit := c.BookAndPay(patient, b)
	judge := func(id string) clinic.Run {
		return clinic.Run{Family: "deployment", ID: process.WorkflowID(w.environment, "worker"), RunID: id}
	}
	open := clinic.Run{ID: appointment.WorkflowID(visit.ID)}
	require.Equal(t, oldBuild.BuildID(), w.buildOf(open))

	w.start(newBuild)
	id := w.deploy(ops, newBuild)
	reaches(t, c, id, "", "ramp 50 %")
	w.old.Kill()
	w.old.Start()
	deployed(t, ops, id, domain.DeploymentWarm, domain.DeploymentSucceeded)
	doctor.Must(visit.ID, "confirm", nil)
	patient.Await(visit.ID, domain.StatusConfirmed)
	require.Equal(t, newBuild.BuildID(), w.buildOf(open), "a visit follows the release")
	d := deployed(t, ops, id, domain.DeploymentSucceeded)
	require.Equal(t, oldBuild.BuildID(), d.PreviousDigest)
	require.Equal(t, oldBuild.BuildID(), w.buildOf(judge(id)), "the judge stays on the old version")
	require.Contains(t, outputOf(t, ops, d, "drain"), "stop its workers once they have")
	c.RecordRun(judge(id), "fleet_succeeded")
	c.RecordRun(clinic.Run{Family: "deployment", ID: process.ReplayID(w.environment, newBuild.BuildID())}, "fleet_replay")
	w.over(id)
	w.old.Kill() // nothing is left for it

	third := domain.Release{Version: "3.0", Digest: "sha256:" + fmt.Sprintf("%064d", 3), Artifact: "careflow"}
	w.start(third)
	id = w.deploy(ops, third)
	reaches(t, c, id, "", "watch 50 %")
	require.Equal(t, http.StatusOK, say(ops, id, "rollback").Status)
	deployed(t, ops, id, domain.DeploymentRolledBack)
	patient.Must(visit.ID, "cancel", map[string]string{"reason_code": "patient_unwell"})
	patient.Await(visit.ID, domain.StatusCancelled)
	require.Equal(t, newBuild.BuildID(), w.buildOf(open))
	require.Contains(t, c.Careflow("ops", "deploy", "show", id), "rollback")
	c.RecordRun(judge(id), "fleet_rolled_back_by_hand")
}
