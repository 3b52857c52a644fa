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

//go:embed install-chromium.sh
var installChromiumScript string

// findChromium looks for a browser that the tests of the pages can drive. Ubuntu's package
// chromium-browser is a wrapper around a snap, which is no program before it is installed.
func findChromium() (string, bool) {
	if path := os.Getenv("CAREFLOW_TEST_CHROMIUM"); path != "" {
		return path, true
	}
	for _, name := range []string{"chromium", "google-chrome", "chromium-browser"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// needChromium finds a browser or installs Debian's.
func needChromium(ctx context.Context, out *console) (string, error) {
	if path, ok := findChromium(); ok {
		return path, nil
	}
	const advice = "install Chromium or Chrome (Debian: apt-get install chromium), or say where it is in CAREFLOW_TEST_CHROMIUM, and run this again"
	shell, err := rootShell(ctx)
	if err != nil {
		return "", fmt.Errorf("no Chromium was found to test the pages with, and %w: %s", err, advice)
	}
	out.step("Chromium", "not installed: installing Debian's package with apt-get, for the tests of the pages")
	err = runLogged(ctx, out, oneShot{
		name: "apt-get", path: shell[0], args: shell[1:], env: os.Environ(), input: installChromiumScript,
		log: filepath.Join(stateRoot(), "install-chromium.log"),
	})
	if err != nil {
		return "", err
	}
	if path, ok := findChromium(); ok {
		return path, nil
	}
	return "", errors.New("Chromium's package was installed, but there is no program of that name: " + advice)
}

// rootShell is a shell that may install packages.
func rootShell(ctx context.Context) ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, errors.New("there is no apt-get to install it with")
	}
	shell := []string{"sh", "-s"}
	if os.Geteuid() != 0 {
		// -n: a password prompt in the middle of progress lines would be missed.
		if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
			return nil, errors.New("sudo without a password is not available")
		}
		shell = append([]string{"sudo", "-n"}, shell...)
	}
	return shell, nil
}
