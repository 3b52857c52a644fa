package stories_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Another installation, that has the backup's identity and the key-encryption key and
// nothing else of ours, goes on where we were: it reads what was encrypted, and knows our
// tokens.
func TestABackupGoesOnOnAnotherInstallation(t *testing.T) {
	t.Parallel()
	c, env := saved(t)
	patient := c.Login("patient")
	booking := clinic.Booking(clinic.InMinutes(60 * 24))
	booking.Reason = "A mole that has changed"
	visit := patient.Book(booking)
	worker := testkit.StartProcess(t, "backup-worker", env)
	testkit.Eventually(t, func() bool {
		return c.Login("ops").Do(http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: "clinic"}).Status == http.StatusAccepted
	}, "the worker takes jobs")
	require.Contains(t, c.Careflow("ops", "backup", "run"), "verified")
	worker.Kill()

	// By hand, as the runbook says.
	folder := strings.TrimPrefix(setting(env, "CAREFLOW_BACKUP_STORAGE"), "file://")
	identity := setting(env, "CAREFLOW_BACKUP_OFFLINE_IDENTITY")
	keys := part(t, folder, "keys", identity)
	kek := c.Setting("CAREFLOW_COLUMN_KEYS")
	for _, ring := range []string{"PAYLOAD", "COLUMN", "SIGNING", "COMMAND", "LINK"} {
		_, secret, _ := strings.Cut(c.Setting("CAREFLOW_"+ring+"_KEYS"), ":")
		require.NotContains(t, string(keys), secret, "no key lies there open")
	}
	unwrap := exec.CommandContext(t.Context(), filepath.Join(testkit.Env(t, "CAREFLOW_TEST_BIN"), "careflow"), "keys", "unwrap")
	unwrap.Env, unwrap.Stdin = []string{"CAREFLOW_ENV=development", "CAREFLOW_COLUMN_KEYS=" + kek}, bytes.NewReader(keys)
	rings, err := unwrap.Output()
	require.NoError(t, err)
	for _, ring := range []string{"PAYLOAD", "SIGNING", "COMMAND", "LINK"} {
		require.Contains(t, string(rings), "CAREFLOW_"+ring+"_KEYS="+c.Setting("CAREFLOW_"+ring+"_KEYS")+"\n")
	}

	elsewhere := "elsewhere_" + word()
	c.Exec("CREATE DATABASE " + elsewhere)
	t.Cleanup(func() { c.Exec("DROP DATABASE " + elsewhere + " WITH (FORCE)") })
	url := strings.Replace(c.DB.Config().ConnString(), "/"+c.DB.Config().ConnConfig.Database, "/"+elsewhere, 1)
	restore := exec.CommandContext(t.Context(), "pg_restore", "--exit-on-error", "--no-owner", "-d", url)
	restore.Stdin, restore.Stderr = bytes.NewReader(part(t, folder, "data", identity)), t.Output()
	require.NoError(t, restore.Run())

	base := c.StartReplicaWith(append(strings.Fields(string(rings)), "CAREFLOW_DATABASE_URL="+url)...)
	require.Equal(t, booking.Reason, patient.At(base).Appointment(visit.ID).Reason)
}

// part is what `age -d | zstd -d` gives of the one backup in a folder.
func part(t *testing.T, folder, name, identity string) []byte {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(folder, "*", "*", "manifest.json"))
	require.NoError(t, err)
	require.Len(t, manifests, 1)
	raw, err := os.ReadFile(manifests[0])
	require.NoError(t, err)
	var manifest struct {
		Document struct{ Attempt string }
	}
	require.NoError(t, json.Unmarshal(raw, &manifest))
	object, err := os.Open(filepath.Join(filepath.Dir(manifests[0]), manifest.Document.Attempt, name+".zst.age"))
	require.NoError(t, err)
	defer func() { _ = object.Close() }()
	opened, err := age.ParseX25519Identity(identity)
	require.NoError(t, err)
	packed, err := age.Decrypt(object, opened)
	require.NoError(t, err)
	plain, err := zstd.NewReader(packed)
	require.NoError(t, err)
	defer plain.Close()
	b, err := io.ReadAll(plain)
	require.NoError(t, err)
	return b
}
