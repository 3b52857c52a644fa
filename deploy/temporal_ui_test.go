package deploy_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/testkit"
)

// startUI starts Temporal UI, which holds a certificate and no token, and returns its address.
func (p productionTemporal) startUI() string {
	p.t.Helper()
	address := testkit.FreeAddress(p.t)
	host, port, err := net.SplitHostPort(address)
	require.NoError(p.t, err)
	require.NoError(p.t, os.Mkdir(p.at("ui"), 0o700))
	settings := fmt.Sprintf("temporalGrpcAddress: %q\nhost: %s\nport: %s\nenableUi: true\ndisableNewsFetch: true\n"+
		"tls: {caFile: %q, certFile: %q, keyFile: %q, serverName: temporal.clinic.internal, enableHostVerification: true}\n",
		p.address, host, port, p.at("server-ca.pem"), p.at("worker.pem"), p.at("worker.key"))
	require.NoError(p.t, os.WriteFile(p.at("ui/production.yaml"), []byte(settings), 0o600))
	ui := exec.Command(filepath.Join(testkit.Env(p.t, "CAREFLOW_TEST_TOOLS"), "temporal-ui"), "--root", p.folder, "--config", "ui", "--env", "production", "start")
	require.NoError(p.t, ui.Start())
	p.t.Cleanup(func() {
		_ = ui.Process.Signal(syscall.SIGTERM)
		_ = ui.Wait()
	})
	testkit.Eventually(p.t, func() bool {
		resp, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}, "Temporal UI answers")
	return address
}

// throughUI asks the UI about a workflow as a browser does behind a proxy that sets token.
func (p productionTemporal) throughUI(address, method, workflow, token string) int {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+address+"/api/v1/namespaces/careflow/workflows/"+workflow, strings.NewReader("{}"))
	require.NoError(p.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.AddCookie(&http.Cookie{Name: "_csrf", Value: "of-this-browser"})
	request.Header.Set("X-CSRF-Token", "of-this-browser")
	resp, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	require.NoError(p.t, resp.Body.Close())
	return resp.StatusCode
}
