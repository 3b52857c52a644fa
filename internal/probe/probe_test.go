package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/probe"
)

const digest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"

// release is a service that logs in with a password and counts what it answers.
func release(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, `{"session": {"token": "t-77"}, "items": [{"id": 5}]}`)
	})
	mux.HandleFunc("GET /me/t-77/5", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t-77" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"code": "unauthenticated", "detail": "s3cret"}`)
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, `# TYPE d histogram
d_bucket{status="200",le="0.1"} 8
d_bucket{status="200",le="+Inf"} 10
d_sum{status="200"} 1
d_count{status="200"} 10
d_bucket{status="503",le="0.1"} 1
d_bucket{status="503",le="+Inf"} 3
d_sum{status="503"} 1
d_count{status="503"} 3
`)
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", digest)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

type answers map[string]string

func (a answers) Value(_ context.Context, question string) (string, error) { return a[question], nil }

func smoke(t *testing.T, database probe.Database, tests ...domain.SmokeTest) (domain.StepOutcome, error) {
	t.Helper()
	for i := range tests {
		tests[i] = tests[i].WithDefaults()
	}
	p := probe.New(map[string]string{"password": "s3cret"}, database)
	return p.Smoke(t.Context(), deployment.SmokeInput{
		Plan: domain.DeploymentService{ReadyPath: "/readyz", VersionHeader: "X-Release", Smoke: tests}, Preview: release(t), Digest: digest,
	})
}

func TestSmokeTestsHandValuesOnAndPrintNoSecret(t *testing.T) {
	t.Parallel()
	login := domain.SmokeTest{Name: "log in", Method: "POST", Path: "/login", Body: `{"password": "{{password}}"}`, Save: map[string]string{"token": "session.token", "id": "items.0.id"}}
	me := domain.SmokeTest{Name: "me", Path: "/me/{{token}}/{{id}}", Headers: map[string]string{"Authorization": "Bearer {{token}}"}}
	got, err := smoke(t, answers{"1 + 1": "2"}, login, me, domain.SmokeTest{Name: "sums", SQL: "1 + 1", Equals: "2"})
	require.NoError(t, err)
	require.Contains(t, got.Output, "ok     me")

	me.Headers = map[string]string{"Authorization": "Bearer {{password}}"}
	got, err = smoke(t, nil, login, me)
	require.Equal(t, domain.CodeSmokeFailed, domain.CodeOf(err))
	require.ErrorContains(t, err, "answered 401, not 200: unauthenticated")
	require.NotContains(t, got.Output+err.Error(), "s3cret")
	for name, wrong := range map[string]domain.SmokeTest{
		"a value that nobody knows": {Name: "x", Path: "/{{nothing}}"},
		"no database":               {Name: "x", SQL: "1", Equals: "1"},
		"a text that is not there":  {Name: "x", Path: "/readyz", Contains: []string{"y"}},
		"nothing to save":           {Name: "x", Method: "POST", Path: "/login", Save: map[string]string{"a": "b.c"}},
	} {
		_, err := smoke(t, nil, wrong)
		require.Equal(t, domain.CodeSmokeFailed, domain.CodeOf(err), name)
	}
}

func TestWhatAnswersIsTheReleaseAndNoOther(t *testing.T) {
	t.Parallel()
	p := probe.New(nil, nil)
	plan := domain.DeploymentService{FrontDoor: release(t), FrontPath: "/open", ReadyPath: "/readyz", VersionHeader: "X-Release"}
	_, err := p.Confirm(t.Context(), deployment.ConfirmInput{Plan: plan, Digest: digest})
	require.NoError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = p.Confirm(short, deployment.ConfirmInput{Plan: plan, Digest: "another"})
	require.Equal(t, domain.CodeNotAvailable, domain.CodeOf(err))
	_, err = p.Smoke(t.Context(), deployment.SmokeInput{Plan: plan, Preview: plan.FrontDoor, Digest: "another"})
	require.Equal(t, domain.CodeSmokeFailed, domain.CodeOf(err))
}

func TestTheCountersOfAllInstancesAreAddedUp(t *testing.T) {
	t.Parallel()
	p, w := probe.New(nil, nil), domain.WatchPolicy{MetricsPath: "/metrics", Metric: "d", StatusLabel: "status"}
	got, err := p.Sample(t.Context(), w, []string{release(t), release(t)})
	require.NoError(t, err)
	require.Equal(t, []any{26.0, 6.0, []float64{.1}, []float64{18}}, []any{got.Requests, got.Errors, got.Seconds, got.Counts})
	w.Metric = "another"
	got, err = p.Sample(t.Context(), w, []string{release(t)})
	require.NoError(t, err)
	require.Zero(t, got.Requests)
	_, err = p.Sample(t.Context(), w, []string{release(t), "http://127.0.0.1:1"})
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "a sum without one of them would look like a step back")
}
