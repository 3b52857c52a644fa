package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/sandbox"
)

// TestMain lets the test binary be the sandbox itself, so that it can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("SANDBOX_TEST_PROCESS") == "1" {
		os.Args = os.Args[:1]
		main()
		return
	}
	os.Exit(m.Run())
}

var served = regexp.MustCompile(`url=(http://\S+)`)

// start runs the sandbox as a process of its own and returns its URL.
func start(t *testing.T, state string, env ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append([]string{"SANDBOX_TEST_PROCESS=1", "SANDBOX_ADDRESS=127.0.0.1:0", "SANDBOX_STATE=" + state}, env...)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := served.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, stderr) }() // a full pipe would stop it
			return cmd, m[1]
		}
	}
	require.Fail(t, "the sandbox did not start")
	return nil, ""
}

func post(t *testing.T, url, key, form string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(form))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultStripeKey)
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestStateSurvivesKill9(t *testing.T) {
	state := filepath.Join(t.TempDir(), "sandbox.db")
	const form = "amount=8000&currency=eur&capture_method=manual"
	bodies := map[string]string{}
	for round := range 3 {
		process, url := start(t, state)
		for key, before := range bodies {
			status, body := post(t, url+"/v1/payment_intents", key, form)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, before, body, "the answer given before the kill is given again")
		}
		for n := range 5 {
			key := strings.Repeat("k", round*5+n+1)
			status, body := post(t, url+"/v1/payment_intents", key, form)
			require.Equal(t, http.StatusOK, status, body)
			bodies[key] = body
		}
		require.NoError(t, process.Process.Kill())
		require.Error(t, process.Wait())
	}
}

func TestInterruptEndsItCleanlyAndSecretsComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte("sk_test_from_file\n"), 0o600))
	process, url := start(t, "", "SANDBOX_STRIPE_KEY_FILE="+key)
	status, _ := post(t, url+"/v1/payment_intents", "k", "amount=8000&currency=eur")
	require.Equal(t, http.StatusUnauthorized, status, "the default key is not accepted any more")
	require.NoError(t, process.Process.Signal(os.Interrupt))
	require.NoError(t, process.Wait())
}
