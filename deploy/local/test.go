package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"sort"
	"strings"
	"syscall"
	"time"
)

type testOptions struct {
	kind           stackKind
	command        []string
	infrastructure bool
	keep           bool
}

// testLeavings are kept from one run to the next.
var testLeavings = []string{"logs", "bin"}

// test brings up a stack of its own, runs one command with its addresses in
// the environment and takes everything down, whatever happens. It ends with
// the command's exit status.
func test(ctx context.Context, out *console, options testOptions) error {
	if len(options.command) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitStatusError(2)
	}
	adoptOrphans()
	s, err := newStack(out, options.kind)
	if err != nil {
		return err
	}
	out.say("Stack for one command (state in %s)", shortPath(s.folder))
	if err := s.open(); err != nil {
		if errors.Is(err, errRunning) {
			return fmt.Errorf("another such stack (process %d) uses %s: wait for it, or set CAREFLOW_STATE and CAREFLOW_PORT_OFFSET to run one beside it",
				readRecord(s.folder).Supervisor.PID, s.folder)
		}
		s.release()
		return err
	}
	defer s.release()
	run, cancel := context.WithCancel(ctx)
	err = s.runTest(run, options)
	cancel()
	out.say("Taking the stack down")
	s.endStrays()
	s.close()
	s.endStrays()
	if !options.keep {
		if forgetErr := s.forget(testLeavings...); err == nil {
			err = forgetErr
		}
	}
	if errors.Is(err, errStopped) {
		return exitStatusError(130)
	}
	return err
}

func (s *stack) runTest(ctx context.Context, options testOptions) error {
	began := time.Now()
	if err := s.freshLogs(); err != nil {
		return err
	}
	tools, parts := []string{"temporal-server", "temporal-sql-tool"}, []func(context.Context) (*child, error){s.startPostgres, s.startTemporal}
	if s.ports.StripeMock != 0 {
		tools, parts = append(tools, "stripe-mock"), append(parts, s.startStripeMock)
	}
	if s.kind == kindTest {
		tools = append(tools, "temporal-ui", "versitygw") // for stories that bring up a stack of their own, and S3
	}
	if s.kind != kindKubernetes { // whose programs were built before, with a network
		if err := buildTools(ctx, s.out, toolFolder(), tools); err != nil {
			return err
		}
		if err := s.prepareTestBinaries(ctx, options); err != nil {
			return err
		}
	}
	if s.kind == kindTest && !options.infrastructure {
		var err error
		if s.chromium, err = needChromium(ctx, s.out); err != nil {
			return err
		}
		if s.proxies, err = needProxies(ctx, s.out); err != nil {
			return err
		}
		if s.promtool, err = needPromtool(ctx, s.out); err != nil {
			return err
		}
	}
	for _, start := range parts {
		c, err := start(ctx)
		if err != nil {
			return err
		}
		s.failOnDeath(ctx, c)
	}
	if !options.infrastructure {
		if err := s.prepareNamespace(ctx); err != nil {
			return err
		}
	}
	if s.kind == kindKubernetes {
		if err := s.startControlPlane(ctx); err != nil {
			return err
		}
	}
	settings := s.testSettings()
	if err := s.writeEnvironment("environment", overlay(nil, settings)); err != nil {
		return err
	}
	s.out.say("Ready after %s; by hand: set -a; . %s; set +a", rounded(time.Since(began)), shortPath(s.path("environment")))
	s.out.say("$ %s", strings.Join(options.command, " "))
	return s.runCommand(ctx, options.command, overlay(os.Environ(), settings))
}

// prepareTestBinaries fills the folder whose programs end-to-end tests start
// themselves.
func (s *stack) prepareTestBinaries(ctx context.Context, options testOptions) error {
	if !options.infrastructure {
		if err := s.buildProduct(ctx); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.path("bin"), 0o755); err != nil {
		return err
	}
	if s.ports.StripeMock == 0 {
		return nil
	}
	link := s.path("bin", "stripe-mock")
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(toolPath("stripe-mock"), link)
}

func (s *stack) testSettings() map[string]string {
	settings := map[string]string{
		"CAREFLOW_TEST_DATABASE_URL":     s.adminURL(),
		"CAREFLOW_TEST_TEMPORAL_ADDRESS": local(s.ports.Temporal),
		"CAREFLOW_TEST_BIN":              s.path("bin"),
		"CAREFLOW_TEST_CHROMIUM":         s.chromium,
		"CAREFLOW_TEST_PROMTOOL":         s.promtool,
		"CAREFLOW_TEST_NGINX":            s.proxies.nginx,
		"CAREFLOW_TEST_HAPROXY":          s.proxies.haproxy,
		// For a story that brings up a stack of its own, because it kills it.
		"CAREFLOW_TEST_TOOLS": toolFolder(),
		// The key that encrypted the payloads of the namespace's set-up.
		"CAREFLOW_TEST_PAYLOAD_KEYS": s.secrets.PayloadKeys,
	}
	if s.kind == kindKubernetes {
		maps.Copy(settings, s.kubernetesSettings())
	}
	if s.ports.StripeMock != 0 {
		settings["CAREFLOW_TEST_STRIPE_MOCK"] = "http://" + local(s.ports.StripeMock)
	}
	return settings
}

// failOnDeath ends the test when a part of its stack dies: what follows would
// only be noise.
func (s *stack) failOnDeath(ctx context.Context, c *child) {
	s.watching.Add(1)
	go func() {
		defer s.watching.Done()
		select {
		case <-ctx.Done():
		case <-c.done:
			s.giveUp(c.death())
		}
	}()
}

// runCommand runs the command in our own process group, so that it has the
// terminal, and ends it when the stack fails or we are told to stop.
func (s *stack) runCommand(ctx context.Context, command, environment []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment, os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = tied()
	if err := startCommand(cmd); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var why error
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return exitStatusError(128 + int(status.Signal()))
			}
			return exitStatusError(exit.ExitCode())
		}
		return err
	case <-ctx.Done():
		why = context.Cause(ctx)
	case why = <-s.failed:
		s.out.say("\n%v", why)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
	return why
}

// endStrays ends what the command left running: first kindly, then not.
func (s *stack) endStrays() {
	for attempt := range 50 {
		strays := descendants(s.groups())
		if len(strays) == 0 {
			return
		}
		signal := syscall.SIGTERM
		if attempt >= 30 {
			signal = syscall.SIGKILL
		}
		if attempt == 0 {
			names := make([]string, 0, len(strays))
			for _, pid := range strays {
				names = append(names, fmt.Sprintf("%s (%d)", commandName(pid), pid))
			}
			sort.Strings(names)
			s.out.say("The command left processes behind, ending them: %s", strings.Join(names, ", "))
		}
		if attempt%10 == 0 {
			for _, pid := range strays {
				_ = syscall.Kill(pid, signal)
			}
		}
		time.Sleep(tick)
	}
}
