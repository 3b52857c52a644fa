package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The backup worker's roles: one reads everything and writes the catalogue of backups
// only; one makes databases to prove backups in, and sees none of ours.
const (
	backupRole  = "careflow_backup"
	scratchRole = "careflow_scratch"
	// restoreRole makes the product's database anew beside the live one, and exchanges them.
	restoreRole = "careflow_restore"
	// backupConnections are enough for two jobs at a time.
	backupConnections = 16
)

// grantBackups gives the backup role what it needs of each database, again at each start:
// there may be tables of a new release.
func (s *stack) grantBackups(ctx context.Context) error {
	for _, d := range databases {
		statements := []string{"GRANT CONNECT ON DATABASE " + pgx.Identifier{d.name}.Sanitize() + " TO " + backupRole}
		if s.binaries.major >= 14 {
			statements = append(statements, "GRANT pg_read_all_data TO "+backupRole)
		} else {
			statements = append(statements, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+backupRole, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO "+backupRole)
		}
		if d.name == "careflow" {
			statements = append(statements, "GRANT SELECT, INSERT, UPDATE ON backup_logs TO "+backupRole)
		}
		connection, err := pgx.Connect(ctx, s.databaseURL("postgres", s.secrets.PostgresAdmin, d.name))
		if err != nil {
			return err
		}
		_, err = connection.Exec(ctx, strings.Join(statements, ";"))
		_ = connection.Close(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("privileges of the backup worker on %s: %w", d.name, err)
		}
	}
	return nil
}

// backupSettings are the backup worker's own: none of the rest of the product holds its
// keys, and it holds none of theirs but those of payloads.
func (s *stack) backupSettings() map[string]string {
	var targets []string
	for _, d := range databases {
		targets = append(targets, d.target+"="+s.databaseURL(backupRole, s.secrets.PostgresBackup, d.name))
	}
	return map[string]string{
		"CAREFLOW_ENV":                 "development",
		"CAREFLOW_DATABASE_URL":        s.databaseURL(backupRole, s.secrets.PostgresBackup, "careflow"),
		"CAREFLOW_TEMPORAL_ADDRESS":    local(s.ports.Temporal),
		"CAREFLOW_WORKER_ADDRESS":      local(s.ports.BackupWorker),
		"CAREFLOW_PAYLOAD_KEYS":        s.secrets.PayloadKeys,
		"CAREFLOW_BACKUP_STORAGE":      "file://" + s.path("backups"),
		"CAREFLOW_BACKUP_TARGETS":      strings.Join(targets, " "),
		"CAREFLOW_BACKUP_SCRATCH_URL":  s.databaseURL(scratchRole, s.secrets.PostgresScratch, "postgres"),
		"CAREFLOW_RESTORE_TARGETS":     "clinic=" + s.databaseURL(restoreRole, s.secrets.PostgresRestore, "careflow"),
		"CAREFLOW_BACKUP_TOOLS":        s.binaries.folder,
		"CAREFLOW_BACKUP_SIGNING_KEYS": s.secrets.BackupSigningKeys,
		"CAREFLOW_BACKUP_RECIPIENTS":   s.secrets.BackupRecipients,
		"CAREFLOW_BACKUP_IDENTITY":     s.secrets.BackupIdentity,
	}
}

// backupEnvironment is the caller's environment with the backup worker's settings over it.
func (s *stack) backupEnvironment() []string {
	return overlay(os.Environ(), withLogFormat(s.backupSettings()))
}

// backupTargets are the names that the rest of the product knows backups by.
func backupTargets() string {
	var names []string
	for _, d := range databases {
		names = append(names, d.target)
	}
	return strings.Join(names, ",")
}
