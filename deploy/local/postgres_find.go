package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	_ "embed"
)

// oldestPostgres is the oldest major version that Careflow's schema and
// Temporal's both work on.
const oldestPostgres = 13

//go:embed install-postgresql.sh
var installScript string

// postgresBinaries is a folder with initdb and postgres, and their version.
type postgresBinaries struct {
	folder string
	major  int
}

func (b postgresBinaries) program(name string) string { return filepath.Join(b.folder, name) }

// findPostgres looks for server binaries: of the version that made the
// cluster, if there is one, else the newest.
func findPostgres(clusterMajor int) (postgresBinaries, bool) {
	var found []postgresBinaries
	for _, folder := range postgresFolders() {
		if major := postgresVersion(folder); major >= oldestPostgres {
			found = append(found, postgresBinaries{folder, major})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].major > found[j].major })
	for _, b := range found {
		if clusterMajor == 0 || b.major == clusterMajor {
			return b, true
		}
	}
	return postgresBinaries{}, false
}

func postgresFolders() []string {
	var folders []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(target))
		}
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		matches, _ := filepath.Glob(pattern)
		folders = append(folders, matches...)
	}
	return folders
}

// postgresVersion asks a folder's server for its major version; 0 is none.
func postgresVersion(folder string) int {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return 0
	}
	text, err := exec.Command(filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text)) // postgres (PostgreSQL) 15.18 (Debian …)
	if len(fields) < 3 {
		return 0
	}
	major, _, _ := strings.Cut(fields[2], ".")
	number, _ := strconv.Atoi(major)
	return number
}

// needPostgres finds server binaries or installs them from Debian's packages.
func needPostgres(ctx context.Context, out *console, clusterMajor int) (postgresBinaries, error) {
	if found, ok := findPostgres(clusterMajor); ok {
		return found, nil
	}
	if clusterMajor != 0 {
		if other, ok := findPostgres(0); ok {
			return postgresBinaries{}, fmt.Errorf(
				"the data folder was made by PostgreSQL %d, but only %d is installed: install that version, or start afresh with `make reset`",
				clusterMajor, other.major)
		}
	}
	if err := installPostgres(ctx, out); err != nil {
		return postgresBinaries{}, err
	}
	if found, ok := findPostgres(clusterMajor); ok {
		return found, nil
	}
	return postgresBinaries{}, errors.New("PostgreSQL was installed, but no usable server version was found under /usr/lib/postgresql")
}

func installPostgres(ctx context.Context, out *console) error {
	const advice = "install PostgreSQL 13 or newer with its contrib modules (Debian, Ubuntu: apt-get install postgresql postgresql-contrib) and run this again"
	shell, err := rootShell(ctx)
	if err != nil {
		return fmt.Errorf("PostgreSQL's server programs were not found, and %w: %s", err, advice)
	}
	out.step("PostgreSQL", "not installed: installing Debian's packages with apt-get, without their own cluster on 5432")
	log := filepath.Join(stateRoot(), "install-postgresql.log")
	return runLogged(ctx, out, oneShot{
		name: "apt-get", path: shell[0], args: shell[1:], env: os.Environ(), input: installScript, log: log,
	})
}
