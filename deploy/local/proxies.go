package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed install-proxies.sh
var installProxiesScript string

// proxies are the programs that switch between two colours.
type proxies struct{ nginx, haproxy string }

// findProxies looks for both, also where only root's PATH leads.
func findProxies() (p proxies, ok bool) {
	p.nginx, p.haproxy = findProxy("CAREFLOW_TEST_NGINX", "nginx"), findProxy("CAREFLOW_TEST_HAPROXY", "haproxy")
	return p, p.nginx != "" && p.haproxy != ""
}

func findProxy(variable, name string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}

// needProxies finds nginx and HAProxy or installs Debian's.
func needProxies(ctx context.Context, out *console) (proxies, error) {
	if p, ok := findProxies(); ok {
		return p, nil
	}
	const advice = "install nginx and haproxy (Debian: apt-get install nginx haproxy), or say where they are in CAREFLOW_TEST_NGINX and CAREFLOW_TEST_HAPROXY, and run this again"
	shell, err := rootShell(ctx)
	if err != nil {
		return proxies{}, fmt.Errorf("nginx or HAProxy was not found, and %w: %s", err, advice)
	}
	out.step("nginx", "nginx and HAProxy are not installed: installing Debian's with apt-get, for deployments")
	err = runLogged(ctx, out, oneShot{
		name: "apt-get", path: shell[0], args: shell[1:], env: os.Environ(), input: installProxiesScript,
		log: filepath.Join(stateRoot(), "install-proxies.log"),
	})
	if err != nil {
		return proxies{}, err
	}
	if p, ok := findProxies(); ok {
		return p, nil
	}
	return proxies{}, errors.New("the packages were installed, but there are no programs nginx and haproxy: " + advice)
}
