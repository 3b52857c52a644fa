// Package site is a host for stories about deployments: two colours of the real API behind a
// real nginx or HAProxy, releases, and a deploy worker.
package site

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/deploy/bluegreen"
	"github.com/careflow/careflow/internal/deployfile"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/frontload"
	"github.com/careflow/careflow/internal/hosts"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Switch names what stands before the colours.
type Switch string

// What can stand before the colours.
const (
	Nginx   Switch = "nginx"
	HAProxy Switch = "haproxy"
)

// Options change a site.
type Options struct {
	Switch Switch
	// Service is YAML for the service beside what the site itself says.
	Service string
	// Run is the command that serves a release. Defaults to the product's API.
	Run string
}

// Site is one service on one host, for one test.
type Site struct {
	t testing.TB
	// Front is where everybody reaches the service; Blue and Green are the addresses of the
	// colours, host:port.
	Front, Blue, Green string
	// Folder is the service's.
	Folder string
	// Flag is nginx's, Socket HAProxy's.
	Flag, Socket string
	// Environment names the test, so that it meets no other one's deployment.
	Environment string
	// front is the process before the colours, config its configuration.
	front  *exec.Cmd
	config string
	// services is the path of the file of services.
	services string
	// WorkerEnv are the variables of a deploy worker.
	WorkerEnv []string
}

// New brings up what stands before the colours of a clinic's API, and writes the file of
// services. The deploy worker is started by the test.
func New(t testing.TB, c *clinic.Clinic, o Options) *Site {
	t.Helper()
	folder := t.TempDir()
	front := testkit.FreeAddress(t)
	s := &Site{
		t: t, Front: "http://" + front, Blue: testkit.FreeAddress(t), Green: testkit.FreeAddress(t), Folder: filepath.Join(folder, "api"),
		Flag: filepath.Join(folder, "switch", "live"), Socket: filepath.Join(folder, "haproxy.sock"), Environment: "t" + strings.ReplaceAll(domain.NewID(), "-", "")[18:],
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(s.Flag), 0o755))
	require.NoError(t, os.MkdirAll(s.Folder, 0o755))
	s.startFront(o.Switch, front)
	t.Cleanup(s.stopColours)

	// The API's own variables; what differs between the colours is in the services file.
	env := filepath.Join(folder, "api.env")
	require.NoError(t, os.WriteFile(env, []byte(strings.Join(append(c.Env(), "CAREFLOW_BIN="+testkit.Env(t, "CAREFLOW_TEST_BIN")), "\n")), 0o600))
	move := fmt.Sprintf("nginx: {flag: %q}", s.Flag)
	if o.Switch == HAProxy {
		move = fmt.Sprintf("haproxy: {socket: %q, backend: careflow}", s.Socket)
	}
	services := fmt.Sprintf(`services:
  - environment: %s
    service: api
    strategy: blue_green
    target: host
    front_door: %s
%s
    host:
      folder: %s
      colours: {blue: [%q], green: [%q]}
      run: ["{release}/serve"]
      environment: {CAREFLOW_HTTP_ADDRESS: "{address}", CAREFLOW_RELEASE: "{digest}", RELEASE: "{release}"}
      environment_file: %s
      stop_within: 10s
      %s
`, s.Environment, s.Front, indent(o.Service), s.Folder, s.Blue, s.Green, env, move)
	file := filepath.Join(folder, "services.yaml")
	s.services = file
	require.NoError(t, os.WriteFile(file, []byte(services), 0o600))
	s.WorkerEnv = []string{
		"CAREFLOW_ENV=development", "CAREFLOW_LOG_FORMAT=text", "CAREFLOW_TEMPORAL_ADDRESS=" + testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS"),
		"CAREFLOW_TEMPORAL_TASK_QUEUE=" + c.Queue, "CAREFLOW_PAYLOAD_KEYS=" + clinic.PayloadKeys, "CAREFLOW_WORKER_ADDRESS=127.0.0.1:0",
		"CAREFLOW_DEPLOY_SERVICES=" + file,
	}
	return s
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}

// serveAPI is the script of a release that runs the product's API.
const serveAPI = `#!/bin/sh
exec "$CAREFLOW_BIN/careflow" api
`

// Release makes a bundle whose script serves the product's API, or does what script says,
// and returns the request to deploy it.
func (s *Site) Release(version, script string) openapi.DeploymentRequest {
	s.t.Helper()
	if script == "" {
		script = serveAPI
	}
	var bundle bytes.Buffer
	zip := gzip.NewWriter(&bundle)
	archive := tar.NewWriter(zip)
	for name, content := range map[string]string{"serve": script, "VERSION": version + "\n"} {
		require.NoError(s.t, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, err := archive.Write([]byte(content))
		require.NoError(s.t, err)
	}
	require.NoError(s.t, archive.Close())
	require.NoError(s.t, zip.Close())
	sum := sha256.Sum256(bundle.Bytes())
	path := filepath.Join(s.t.TempDir(), version+".tar.gz")
	require.NoError(s.t, os.WriteFile(path, bundle.Bytes(), 0o600))
	return openapi.DeploymentRequest{
		Environment: s.Environment, Service: "api", Version: version, Digest: "sha256:" + hex.EncodeToString(sum[:]), Artifact: path, Reason: "A story",
	}
}

// Live is the digest that the front door gives, "" while it gives none.
func (s *Site) Live() string {
	resp, err := http.Get(s.Front + "/healthz")
	if err != nil {
		return ""
	}
	_ = resp.Body.Close()
	return resp.Header.Get("X-Careflow-Release")
}

// startFront runs nginx or HAProxy with the configuration that the product ships.
func (s *Site) startFront(kind Switch, address string) {
	s.t.Helper()
	shipped, program := bluegreen.Nginx, testkit.Env(s.t, "CAREFLOW_TEST_NGINX")
	if kind == HAProxy {
		shipped, program = bluegreen.HAProxy, testkit.Env(s.t, "CAREFLOW_TEST_HAPROXY")
	}
	folder := filepath.Dir(filepath.Dir(s.Flag))
	filled := strings.NewReplacer(
		"127.0.0.1:8180", address, "127.0.0.1:8181", s.Blue, "127.0.0.1:8182", s.Green,
		"/var/lib/careflow/switch/live", s.Flag, "/run/haproxy/careflow.sock", s.Socket,
	).Replace(shipped)
	args := []string{"-f"}
	if kind != HAProxy {
		filled = fmt.Sprintf("daemon off;\nworker_processes 1;\npid %[1]s/nginx.pid;\nerror_log %[1]s/nginx.log;\nevents { worker_connections 2048; }\nhttp {\naccess_log off;\nclient_body_temp_path %[1]s/body;\nproxy_temp_path %[1]s/proxy;\nfastcgi_temp_path %[1]s/fcgi;\nuwsgi_temp_path %[1]s/uwsgi;\nscgi_temp_path %[1]s/scgi;\n%[2]s\n}\n", folder, filled)
		if os.Geteuid() == 0 {
			filled = "user root;\n" + filled
		}
		args = []string{"-e", filepath.Join(folder, "nginx.log"), "-c"}
	}
	s.config = filepath.Join(folder, string(kind)+".conf")
	require.NoError(s.t, os.WriteFile(s.config, []byte(filled), 0o600))
	s.front = exec.Command(program, append(args, s.config)...)
	s.front.Stdout, s.front.Stderr = s.t.Output(), s.t.Output()
	s.front.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	require.NoError(s.t, s.front.Start())
	done := make(chan struct{})
	go func() { _ = s.front.Wait(); close(done) }()
	s.t.Cleanup(func() { _ = s.front.Process.Signal(syscall.SIGTERM); <-done })
	testkit.Eventually(s.t, func() bool {
		resp, err := http.Get(s.Front + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	}, "%s answers", program)
}

// Load sends requests to the front door until the test ends. token is somebody's who may read
// the visit.
func (s *Site) Load(perSecond int, token, visit string) *frontload.Load {
	l := frontload.Start(frontload.Plan{Front: s.Front, PerSecond: perSecond, Token: token, Slow: "/v1/appointments/" + visit + "?after_version=1000000"})
	s.t.Cleanup(l.Stop)
	return l
}

// Place is the place of the service, as the deploy worker opens it, and its plan.
func (s *Site) Place() (*hosts.Host, domain.DeploymentService) {
	s.t.Helper()
	list, err := deployfile.Read(s.services)
	require.NoError(s.t, err)
	var section hosts.Config
	require.NoError(s.t, deployfile.Decode(list[0].Place, &section))
	place, err := hosts.New(section)
	require.NoError(s.t, err)
	return place, list[0].DeploymentService
}

// Reload switches as the product never does: the configuration is written anew, and nginx
// gets SIGHUP.
func (s *Site) Reload(to domain.Colour) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	require.NoError(s.t, err)
	changed := regexp.MustCompile(`set \$careflow_colour careflow_\w+;`).ReplaceAll(text, []byte("set $$careflow_colour careflow_"+string(to)+";"))
	require.NoError(s.t, os.WriteFile(s.config, changed, 0o600))
	require.NoError(s.t, s.front.Process.Signal(syscall.SIGHUP))
}

// stopColours ends the processes of both colours, which outlive their deploy worker.
func (s *Site) stopColours() {
	files, _ := filepath.Glob(filepath.Join(s.Folder, "run", "*.json"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		var pid int
		if _, scan := fmt.Sscanf(string(text), `{"pid":%d`, &pid); err == nil && scan == nil && pid > 1 {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
}
