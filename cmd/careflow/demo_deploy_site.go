package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/deploy/bluegreen"
	"github.com/careflow/careflow/internal/deployfile"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/hosts"
)

// demoSite is what stands before the colours, and who moves it.
type demoSite struct {
	front  string // base URL
	folder string
	place  *hosts.Host
	ending []func()
}

// demoServices is the file of services of the demonstration. {…} in lower case is filled in by
// the deploy worker.
const demoServices = `services:
  - environment: demo
    service: api
    strategy: blue_green
    target: host
    front_door: %[1]s
    warm: 5s
    watch: {for: 8s, every: 1s, fewest_requests: 50, pass_inconclusive: true, most_slower: 20, fast_enough: 500ms}
    smoke:
      - {name: it is healthy, path: /healthz}
      - {name: nobody is let in without a log-in, path: /v1/me, status: 401}
    host:
      folder: %[2]s/api
      colours: {blue: ["%[3]s"], green: ["%[4]s"]}
      run: ["{release}/serve"]
      environment: {CAREFLOW_HTTP_ADDRESS: "{address}", CAREFLOW_RELEASE: "{digest}", CAREFLOW_PROGRAM: "%[5]s", CAREFLOW_DEMO_COLOUR: "{colour}", CAREFLOW_DEMO_FLAG: "%[2]s/switch/live"}
      environment_file: %[6]s
      stop_within: 15s
      nginx: {flag: %[2]s/switch/live}
`

// openDemoSite starts nginx and a deploy worker.
func openDemoSite(ctx context.Context, d *deployDemo) (*demoSite, error) {
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = beside(cmp.Or(variables(d.in.environ)["CAREFLOW_HTTP_ADDRESS"], "127.0.0.1:8080"), 100+i); err != nil {
			return nil, fmt.Errorf("CAREFLOW_HTTP_ADDRESS: %w", err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(d.folder)
	if err != nil {
		return nil, err
	}
	environment, err := filepath.Abs(d.environment)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(folder, "switch"), 0o755); err != nil { //nolint:gosec // nginx runs as somebody else and reads it
		return nil, err
	}
	s := &demoSite{front: "http://" + addresses[0], folder: folder}
	services := filepath.Join(folder, "services.yaml")
	text := fmt.Sprintf(demoServices, s.front, folder, addresses[1], addresses[2], program, environment)
	if err := os.WriteFile(services, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if s.place, err = placeOf(services); err != nil {
		return nil, err
	}
	if err := s.startNginx(ctx, d.nginx, addresses); err != nil {
		return nil, errors.Join(err, s.close())
	}
	env := append(append([]string{}, d.in.environ...), "CAREFLOW_DEPLOY_SERVICES="+services, "CAREFLOW_WORKER_ADDRESS=127.0.0.1:0")
	if err := s.start("deploy-worker", exec.CommandContext(ctx, program, "deploy-worker"), env); err != nil { //nolint:gosec // this very program
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// placeOf opens the place of the only service of a file.
func placeOf(path string) (*hosts.Host, error) {
	list, err := deployfile.Read(path)
	if err != nil {
		return nil, err
	}
	open, err := openPlace(list[0])
	if err != nil {
		return nil, err
	}
	place, err := open()
	if err != nil {
		return nil, err
	}
	host, ok := place.(*hosts.Host)
	if !ok {
		return nil, errors.New("the demonstration's place is no host")
	}
	return host, nil
}

// startNginx runs nginx with the configuration that is shipped.
func (s *demoSite) startNginx(ctx context.Context, program string, addresses [3]string) error {
	filled := strings.NewReplacer(
		"127.0.0.1:8180", addresses[0], "127.0.0.1:8181", addresses[1], "127.0.0.1:8182", addresses[2],
		"/var/lib/careflow/switch/live", filepath.Join(s.folder, "switch", "live"),
	).Replace(bluegreen.Nginx)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // its workers must reach the flag below the state folder
	}
	config := fmt.Sprintf("%sdaemon off;\nworker_processes 1;\npid %[2]s/nginx.pid;\nevents { worker_connections 2048; }\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[2]s/body;\nproxy_temp_path %[2]s/proxy;\nfastcgi_temp_path %[2]s/fcgi;\nuwsgi_temp_path %[2]s/uwsgi;\nscgi_temp_path %[2]s/scgi;\n%[3]s\n}\n",
		user, s.folder, filled)
	path := filepath.Join(s.folder, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	return s.start("nginx", exec.CommandContext(ctx, program, "-e", filepath.Join(s.folder, "nginx.log"), "-c", path), os.Environ()) //nolint:gosec // the nginx that the caller named
}

// start runs a program until the demonstration ends.
func (s *demoSite) start(name string, cmd *exec.Cmd, env []string) error {
	log, err := os.Create(filepath.Join(s.folder, name+".out"))
	if err != nil {
		return err
	}
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s cannot be started: %w", name, err)
	}
	s.ending = append(s.ending, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
	})
	return nil
}

// close stops everything that the demonstration has started.
func (s *demoSite) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := len(s.ending) - 1; i >= 0; i-- {
		s.ending[i]()
	}
	return s.place.TakeDown(ctx)
}

// release makes a bundle whose script runs this very program as the API; before is shell that
// runs first.
func (s *demoSite) release(version, before string) (openapi.DeploymentRequest, error) {
	script := "#!/bin/sh\n" + before + `exec "$CAREFLOW_PROGRAM" api` + "\n"
	var bundle bytes.Buffer
	zip := gzip.NewWriter(&bundle)
	archive := tar.NewWriter(zip)
	for _, f := range [][2]string{{"serve", script}, {"VERSION", version + "\n"}} {
		err := archive.WriteHeader(&tar.Header{Name: f[0], Mode: 0o755, Size: int64(len(f[1]))})
		if err == nil {
			_, err = archive.Write([]byte(f[1]))
		}
		if err != nil {
			return openapi.DeploymentRequest{}, err
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		return openapi.DeploymentRequest{}, err
	}
	path := filepath.Join(s.folder, "api-"+version+".tar.gz")
	if err := os.WriteFile(path, bundle.Bytes(), 0o644); err != nil { //nolint:gosec // nothing secret is in it
		return openapi.DeploymentRequest{}, err
	}
	sum := sha256.Sum256(bundle.Bytes())
	return openapi.DeploymentRequest{
		Environment: "demo", Service: "api", Version: version, Digest: "sha256:" + hex.EncodeToString(sum[:]), Artifact: path,
		Reason: "Demonstration", Schema: openapi.DeploymentRequestSchema(domain.SchemaSame),
	}, nil
}
