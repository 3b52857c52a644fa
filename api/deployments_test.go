package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

const idDeployment = "0195a1b2-0000-7000-8000-0000000000d1"

// approvalKey signs the words of tests.
var approvalKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// fakeDeployments has one service and one deployment, and notes what was asked for.
type fakeDeployments struct {
	record    domain.DeploymentRecord
	filter    domain.DeploymentFilter
	began     []domain.NewDeployment
	started   []deployment.Input
	trains    []deployment.TrainInput
	words     []string
	approvals []domain.Approval
	updates   []string
	joined    bool
	err       error
}

func newFakeDeployments() *fakeDeployments {
	digest := "sha256:" + strings.Repeat("2", 64)
	return &fakeDeployments{record: domain.DeploymentRecord{
		NewDeployment: domain.NewDeployment{
			DeploymentID: idDeployment, Environment: "production", Service: "api", Strategy: domain.BlueGreen, At: now, Reason: "Weekly release",
			Release: domain.Release{Version: "1.8.0", Digest: digest, Artifact: "https://releases.clinic.example/api-1.8.0.tar.gz"},
		},
		State: domain.DeploymentRunning, Step: "smoke tests",
		Steps: []domain.DeploymentStep{{Seq: 1, Name: "smoke tests", State: domain.DeploymentRunning, Started: now}},
	}}
}

func (f *fakeDeployments) Services(context.Context, time.Duration) ([]acts.ServiceState, error) {
	return []acts.ServiceState{{
		Plan: domain.DeploymentService{Environment: "production", Service: "api", Strategy: domain.BlueGreen, Approval: true},
		State: domain.ColoursState{Live: domain.Green, Revision: "r1", Colours: map[domain.Colour]domain.ColourState{
			domain.Green: {Digest: f.record.Release.Digest, Ready: 2, Wanted: 2}, domain.Blue: {},
		}},
	}, {
		Plan: domain.DeploymentService{Environment: "production", Service: "worker", Strategy: domain.WorkerFleet},
	}}, f.err
}

func (f *fakeDeployments) StartTrain(_ context.Context, in deployment.TrainInput) (string, bool, error) {
	f.trains = append(f.trains, in)
	return idDeployment, f.joined, f.err
}

func (f *fakeDeployments) Start(_ context.Context, in deployment.Input) (string, bool, error) {
	f.started = append(f.started, in)
	return idDeployment, f.joined, f.err
}

func (f *fakeDeployments) Say(_ context.Context, _ domain.NewDeployment, word, updateID string, a domain.Approval, _ time.Duration) error {
	f.words, f.updates, f.approvals = append(f.words, word), append(f.updates, updateID), append(f.approvals, a)
	return f.err
}

func (f *fakeDeployments) BeginDeployment(_ context.Context, n domain.NewDeployment) error {
	f.began = append(f.began, n)
	return nil
}

func (f *fakeDeployments) Deployment(_ context.Context, id string) (domain.DeploymentRecord, error) {
	if id != f.record.DeploymentID {
		return domain.DeploymentRecord{}, domain.Errorf(domain.CodeNotFound, "there is no such deployment")
	}
	return f.record, nil
}

func (f *fakeDeployments) DeploymentStep(_ context.Context, _ string, seq int) (domain.DeploymentStep, error) {
	if seq != 1 {
		return domain.DeploymentStep{}, domain.Errorf(domain.CodeNotFound, "there is no such step of a deployment")
	}
	s := f.record.Steps[0]
	s.Output = "ok     log in (41ms)"
	return s, nil
}

func (f *fakeDeployments) Deployments(_ context.Context, filter domain.DeploymentFilter) ([]domain.DeploymentRecord, error) {
	f.filter = filter
	return []domain.DeploymentRecord{f.record, f.record}[:min(2, filter.Limit)], nil
}

const deployBody = `{"environment":"production","service":"api","version":"1.8.0","artifact":"/releases/api.tar.gz","reason":"Weekly",` +
	`"digest":"sha256:2222222222222222222222222222222222222222222222222222222222222222"}`

func TestADeploymentIsBegunOrJoined(t *testing.T) {
	h := newHarness(t)
	ops, at := h.as(domain.RoleOps), "/v1/ops/deployments"
	begun := h.do(request{method: http.MethodPost, path: at, token: ops, body: deployBody, headers: []string{headerIdempotencyKey, "k1"}}).status(http.StatusAccepted)
	require.Equal(t, openapi.DeploymentStarted{ID: idDeployment}, decode[openapi.DeploymentStarted](begun))
	require.Equal(t, idAccount, h.deployments.started[0].By)
	require.Equal(t, domain.BlueGreen, h.deployments.began[0].Strategy)

	h.deployments.joined = true
	joined := h.do(request{method: http.MethodPost, path: at, token: ops, body: deployBody, headers: []string{headerIdempotencyKey, "k2"}}).status(http.StatusAccepted)
	require.True(t, decode[openapi.DeploymentStarted](joined).Joined)
	require.Len(t, h.deployments.began, 1, "another one's row is its own")

	other := strings.ReplaceAll(deployBody, "2222", "3333")
	refused := h.do(request{method: http.MethodPost, path: at, token: ops, body: other, headers: []string{headerIdempotencyKey, "k3"}}).problem(http.StatusConflict, domain.CodeConflict)
	require.Contains(t, refused.Detail, idDeployment)

	h.deployments.record.State = domain.DeploymentSucceeded
	h.do(request{method: http.MethodPost, path: at, token: ops, body: other, headers: []string{headerIdempotencyKey, "k4"}}).problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
}

func TestATrainIsJoinedByWhoAsksForTheSameAndByNobodyElse(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	const body = `{"environment":"production","reason":"Weekly","stops":[{"service":"api","version":"1.8.0","artifact":"/releases/api.tar.gz",` +
		`"digest":"sha256:2222222222222222222222222222222222222222222222222222222222222222"}]}`
	post := func(key, body string) reply {
		return h.do(request{method: http.MethodPost, path: "/v1/ops/trains", token: ops, body: body, headers: []string{headerIdempotencyKey, key}})
	}
	post("k1", body).status(http.StatusAccepted)
	require.Equal(t, domain.Train, h.deployments.began[0].Strategy)
	stop := body[strings.Index(body, `{"service"`):strings.LastIndex(body, "]")]
	post("twice", strings.Replace(body, stop, stop+","+stop, 1)).problem(http.StatusBadRequest, domain.CodeInvalid)
	post("unknown", strings.Replace(body, `"api"`, `"web"`, 1)).problem(http.StatusNotFound, domain.CodeNotFound)
	require.Len(t, h.deployments.trains, 1)

	h.deployments.joined, h.deployments.record.NewDeployment = true, h.deployments.began[0]
	same := strings.Replace(body, "Weekly", "The same, asked again", 1)
	require.True(t, decode[openapi.DeploymentStarted](post("k2", same).status(http.StatusAccepted)).Joined)
	for what, other := range map[string]string{
		"release":  strings.ReplaceAll(body, "2222", "3333"),
		"approval": strings.Replace(body, `"reason"`, `"one_approval":true,"reason"`, 1),
		"scripts":  strings.Replace(body, `"version"`, `"pass_old_scripts":true,"version"`, 1),
	} {
		refused := post(what, other).problem(http.StatusConflict, domain.CodeConflict)
		require.Contains(t, refused.Detail, "Deployment "+idDeployment+" of api@1.8.0 is under way", what)
	}
}

func TestATrainIsBegunAndJoinedByNoOtherOne(t *testing.T) {
	h := newHarness(t)
	stop := `{"service":"SERVICE","version":"1.8.0","artifact":"/api.tar.gz","digest":"sha256:` + strings.Repeat("2", 64) + `"}`
	worker := strings.ReplaceAll(stop, "SERVICE", "worker")
	post := func(key, stops string) reply {
		return h.do(request{
			method: http.MethodPost, path: "/v1/ops/trains", token: h.as(domain.RoleOps), headers: []string{headerIdempotencyKey, key},
			body: `{"environment":"production","reason":"Weekly","stops":[` + stops + `]}`,
		})
	}
	both := worker + "," + strings.ReplaceAll(stop, "SERVICE", "api")
	post("k1", both).status(http.StatusAccepted)
	require.Equal(t, "worker@1.8.0,api@1.8.0", h.deployments.began[0].Release.Version)
	post("k2", worker+","+worker).problem(http.StatusBadRequest, domain.CodeInvalid)
	post("k3", strings.ReplaceAll(stop, "SERVICE", "web")).problem(http.StatusNotFound, domain.CodeNotFound)
	require.Len(t, h.deployments.trains, 1)

	h.deployments.joined, h.deployments.record.NewDeployment = true, h.deployments.began[0]
	require.True(t, decode[openapi.DeploymentStarted](post("k4", both).status(http.StatusAccepted)).Joined)
	require.Contains(t, post("k5", worker).problem(http.StatusConflict, domain.CodeConflict).Detail, idDeployment)
	h.deployments.record.State = domain.DeploymentFailed
	post("k6", both).problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
}

func TestADeploymentThatCannotBeginSaysWhy(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	post := func(body string) reply {
		return h.do(request{method: http.MethodPost, path: "/v1/ops/deployments", token: ops, body: body, headers: []string{headerIdempotencyKey, "k"}})
	}
	post(strings.ReplaceAll(deployBody, `"api"`, `"web"`)).problem(http.StatusNotFound, domain.CodeNotFound)
	post(strings.ReplaceAll(deployBody, "sha256:", "latest")).problem(http.StatusBadRequest, domain.CodeInvalid)
	secret := strings.ReplaceAll(deployBody, "/releases/", "https://ops:s3cret@releases.clinic.example/")
	refused := post(secret).problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Contains(t, refused.Detail, "give the hosts their credentials")
	require.NotContains(t, refused.Detail, "s3cret")
	breaks := strings.ReplaceAll(deployBody, `"reason"`, `"schema":"breaks","reason"`)
	require.Contains(t, post(breaks).problem(http.StatusBadRequest, domain.CodeInvalid).Detail, "take it apart")
	h.deployments.err = domain.Errorf(domain.CodeNoDeployer, "no worker takes this job: start `careflow deploy-worker`")
	require.Contains(t, post(deployBody).problem(http.StatusConflict, domain.CodeNoDeployer).Detail, "careflow deploy-worker")
	require.Empty(t, h.deployments.started)
}

func TestAWordToADeploymentCarriesWhoSaidItWhyAndOurSignature(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	keys := domain.ApprovalKeys{"approvals": approvalKey.Public().(ed25519.PublicKey)}
	for word, update := range map[string]string{
		"approve": deployment.Approve, "pause": deployment.Pause, "resume": deployment.Resume, "abort": deployment.Abort, "rollback": deployment.Rollback,
	} {
		req := request{
			method: http.MethodPost, path: "/v1/ops/deployments/" + idDeployment + "/" + word, token: ops, body: `{"reason":"Seen by two"}`,
			headers: []string{headerIdempotencyKey, word},
		}
		got := decode[openapi.Deployment](h.do(req).status(http.StatusOK))
		require.Equal(t, idDeployment, got.ID)
		n := len(h.deployments.words) - 1
		require.Equal(t, update, h.deployments.words[n])
		a := h.deployments.approvals[n]
		require.Equal(t, "Seen by two", a.Reason)
		require.Equal(t, idAccount, a.By)
		require.NoError(t, keys.Check(a, domain.ApprovalSubject("deployment-production.api", idDeployment, update), now))
		h.do(req).status(http.StatusOK)
		require.Len(t, h.deployments.words, n+1, "the same key is the same word")
	}
	h.deployments.err = domain.Errorf(domain.CodeConflict, "the deployment has ended")
	late := request{method: http.MethodPost, path: "/v1/ops/deployments/" + idDeployment + "/abort", token: ops, body: `{"reason":"x"}`, headers: []string{headerIdempotencyKey, "late"}}
	h.do(late).problem(http.StatusConflict, domain.CodeConflict)
	h.deployments.err = nil
	h.do(late).status(http.StatusOK)
}

func TestDeploymentsAreListedInPagesAndShownWithTheirSteps(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	page := decode[openapi.DeploymentPage](h.get("/v1/ops/deployments?limit=1&service=api&state=running", ops).status(http.StatusOK))
	require.Len(t, page.Items, 1)
	require.Equal(t, domain.DeploymentFilter{Service: "api", State: domain.DeploymentRunning, Limit: 2}, h.deployments.filter)
	h.get("/v1/ops/deployments?cursor="+page.NextCursor, ops).status(http.StatusOK)
	require.Equal(t, []any{now, idDeployment}, []any{h.deployments.filter.BeforeAt, h.deployments.filter.BeforeID})

	got := decode[openapi.Deployment](h.get("/v1/ops/deployments/"+idDeployment, ops).status(http.StatusOK))
	require.Equal(t, "smoke tests", got.Steps[0].Name)
	step := decode[openapi.DeploymentStep](h.get("/v1/ops/deployments/"+idDeployment+"/steps/1", ops).status(http.StatusOK))
	require.Contains(t, step.Output, "log in")
	h.get("/v1/ops/deployments/"+idDeployment+"/steps/2", ops).problem(http.StatusNotFound, domain.CodeNotFound)

	services := decode[openapi.ServiceList](h.get("/v1/ops/services", ops).status(http.StatusOK))
	require.Equal(t, "green", string(services.Items[0].Live))
	require.Len(t, services.Items[0].Colours, 2)
}

func TestEveryAnswerNamesTheReleaseThatGaveIt(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	h := newHarness(t, func(c *Config) { c.Release = digest })
	require.Equal(t, digest, h.get("/healthz", "").Header().Get("X-Careflow-Release"))
	require.Equal(t, digest, h.get("/nowhere", "").Header().Get("X-Careflow-Release"))
	require.Empty(t, newHarness(t).get("/healthz", "").Header().Values("X-Careflow-Release"))
}
