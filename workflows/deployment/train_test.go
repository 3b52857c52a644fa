package deployment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

// ride runs a train of the services "api" and "jobs" on one host each.
func (r *rack) ride(t *testing.T, in deployment.TrainInput) deployment.Result {
	t.Helper()
	r.plan.Hosts, r.plan.Balancer = []string{"app-1"}, ""
	r.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: deployment.TrainID("production"), TaskQueue: "careflow"})
	in.Environment, in.By, in.Reason = "production", "u1", "because"
	in.Stops = []deployment.TrainStop{{Service: "api", Release: newRelease}, {Service: "jobs", Release: newRelease}}
	r.env.ExecuteWorkflow(deployment.TrainName, in)
	require.True(t, r.env.IsWorkflowCompleted())
	require.NoError(t, r.env.GetWorkflowError())
	var result deployment.Result
	require.NoError(t, r.env.GetWorkflowResult(&result))
	return result
}

func TestATrainCarriesItsServicesInTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	require.Equal(t, domain.DeploymentSucceeded, r.ride(t, deployment.TrainInput{}).State)
	require.Equal(t, []string{"app-1 Install 2.0", "jobs: app-1 Install 2.0"}, r.only(" Install"))
}

func TestAServiceThatFailsTakesTheTrainBackInReverse(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.fails = func(j domain.HostJob) error {
		if j.Service == "jobs" {
			return broken("app-1", domain.ApplicationStart, "2.0")(j)
		}
		return nil
	}
	require.Equal(t, domain.DeploymentRolledBack, r.ride(t, deployment.TrainInput{}).State)
	require.Equal(t, []string{"app-1 Install 2.0", "jobs: app-1 Install 2.0", "jobs: app-1 Install 1.0", "app-1 Install 1.0"}, r.only(" Install"))
}

func TestOneApprovalCountsForTheWholeTrain(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.plan.Approval, r.plan.ApprovalWithin = true, time.Hour
	r.env.RegisterDelayedCallback(func() {
		require.Empty(t, r.only(" Install"), "nothing happens before")
		r.sayTo(t, deployment.TrainService, deployment.Approve)
	}, time.Minute)
	require.Equal(t, domain.DeploymentSucceeded, r.ride(t, deployment.TrainInput{OneApproval: true}).State)

	unapproved := newRack(t)
	unapproved.plan.Approval, unapproved.plan.ApprovalWithin = true, time.Hour
	require.Equal(t, domain.DeploymentRolledBack, unapproved.ride(t, deployment.TrainInput{}).State, "each asks for its own, and none came")
	require.Empty(t, unapproved.only(" Install"))
}

func TestAWordToTheTrainBringsAllBackWhileTheyAreWarm(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.env.RegisterDelayedCallback(func() { r.sayTo(t, deployment.TrainService, deployment.Rollback) }, 30*time.Minute)
	require.Equal(t, domain.DeploymentRolledBack, r.ride(t, deployment.TrainInput{}).State)
	require.Equal(t, []string{"app-1 Install 2.0", "jobs: app-1 Install 2.0", "jobs: app-1 Install 1.0", "app-1 Install 1.0"}, r.only(" Install"))
}
