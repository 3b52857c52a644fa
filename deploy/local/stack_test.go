package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
)

func quiet() *console { return newConsole(&bytes.Buffer{}) }

// sleeper is a program that ends only when it is told to.
func sleeper(folder, name string) program {
	return program{
		name: name, path: "/bin/sleep", args: []string{"300"}, env: os.Environ(), dir: folder,
		log: filepath.Join(folder, name+".log"), stop: syscall.SIGTERM, patience: 5 * time.Second,
	}
}

func openStack(t *testing.T) *stack {
	t.Helper()
	t.Setenv("CAREFLOW_STATE", t.TempDir())
	t.Setenv("CAREFLOW_PORT_OFFSET", "")
	s, err := newStack(quiet(), kindUp)
	require.NoError(t, err)
	s.own, err = own(s.out, s.folder)
	require.NoError(t, err)
	return s
}

func TestPartsStopInReverseOrderOfTheirStart(t *testing.T) {
	s := openStack(t)
	var printed bytes.Buffer
	s.out = newConsole(&printed)
	var children []*child
	for _, name := range []string{"database", "server", "client"} {
		c, err := s.start(sleeper(s.folder, name))
		require.NoError(t, err)
		children = append(children, c)
	}
	s.close()
	s.release()
	for _, c := range children {
		require.Empty(t, birth(c.cmd.Process.Pid), "%s is still there", c.name)
	}
	require.Regexp(t, `(?s)client .*stopped.*server .*stopped.*database .*stopped`, printed.String())
}

func TestAPartThatIsKilledComesBack(t *testing.T) {
	s := openStack(t)
	ctx, cancel := context.WithCancel(t.Context())
	first, err := s.start(sleeper(s.folder, "worker"))
	require.NoError(t, err)
	s.watch(ctx, first, false)
	first.kill()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.children[0] != first
	}, 10*time.Second, 10*time.Millisecond)
	require.NotEqual(t, first.cmd.Process.Pid, readRecord(s.folder).Children[0].PID)
	cancel()
	s.close()
	s.release()
}

func TestTheNextRunEndsWhatAKilledRunLeft(t *testing.T) {
	s := openStack(t)
	left, err := s.start(sleeper(s.folder, "database"))
	require.NoError(t, err)
	s.own.lock.Close() // as if this process had been killed

	next, err := own(quiet(), s.folder)
	require.NoError(t, err)
	defer next.release()
	<-left.done
}

func TestOneStateFolderHasOneOwner(t *testing.T) {
	s := openStack(t)
	defer s.release()
	_, err := own(quiet(), s.folder)
	require.ErrorIs(t, err, errRunning)
}

func TestSecretsAreMadeOnceAndKeptPrivate(t *testing.T) {
	folder := t.TempDir()
	first, err := loadSecrets(folder)
	require.NoError(t, err)
	second, err := loadSecrets(folder)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Regexp(t, `^dev-payload-1:.{44}$`, first.PayloadKeys)
	info, err := os.Stat(secretsPath(folder))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestAnOlderStateFolderKeepsItsSecretsAndGainsThoseOfNewParts(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(secretsPath(folder), []byte(`{"payload_keys":"dev-payload-1:old","postgres_admin":"kept"}`), 0o600))
	s, err := loadSecrets(folder)
	require.NoError(t, err)
	require.Equal(t, "dev-payload-1:old", s.PayloadKeys)
	require.Equal(t, "kept", s.PostgresAdmin)
	require.NotEmpty(t, s.PostgresBackup)
	identity, err := age.ParseX25519Identity(s.BackupIdentity)
	require.NoError(t, err)
	require.Contains(t, s.BackupRecipients, identity.Recipient().String())
}

// What opens backups, and what reads all databases, is the backup worker's alone.
func TestOnlyTheBackupWorkerHoldsTheKeysOfBackups(t *testing.T) {
	s := openStack(t)
	defer s.release()
	var err error
	s.secrets, err = loadSecrets(s.folder)
	require.NoError(t, err)
	product, backup := strings.Join(s.productEnvironment(), "\n"), strings.Join(s.backupEnvironment(), "\n")
	for _, secret := range []string{s.secrets.BackupIdentity, s.secrets.BackupSigningKeys, s.secrets.PostgresBackup, s.secrets.PostgresScratch, s.secrets.PostgresRestore} {
		require.NotContains(t, product, secret)
		require.Contains(t, backup, secret)
	}
	require.NotContains(t, backup, s.secrets.BackupOfflineIdentity)
	for _, secret := range []string{s.secrets.PostgresProduct, s.secrets.PostgresTemporal, s.secrets.StripeKey, s.secrets.ColumnKeys} {
		require.NotContains(t, backup, secret)
	}
}

func TestABusyPortIsNamedWithItsHolderAndTheWayOut(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	busy := listener.Addr().(*net.TCPAddr).Port
	err = checkPorts(ports{UI: busy})
	require.ErrorContains(t, err, "Temporal UI")
	require.ErrorContains(t, err, "CAREFLOW_PORT_UI=")
	require.ErrorContains(t, err, commandName(os.Getpid()))
}

func TestPortsMoveTogetherAndOneByOne(t *testing.T) {
	t.Setenv("CAREFLOW_PORT_OFFSET", "100")
	t.Setenv("CAREFLOW_PORT_API", "9999")
	p, err := readPorts(kindUp)
	require.NoError(t, err)
	require.Equal(t, 7333, p.Temporal)
	require.Equal(t, 9999, p.API)
	require.Zero(t, p.StripeMock, "a part the stack does not have stays without a port")

	t.Setenv("CAREFLOW_PORT_API", "eighty")
	_, err = readPorts(kindUp)
	require.ErrorContains(t, err, "CAREFLOW_PORT_API")
}

func TestTemporalsSettingsHoldNoSecretAndListenOnLoopbackOnly(t *testing.T) {
	s := openStack(t)
	defer s.release()
	var err error
	s.secrets, err = loadSecrets(s.folder)
	require.NoError(t, err)
	path := filepath.Join(s.folder, "server.yaml")
	require.NoError(t, s.writeTemplate("temporal.yaml", path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text), s.secrets.PostgresTemporal)
	require.NotContains(t, string(text), "0.0.0.0")
	require.Contains(t, string(text), "grpcPort: 7233")
	require.Contains(t, string(text), `{{ env "TEMPORAL_DATABASE_PASSWORD" | quote }}`)
}
