package stories_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// deployWorker starts `careflow deploy-worker` with a file of services, which it gets and no
// more.
func deployWorker(t *testing.T, c *clinic.Clinic, services string) *testkit.Process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(file, []byte("services:\n"+services), 0o600))
	return testkit.StartProcess(t, "deploy-worker", []string{
		"CAREFLOW_ENV=development", "CAREFLOW_LOG_FORMAT=text", "CAREFLOW_TEMPORAL_ADDRESS=" + testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS"),
		"CAREFLOW_TEMPORAL_TASK_QUEUE=" + c.Queue, "CAREFLOW_PAYLOAD_KEYS=" + clinic.PayloadKeys, "CAREFLOW_WORKER_ADDRESS=127.0.0.1:0",
		"CAREFLOW_DEPLOY_SERVICES=" + file,
	})
}

// asked is a release as a request.
func asked(environment, service string, r domain.Release) openapi.DeploymentRequest {
	return openapi.DeploymentRequest{
		Environment: environment, Service: service, Version: r.Version, Digest: r.Digest, Artifact: r.Artifact, Reason: "A story",
	}
}

func deployment(t *testing.T, ops *clinic.User, id string) openapi.Deployment {
	t.Helper()
	a := ops.Do(http.MethodGet, "/v1/ops/deployments/"+id, nil)
	require.Equal(t, http.StatusOK, a.Status, a)
	var d openapi.Deployment
	require.NoError(t, json.Unmarshal(a.Body, &d))
	return d
}

// say says a word to a deployment.
func say(who *clinic.User, id, word string) clinic.Answer {
	return sayUnder(domain.NewID(), who, id, word)
}

// sayUnder is say with a key, which a repetition has again.
func sayUnder(key string, who *clinic.User, id, word string) clinic.Answer {
	return who.Do(http.MethodPost, "/v1/ops/deployments/"+id+"/"+word, openapi.DeploymentWord{Reason: "A story"}, "Idempotency-Key", key)
}

// reaches waits until a step of a deployment has begun, on a host where one is named.
func reaches(t *testing.T, c *clinic.Clinic, id, host, step string) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM deployment_steps WHERE deployment_id = $1 AND host = $2 AND name = $3`, id, host, step) > 0
	}, "%s reaches %s %s", id, host, step)
}
