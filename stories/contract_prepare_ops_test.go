package stories_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// deployables are services on a host that has no agent: what is deployed to them waits for a
// word, or fails.
var deployables = []string{"api", "web", "jobs", "notes", "letters", "archive"}

// startDeployWorker starts a deploy worker with an environment for each preparation: a service
// has one deployment at a time, and an environment one train.
func (r *contractRun) startDeployWorker() {
	var services strings.Builder
	for range 8 {
		r.environments = append(r.environments, "t"+word()[18:])
		for _, service := range deployables {
			_, _ = fmt.Fprintf(&services, "  - {environment: %s, service: %s, strategy: one_at_a_time, hosts: [nobody]}\n", r.environments[len(r.environments)-1], service)
		}
	}
	deployWorker(r.t, r.c, services.String())
}

func (r *contractRun) environment() (name string) {
	name, r.environments = r.environments[0], r.environments[1:]
	return name
}

var contractRelease = domain.Release{Version: "1.0", Digest: "sha256:" + strings.Repeat("c", 64), Artifact: "/releases/api.tar.zst"}

// deployable is what can be asked to be deployed, and a release.
func (r *contractRun) deployable() known {
	return known{
		"environment": {r.environment()}, "service": deployables, "version": {contractRelease.Version}, "digest": {contractRelease.Digest},
		"artifact": {contractRelease.Artifact}, "schema": {"expands"}, "smoke": {},
	}
}

// waitingTrain is a train that waits for its approval.
func (r *contractRun) waitingTrain() known {
	in := openapi.TrainRequest{Environment: r.environment(), Reason: "A story", OneApproval: true, Stops: []openapi.TrainStop{
		{Service: "api", Version: contractRelease.Version, Digest: contractRelease.Digest, Artifact: contractRelease.Artifact},
	}}
	var started openapi.DeploymentStarted
	testkit.Eventually(r.t, func() bool {
		a := r.users["ops"].Do(http.MethodPost, "/v1/ops/trains", in, "Idempotency-Key", domain.NewID())
		return a.Status == http.StatusAccepted && json.Unmarshal(a.Body, &started) == nil
	}, "a train begins")
	deployed(r.t, r.users["ops"], started.ID, domain.DeploymentWaiting)
	return known{"deployment_id": {started.ID}}
}

// deployed is a deployment that has ended, as its process would have kept it.
func (r *contractRun) deployed() known {
	id := domain.NewID()
	r.c.Exec(`INSERT INTO deployments (id, environment, service, strategy, version, digest, artifact, reason, state, started_at, ended_at)
		VALUES ($1, 'production', 'api', 'blue_green', '1', 'sha256:0', '/api.tar.gz', 'Weekly', 'succeeded', now(), now())`, id)
	r.c.Exec(`INSERT INTO deployment_steps (deployment_id, seq, name, state, started_at, ended_at, output)
		VALUES ($1, 1, 'smoke tests', 'running', now(), now(), 'ok')`, id)
	return known{"deployment_id": {id}}
}

// waitingRestore is a restore that waits for more people than there are, with a visit in its
// list.
func (r *contractRun) waitingRestore() known {
	r.savedBackup()
	var id string
	testkit.Eventually(r.t, func() bool {
		_ = r.users["ops"].Do(http.MethodPost, "/v1/ops/restores", openapi.RestoreRequest{Target: "clinic", Reason: "A story"}) // or there is one
		return r.c.DB.QueryRow(r.t.Context(), `SELECT id::text FROM restore_logs WHERE state = 'awaiting_approval'`).Scan(&id) == nil
	}, "a restore waits for people")
	r.c.Exec(`INSERT INTO restore_visits (restore_id, appointment_id, record)
		SELECT $1::uuid, v, jsonb_build_object('appointment_id', v, 'why', 'no_row', 'booked_at', '2026-03-02T10:00:00Z', 'process', 'running',
			'status', 'confirmed', 'version', 3) FROM gen_random_uuid() v`, id)
	return known{"restore_id": {id}, "cursor": {}}
}

// restorable is a backup while nothing is restored: a target has one restore at a time.
func (r *contractRun) restorable() known {
	k := r.savedBackup()
	testkit.Eventually(r.t, func() bool {
		var id string
		if err := r.c.DB.QueryRow(r.t.Context(), `SELECT id::text FROM restore_logs WHERE finished_at IS NULL`).Scan(&id); err != nil {
			return true
		}
		_ = r.users["ops"].Do(http.MethodPost, "/v1/ops/restores/"+id+"/words", openapi.RestoreDecision{Word: openapi.RestoreWordAbort, Reason: "A story"})
		return false
	}, "no restore is under way")
	return known{"target": {"clinic"}, "backup_id": k["backup_id"], "before": {}}
}
