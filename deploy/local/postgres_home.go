package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// clusterFolder is where the cluster is, or will be unless its user cannot go
// there: beside the other state, or where an earlier start noted.
func (s *stack) clusterFolder() string {
	if elsewhere, err := os.ReadFile(s.clusterNote()); err == nil {
		return strings.TrimSpace(string(elsewhere))
	}
	return s.path("postgres")
}

func (s *stack) clusterNote() string { return s.path("postgres-folder") }

// clusterHome decides who runs the server and where its data lives. As root
// that is the user "postgres", who cannot enter a closed home folder: the data
// then goes where he can reach it, and the state folder keeps its address.
func (s *stack) clusterHome() (cluster, error) {
	home := cluster{folder: s.clusterFolder()}
	if os.Geteuid() != 0 {
		return home, nil
	}
	account, name, err := unprivilegedAccount(home.folder)
	if err != nil {
		return cluster{}, err
	}
	home.account = account
	if home.folder != s.path("postgres") || canEnter(s.folder, account) {
		return home, nil
	}
	for _, parent := range []string{"/var/lib/careflow-local", "/var/tmp/careflow-local"} {
		folder := filepath.Join(parent, fingerprint([]byte(s.folder))[:12], string(s.kind))
		if openPath(folder) != nil || !canEnter(folder, account) {
			continue
		}
		home.folder = filepath.Join(folder, "postgres")
		s.out.step("PostgreSQL", "user %s cannot enter %s: keeping the data in %s", name, s.folder, home.folder)
		return home, replaceFile(s.clusterNote(), []byte(home.folder+"\n"), 0o644)
	}
	return cluster{}, fmt.Errorf("no folder found that user %s can enter: set CAREFLOW_STATE to one", name)
}

// openPath makes a folder that others may pass through, whatever the umask.
func openPath(folder string) error {
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return err
	}
	return errors.Join(
		os.Chmod(folder, 0o711), os.Chmod(filepath.Dir(folder), 0o711), os.Chmod(filepath.Dir(filepath.Dir(folder)), 0o711))
}

// unprivilegedAccount is who runs the server for root: the owner of the data
// where there is some, else the user of PostgreSQL's packages.
func unprivilegedAccount(data string) (*syscall.Credential, string, error) {
	candidates := []string{"postgres", "nobody"}
	if info, err := os.Stat(data); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			owner, err := user.LookupId(strconv.FormatUint(uint64(stat.Uid), 10))
			if err != nil {
				return nil, "", err
			}
			candidates = []string{owner.Username}
		}
	}
	for _, name := range candidates {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(found.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, "", err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}, name, nil
	}
	return nil, "", errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

// canEnter asks the kernel rather than reading permission bits: mounts, ACLs
// and security modules have a say too.
func canEnter(folder string, account *syscall.Credential) bool {
	return oneShot{path: "/bin/sh", args: []string{"-c", "true"}, dir: folder, account: account}.succeeds()
}
