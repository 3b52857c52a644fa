package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed unpack-promtool.sh
var unpackPromtoolScript string

func findPromtool() (string, bool) {
	if path := os.Getenv("CAREFLOW_TEST_PROMTOOL"); path != "" {
		return path, true
	}
	for _, candidate := range []string{toolPath("promtool"), "promtool"} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, true
		}
	}
	return "", false
}

// needPromtool finds the program that tests alert rules, or takes it out of Debian's package
// into the tool folder.
func needPromtool(ctx context.Context, out *console) (string, error) {
	if path, ok := findPromtool(); ok {
		return path, nil
	}
	shell, err := rootShell(ctx)
	if err != nil {
		return "", fmt.Errorf("promtool was not found, to test the alert rules with, and %w: install it (Debian: the package prometheus), "+
			"or say where it is in CAREFLOW_TEST_PROMTOOL, and run this again", err)
	}
	out.step("promtool", "not installed: taking it out of Debian's package prometheus, for the tests of the alert rules")
	if err := os.MkdirAll(toolFolder(), 0o755); err != nil {
		return "", err
	}
	err = runLogged(ctx, out, oneShot{
		name: "apt-get", path: shell[0], args: append(shell[1:], "--", toolFolder()), env: os.Environ(),
		input: unpackPromtoolScript, log: filepath.Join(stateRoot(), "unpack-promtool.log"),
	})
	if err != nil {
		return "", err
	}
	return toolPath("promtool"), nil
}
