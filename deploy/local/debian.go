package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed unpack-debian.sh
var unpackDebianScript string

// debianProgram is a program that tests of production's files run, and the package of
// Debian and Ubuntu that holds it.
type debianProgram struct {
	variable string // names its path for the tests, and may name another
	pkg      string
	path     string // within the package
	purpose  string
}

// debianPrograms are what the tests in deploy need beside the stack.
var debianPrograms = []debianProgram{
	{variable: "CAREFLOW_TEST_PROMTOOL", pkg: "prometheus", path: "usr/bin/promtool", purpose: "the tests of the alert rules"},
}

func (p debianProgram) find() (string, bool) {
	if path := os.Getenv(p.variable); path != "" {
		return path, true
	}
	name := filepath.Base(p.path)
	// A user's PATH often lacks sbin.
	for _, candidate := range []string{toolPath(name), name, "/" + p.path} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, true
		}
	}
	return "", false
}

// need finds the program, or takes it out of its package into the tool folder.
func (p debianProgram) need(ctx context.Context, out *console) (string, error) {
	if path, ok := p.find(); ok {
		return path, nil
	}
	name := filepath.Base(p.path)
	advice := fmt.Sprintf("install it (Debian: the package %s), or say where it is in %s, and run this again", p.pkg, p.variable)
	shell, err := rootShell(ctx)
	if err != nil {
		return "", fmt.Errorf("%s was not found, for %s, and %w: %s", name, p.purpose, err, advice)
	}
	out.step(name, "not installed: taking it out of Debian's package %s, for %s", p.pkg, p.purpose)
	if err := os.MkdirAll(toolFolder(), 0o755); err != nil {
		return "", err
	}
	err = runLogged(ctx, out, oneShot{
		name: "apt-get", path: shell[0], args: append(shell[1:], "--", p.pkg, p.path, toolFolder()), env: os.Environ(),
		input: unpackDebianScript, log: filepath.Join(stateRoot(), "unpack-"+name+".log"),
	})
	if err != nil {
		return "", err
	}
	return toolPath(name), nil
}

// needDebianPrograms returns where each is, by its variable.
func needDebianPrograms(ctx context.Context, out *console) (map[string]string, error) {
	found := map[string]string{}
	for _, p := range debianPrograms {
		path, err := p.need(ctx, out)
		if err != nil {
			return nil, err
		}
		found[p.variable] = path
	}
	return found, nil
}
