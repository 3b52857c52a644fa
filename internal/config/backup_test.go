package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/config"
)

// saving is an environment in which backups are made.
func saving() map[string]string {
	vars := production()
	vars["CAREFLOW_BACKUP_STORAGE"] = "s3://clinic-backups?region=eu-central-1"
	vars["CAREFLOW_BACKUP_TARGETS"] = "clinic=postgres://b:very-secret@db/careflow\ntemporal=postgres://b:very-secret@db/temporal"
	vars["CAREFLOW_BACKUP_RECIPIENTS"] = "age1one, age1two"
	vars["CAREFLOW_BACKUP_SIGNING_KEYS"] = key("b1", 7)
	return vars
}

func TestBackupsAreOffUntilTheyAreConfigured(t *testing.T) {
	c, err := config.Load(config.API, environ(production()))
	require.NoError(t, err)
	require.False(t, c.Backup.Enabled())
	require.Empty(t, c.Backup.Names)
	_, err = config.Load(config.BackupWorker, environ(production()))
	for _, variable := range []string{"STORAGE", "TARGETS", "RECIPIENTS", "SIGNING_KEYS"} {
		require.ErrorContains(t, err, "CAREFLOW_BACKUP_"+variable+" is missing")
	}
}

func TestSettingsOfBackupsAreRead(t *testing.T) {
	c, err := config.Load(config.BackupWorker, environ(saving(), "CAREFLOW_BACKUP_AT=04:15", "CAREFLOW_BACKUP_ZONE=Europe/Berlin", "CAREFLOW_OPS_MAIL=a@b.net, c@d.net"))
	require.NoError(t, err)
	require.True(t, c.Backup.Enabled())
	require.Equal(t, []string{"clinic", "temporal"}, c.Backup.Names)
	require.Equal(t, "postgres://b:very-secret@db/temporal", c.Backup.Targets["temporal"].Reveal())
	require.Equal(t, []string{"age1one", "age1two"}, c.Backup.Recipients)
	require.Equal(t, []time.Duration{15 * 24 * time.Hour, 72 * time.Hour, 26 * time.Hour}, []time.Duration{c.Backup.Window, c.Backup.Grace, c.Backup.Fresh})
	hour, minute, err := c.Backup.Time()
	require.NoError(t, err)
	require.Equal(t, []int{4, 15}, []int{hour, minute})
	require.Equal(t, []string{"a@b.net", "c@d.net"}, c.Backup.To)
	c, err = config.Load(config.API, environ(production(), "CAREFLOW_BACKUP_NAMES=temporal,clinic"))
	require.NoError(t, err)
	require.Equal(t, []string{"clinic", "temporal"}, c.Backup.Names, "who watches needs no URL")
}

func TestSettingsOfBackupsThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"credentials in a URL":   {"CAREFLOW_BACKUP_STORAGE=s3://me:very-secret@bucket", "holds credentials"},
		"no such storage":        {"CAREFLOW_BACKUP_STORAGE=ftp://bucket", "is no storage"},
		"a target without name":  {"CAREFLOW_BACKUP_TARGETS=postgres://b:very-secret@db/careflow", "pair 1 is not name=postgres"},
		"a target's bad name":    {"CAREFLOW_BACKUP_TARGETS=Clinic=postgres://b:very-secret@db/careflow", "cannot name a target"},
		"one key only":           {"CAREFLOW_BACKUP_RECIPIENTS=age1one", "write two or more"},
		"no time of day":         {"CAREFLOW_BACKUP_AT=half past three", "write hh:mm"},
		"an hour that may skip":  {"CAREFLOW_BACKUP_AT=02:30", ""},
		"a zone of this machine": {"CAREFLOW_BACKUP_ZONE=Local", "write an IANA zone"},
		"no address":             {"CAREFLOW_OPS_MAIL=ops", "no e-mail address"},
		"a key for tests":        {"CAREFLOW_BACKUP_SIGNING_KEYS=" + key("dev-b1", 7), `development key "dev-b1"`},
		"a key of another use":   {"CAREFLOW_BACKUP_SIGNING_KEYS=" + key("b1", 1), "shares the key"},
		"too short a window":     {"CAREFLOW_BACKUP_WINDOW=1h", "CAREFLOW_BACKUP_WINDOW"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(config.BackupWorker, environ(saving(), c.change))
			if c.want == "" {
				require.NoError(t, err, "UTC has no summer time")
				_, err = config.Load(config.BackupWorker, environ(saving(), c.change, "CAREFLOW_BACKUP_ZONE=Europe/Berlin"))
				c.want = "comes twice"
			}
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "very-secret")
		})
	}
}
