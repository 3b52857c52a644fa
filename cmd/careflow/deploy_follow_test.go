package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
)

// What is deployed may be the API that is asked, or the proxy before it: who waits for the end
// of a deployment, such as a pipeline, is not told that it failed.
func TestFollowingADeploymentOutlivesTheAPIsReplacement(t *testing.T) {
	t.Parallel()
	var looks atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/sessions" {
			_ = json.NewEncoder(w).Encode(openapi.Session{AccessToken: "token"})
			return
		}
		d := openapi.Deployment{ID: "d1", Service: "api", Version: "2.0", State: "running"}
		switch looks.Add(1) {
		case 1:
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks off
		case 3:
			w.WriteHeader(http.StatusBadGateway)
			return
		default:
			d.State = "succeeded"
		}
		_ = json.NewEncoder(w).Encode(d)
	}))
	t.Cleanup(s.Close)
	r := careflow(t.Context(), []string{"CAREFLOW_CLI_URL=" + s.URL, "CAREFLOW_CLI_EMAIL=ops@x", "CAREFLOW_CLI_PASSWORD=p"}, "deploy", "follow", "d1", "--wait", "end")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.out, "succeeded")
	require.EqualValues(t, 4, looks.Load())
}

func TestAnAPIThatWasNeverThereIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	r := careflow(t.Context(), []string{"CAREFLOW_CLI_URL=" + s.URL, "CAREFLOW_CLI_TOKEN=token"}, "deploy", "follow", "d1")
	require.NotZero(t, r.code)
	require.Contains(t, r.errors, "does not answer")
}
