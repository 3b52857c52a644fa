package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// insideVariable marks the run of this program that is in a network of its own.
const insideVariable = "CAREFLOW_LOCAL_INSIDE"

// testOnKubernetes prepares, with the machine's network, everything that has to be
// fetched, installed or built, and then runs this program again in a network of its own,
// where the stack and the command live: pods need addresses, and nothing there can
// collide with what else the machine does.
func testOnKubernetes(ctx context.Context, out *console, options testOptions) error {
	options.kind = kindKubernetes
	if os.Getenv(insideVariable) != "" {
		if err := furnish(podNetwork, serviceNetwork); err != nil {
			return err
		}
		return test(ctx, out, options)
	}
	if len(options.command) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitStatusError(2)
	}
	if err := prepareForInside(ctx, out); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Nothing can be fetched inside: better a plain error than a wait for a name server.
	cmd.Env = overlay(os.Environ(), map[string]string{insideVariable: "1", "GOPROXY": "off", "GOFLAGS": os.Getenv("GOFLAGS") + " -mod=readonly"})
	ownNetwork(cmd)
	if err := startCommand(cmd); err != nil {
		if errors.Is(err, syscall.EPERM) {
			return fmt.Errorf("no network namespace can be made (%w): run this as root, or let users make namespaces (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)", err)
		}
		return err
	}
	return awaitInside(ctx, cmd)
}

// prepareForInside builds the tools and the product's programs, finds PostgreSQL, and
// fetches what tests are compiled from.
func prepareForInside(ctx context.Context, out *console) error {
	s, err := newStack(out, kindKubernetes)
	if err != nil {
		return err
	}
	if err := buildTools(ctx, out, toolFolder(), kubernetesTools); err != nil {
		return err
	}
	if _, err := needPostgres(ctx, out, clusterMajor(s.clusterFolder())); err != nil {
		return err
	}
	if err := s.buildProduct(ctx); err != nil {
		return err
	}
	return runLogged(ctx, out, oneShot{
		name: "go list", path: "go", args: []string{"list", "-deps", "-test", "-tags", "kubernetes", "./..."},
		env: os.Environ(), log: filepath.Join(s.folder, "logs", "fetch.log"),
	})
}

var kubernetesTools = []string{"temporal-server", "temporal-sql-tool", "kustomize", "kubernetes"}

// awaitInside passes a request to stop on, and waits for the stack to be taken down.
func awaitInside(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = cmd.Process.Signal(syscall.SIGTERM) // a Ctrl-C has reached it by itself; one more is for that
		select {
		case err = <-ended:
		case <-time.After(2 * time.Minute):
			_ = cmd.Process.Kill()
			err = <-ended
		}
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitStatusError(max(exit.ExitCode(), 1))
	}
	return err
}
