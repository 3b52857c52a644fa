package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// tool is a program pinned in a module of its own under tools/, apart from the
// product's dependencies.
type tool struct {
	module  string
	command string
}

var tools = map[string]tool{
	"temporal-server":   {"temporal", "go.temporal.io/server/cmd/server"},
	"temporal-sql-tool": {"temporal", "go.temporal.io/server/cmd/tools/sql"},
	"temporal-ui":       {"temporal-ui", "github.com/temporalio/ui-server/v2/cmd/server"},
	"stripe-mock":       {"stripe-mock", "github.com/stripe/stripe-mock"},
	"versitygw":         {"versitygw", "github.com/versity/versitygw/cmd/versitygw"},
	"golangci-lint":     {"lint", "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"},
	"actionlint":        {"actionlint", "github.com/rhysd/actionlint/cmd/actionlint"},
	"workflowcheck":     {"lint", "go.temporal.io/sdk/contrib/tools/workflowcheck"},
	"oapi-codegen":      {"generate", "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"},
	"sqlc":              {"generate", "github.com/sqlc-dev/sqlc/cmd/sqlc"},
	"kubernetes":        {"kubernetes", "."},
	"kustomize":         {"kustomize", "sigs.k8s.io/kustomize/kustomize/v5"},
}

// slowModules are those whose first build takes minutes.
var slowModules = map[string]string{
	"temporal":   " (takes minutes the first time)",
	"lint":       " (takes minutes the first time)",
	"kubernetes": " (takes some ten minutes the first time)",
}

func toolPath(name string) string { return filepath.Join(toolFolder(), name) }

// buildTools builds the named tools unless they are there already, built from
// the same versions by the same Go.
func buildTools(ctx context.Context, out *console, folder string, names []string) error {
	if err := os.MkdirAll(filepath.Join(folder, ".stamps"), 0o755); err != nil {
		return err
	}
	lock, err := lockFile(ctx, out, filepath.Join(folder, ".stamps", "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, name := range names {
		t, known := tools[name]
		if !known {
			return fmt.Errorf("there is no pinned tool %q", name)
		}
		if err := t.build(ctx, out, folder, name); err != nil {
			return err
		}
	}
	return nil
}

// lockFile keeps two runs from building the same tool at once.
func lockFile(ctx context.Context, out *console, path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for said := false; ; said = true {
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return lock, nil
		}
		if !said {
			out.step("tools", "waiting for another run that builds tools")
		}
		select {
		case <-ctx.Done():
			lock.Close()
			return nil, context.Cause(ctx)
		case <-time.After(tick):
		}
	}
}

func (t tool) build(ctx context.Context, out *console, folder, name string) error {
	module := filepath.Join("tools", t.module)
	version, err := t.version(module)
	if err != nil {
		return fmt.Errorf("tool %s: %w (run this from the root of the checkout)", name, err)
	}
	path, stamp := filepath.Join(folder, name), filepath.Join(folder, ".stamps", name)
	if built, err := os.ReadFile(stamp); err == nil && string(built) == version {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
	}
	began := time.Now()
	out.step("tools", "building %s%s", name, slowModules[t.module])
	log := filepath.Join(filepath.Dir(folder), "build-"+name+".log")
	if err := goBuild(ctx, out, "tools", build{module: module, command: t.command, path: path, log: log}); err != nil {
		return err
	}
	out.step("tools", "built %s (%s)", name, rounded(time.Since(began)))
	return replaceFile(stamp, []byte(version), 0o644)
}

// version identifies what a build would give.
func (t tool) version(module string) (string, error) {
	names := []string{filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")}
	own, err := filepath.Glob(filepath.Join(module, "*.go")) // of a tool that is put together here
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range append(names, own...) {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		sum.Write(content)
	}
	return fmt.Sprintf("%x %s %s/%s", sum.Sum(nil), runtime.Version(), runtime.GOOS, runtime.GOARCH), nil
}

// build is one command to build: from the module in a folder, to a path.
type build struct{ module, command, path, log string }

// goBuild builds a command without cgo, so that no C compiler is needed, and
// says now and then how many of its packages it has come through.
func goBuild(ctx context.Context, out *console, part string, b build) error {
	total := countPackages(ctx, b)
	var compiled atomic.Int64
	progress, writer := io.Pipe()
	defer writer.Close()
	file, err := os.Create(b.log)
	if err != nil {
		return err
	}
	defer file.Close()
	go func() { // go build -v prints a line for each package it compiles
		lines := bufio.NewScanner(progress)
		for lines.Scan() {
			fmt.Fprintln(file, lines.Text())
			compiled.Add(1)
		}
	}()

	fresh := b.path + ".new"
	cmd := exec.Command("go", "build", "-v", "-buildvcs=false", "-o", fresh, b.command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.module, writer, writer
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.SysProcAttr = ownGroup(nil, syscall.SIGTERM)
	began := time.Now()
	if err := startCommand(cmd); err != nil {
		return err
	}
	err = await(ctx, cmd, func() {
		out.step(part, "%s: %d of at most %d packages compiled (%s)", filepath.Base(b.path), compiled.Load(), total, rounded(time.Since(began)))
	})
	if err != nil {
		return fmt.Errorf("building %s: %w\n%s", filepath.Base(b.path), err, quoteLog(b.log, 15))
	}
	return os.Rename(fresh, b.path)
}

func countPackages(ctx context.Context, b build) int {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", b.command)
	cmd.Dir = b.module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	list, err := cmd.Output()
	if err != nil {
		return 0 // the build will say what is wrong
	}
	return strings.Count(string(list), "\n")
}

func fingerprint(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
