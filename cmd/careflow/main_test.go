package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
)

// output is a writer that tests read while a command writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

type result struct {
	code        int
	out, errors string
}

// careflow runs the program in this process.
func careflow(ctx context.Context, environ []string, args ...string) result {
	var out, errors output
	code := run(ctx, invocation{args: args, environ: environ, out: &out, errors: &errors})
	return result{code, out.String(), errors.String()}
}

// development is an environment that starts every process, with keys of its own.
func development(t *testing.T, more ...string) []string {
	t.Helper()
	keys := careflow(t.Context(), nil, "keys", "generate")
	require.Zero(t, keys.code, keys.errors)
	return append(append(strings.Fields(keys.out),
		"CAREFLOW_ENV=development",
		"CAREFLOW_DATABASE_URL=postgres://careflow:very-secret@127.0.0.1:1/careflow",
		"CAREFLOW_TEMPORAL_ADDRESS=127.0.0.1:1",
		"CAREFLOW_STRIPE_KEY=sk_test_very-secret", "CAREFLOW_STRIPE_PUBLISHABLE_KEY=pk_test_x", "CAREFLOW_STRIPE_WEBHOOK_SECRET=whsec_very-secret",
		"CAREFLOW_STRIPE_URL=http://127.0.0.1:1", "CAREFLOW_SENDGRID_URL=http://127.0.0.1:1", "CAREFLOW_SENDGRID_KEY=SG.very-secret",
	), more...)
}

func TestProcessesAreAssembledCompletely(t *testing.T) {
	for name, p := range map[string]struct {
		process config.Process
		options fx.Option
	}{
		"api":           {config.API, apiOptions()},
		"worker":        {config.WorkerProcess, workerOptions()},
		"codec-server":  {config.CodecServer, codecServerOptions()},
		"backup-worker": {config.BackupWorker, backupWorkerOptions()},
		"deploy-worker": {config.DeployWorker, deployWorkerOptions()},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Load(p.process, development(t, append(strings.Fields(careflow(t.Context(), nil, "keys", "backup").out),
				"CAREFLOW_BACKUP_STORAGE=file:///backups", "CAREFLOW_BACKUP_TARGETS=clinic=postgres://127.0.0.1:1/careflow", "CAREFLOW_DEPLOY_SERVICES=/etc/careflow/services.yaml")...))
			require.NoError(t, err)
			require.NoError(t, fx.ValidateApp(process(cfg, newLogger(io.Discard, cfg, p.process)), p.options))
		})
	}
}

func TestHelpListsTheCommands(t *testing.T) {
	help := careflow(t.Context(), nil)
	require.Zero(t, help.code)
	for _, command := range []string{"api", "worker", "codec-server", "migrate", "first-admin", "seed", "temporal-setup", "keys", "version"} {
		require.Contains(t, help.out, command)
	}
}

func TestWrongUseIsOneLineAndExitCode2(t *testing.T) {
	for _, args := range [][]string{
		{"backpu"}, {"migrate"}, {"migrate", "sideways"}, {"version", "--loud"}, {"keys", "generate", "--prefix", "a b"}, {"codec-server", "now"},
		{"deploy", "start", "--env", "production"}, {"housekeeping", "--last", "-3"}, {"reconcile", "--last", "0"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			r := careflow(t.Context(), nil, args...)
			require.Equal(t, exitMistaken, r.code, r.errors)
			require.Equal(t, 1, strings.Count(r.errors, "\n"), r.errors)
			require.True(t, strings.HasPrefix(r.errors, "careflow: "), r.errors)
		})
	}
}

func TestAMissingSettingStopsTheStart(t *testing.T) {
	r := careflow(t.Context(), []string{"CAREFLOW_DATABASE_URL=postgres://careflow:very-secret@db/careflow"}, "codec-server")
	require.Equal(t, exitMistaken, r.code)
	require.Contains(t, r.errors, "CAREFLOW_PAYLOAD_KEYS is missing")
	require.Contains(t, r.errors, "CAREFLOW_COMMAND_KEYS is missing")
	require.NotContains(t, r.errors, "very-secret")
}

func TestProductionRefusesGeneratedDevelopmentKeys(t *testing.T) {
	r := careflow(t.Context(), development(t, "CAREFLOW_ENV=production", "CAREFLOW_PUBLIC_URL=https://visits.clinic.net"), "codec-server")
	require.Equal(t, exitMistaken, r.code)
	require.Contains(t, r.errors, `development key "dev-payload"`)
	require.Contains(t, r.errors, "never to the sandbox")
}

func TestGeneratedKeysAreReadBack(t *testing.T) {
	r := careflow(t.Context(), nil, "keys", "generate", "--prefix", "2026-03")
	require.Zero(t, r.code)
	lines := strings.Fields(r.out)
	require.Len(t, lines, len(purposes))
	seen := map[string]bool{}
	for i, line := range lines {
		variable, text, _ := strings.Cut(line, "=")
		require.Equal(t, purposes[i].variable, variable)
		ring, err := config.ParseKeyRing(text)
		require.NoError(t, err)
		require.False(t, ring.Active().Development())
		seen[string(ring.Active().Bytes())] = true
	}
	require.Len(t, seen, len(purposes), "no two purposes share a key")
}

func TestGeneratedKeysOfBackupsAreReadBack(t *testing.T) {
	r := careflow(t.Context(), nil, "keys", "backup", "--prefix", "2026-03")
	require.Zero(t, r.code, r.errors)
	vars := variables(strings.Fields(r.out))
	require.Len(t, vars, 4)
	ring, err := config.ParseKeyRing(vars["CAREFLOW_BACKUP_SIGNING_KEYS"])
	require.NoError(t, err)
	require.Equal(t, "2026-03-backup", ring.Active().ID)
	var recipients []string
	for _, variable := range []string{"CAREFLOW_BACKUP_IDENTITY", "CAREFLOW_BACKUP_OFFLINE_IDENTITY"} {
		identity, err := age.ParseX25519Identity(vars[variable])
		require.NoError(t, err)
		recipients = append(recipients, identity.Recipient().String())
	}
	require.Equal(t, strings.Join(recipients, ","), vars["CAREFLOW_BACKUP_RECIPIENTS"])
}

func TestApprovalKeysAreThePublicHalves(t *testing.T) {
	environment := development(t)
	r := careflow(t.Context(), environment, "keys", "approval")
	require.Zero(t, r.code, r.errors)
	text, ok := strings.CutPrefix(strings.TrimSpace(r.out), "CAREFLOW_APPROVAL_KEYS=")
	require.True(t, ok, r.out)

	signing, err := config.Load(config.API, environment)
	require.NoError(t, err)
	active := signing.Keys.Signing.Active()
	now := time.Now()
	given, err := domain.Approval{Subject: "s", By: "ops", Reason: "tested", At: now}.Sign(active.ID, ed25519.NewKeyFromSeed(active.Bytes()))
	require.NoError(t, err)
	worker, err := config.Load(config.WorkerProcess, append(environment, "CAREFLOW_APPROVAL_KEYS="+text))
	require.NoError(t, err)
	require.NoError(t, worker.Keys.Approval.Check(given, "s", now))
	file := filepath.Join(t.TempDir(), "approval")
	require.NoError(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
	worker, err = config.Load(config.WorkerProcess, append(environment, "CAREFLOW_APPROVAL_KEYS_FILE="+file))
	require.NoError(t, err)
	require.NoError(t, worker.Keys.Approval.Check(given, "s", now))
	require.NotContains(t, r.out, base64.StdEncoding.EncodeToString(active.Bytes()))
}

func TestVersion(t *testing.T) {
	r := careflow(t.Context(), nil, "version")
	require.Zero(t, r.code)
	require.Regexp(t, `^careflow \S+ \(go`, r.out)
}

func TestMigrateNamesAnUnreachableDatabaseWithoutItsPassword(t *testing.T) {
	r := careflow(t.Context(), development(t), "migrate", "up")
	require.Equal(t, exitFailed, r.code)
	require.NotContains(t, r.errors, "very-secret")
}
