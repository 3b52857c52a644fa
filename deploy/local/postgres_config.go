package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Connections are few on purpose: the same limits as in production show a leak
// early. Tests run many small databases at once and get more.
const clusterSettings = `# Written at each start by the local stack.
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = %d
shared_buffers = '128MB'
max_wal_size = '512MB'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%%m [%%p] %%u@%%d '
log_checkpoints = off
log_lock_waits = on
jit = off
`

// A crash may lose the test cluster: it is thrown away anyway.
const forgetful = `fsync = off
synchronous_commit = off
full_page_writes = off
`

func (s *stack) configureCluster(home cluster) error {
	text := fmt.Sprintf(clusterSettings, s.ports.Postgres, 100)
	if s.kind == kindTest {
		text = fmt.Sprintf(clusterSettings, s.ports.Postgres, 300) + forgetful
	}
	ours := filepath.Join(home.folder, "careflow.conf")
	if err := replaceFile(ours, []byte(text), 0o600); err != nil {
		return err
	}
	main := filepath.Join(home.folder, "postgresql.conf")
	const include = "include 'careflow.conf'"
	content, err := os.ReadFile(main)
	if err != nil {
		return err
	}
	if !strings.Contains(string(content), include) {
		if err := replaceFile(main, append(content, []byte("\n"+include+"\n")...), 0o600); err != nil {
			return err
		}
	}
	return home.hand(ours, main)
}

// removeStalePID removes the lock of a server that was killed. PostgreSQL does
// so itself unless the number has gone to another process of the same user; we
// can tell better, as no other start can be under way while we hold the state
// folder.
func removeStalePID(folder string) error {
	path := filepath.Join(folder, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err == nil && servesFolder(pid, folder) {
		return fmt.Errorf("a PostgreSQL server (process %d) runs on %s already: stop it with `kill -INT %d`", pid, folder, pid)
	}
	return os.Remove(path)
}

// servesFolder reports whether a process is a PostgreSQL server of this folder,
// which is its working folder.
func servesFolder(pid int, folder string) bool {
	if birth(pid) == "" || commandName(pid) != "postgres" { // gone, or dead and not yet reaped
		return false
	}
	at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err != nil || at == folder
}
