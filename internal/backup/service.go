package backup

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Service is the engine for the targets of one installation, by their names.
type Service struct {
	*Logical
	// Targets are the databases to save, by name, as URLs with password.
	Targets map[string]string
	// Live are the databases that a restore may take the place of, by target: the URL's role
	// owns them, may create databases and end the sessions of others.
	Live map[string]string
	// Scratch is the server on which backups are proven; its role may create databases.
	Scratch Server
}

// Names are the targets in alphabetical order.
func (s *Service) Names() []string {
	names := make([]string, 0, len(s.Targets))
	for name := range s.Targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Service) source(target string) (Source, error) {
	url, ok := s.Targets[target]
	if !ok {
		return Source{}, domain.Errorf(domain.CodeNotFound, "there is no backup target %q; there are: %s", target, strings.Join(s.Names(), ", "))
	}
	return Source{Target: target, URL: url}, nil
}

// Preflight finds out whether the target can be saved; see Logical.Preflight.
func (s *Service) Preflight(ctx context.Context, target string) (domain.BackupServer, error) {
	src, err := s.source(target)
	if err != nil {
		return domain.BackupServer{}, err
	}
	return s.Logical.Preflight(ctx, src)
}

// Save stores the target's parts; see Logical.Backup.
func (s *Service) Save(ctx context.Context, target, backupID, attempt string, progress func(string, int64)) (domain.BackupManifest, error) {
	src, err := s.source(target)
	if err != nil {
		return domain.BackupManifest{}, err
	}
	return s.Backup(ctx, src, backupID, attempt, progress)
}

// CheckStored reads the stored bytes of every part again, which needs no key:
// CodeBackupDamaged when they are not what was sent.
func (s *Service) CheckStored(ctx context.Context, m domain.BackupManifest, progress func(string, int64)) error {
	for _, part := range m.Parts {
		err := s.checkObject(ctx, part, func(n int64) { report(progress, PhaseCheck, n) })
		if domain.CodeOf(err) == domain.CodeNotFound {
			err = domain.Errorf(domain.CodeBackupDamaged, "part %s is not in the storage", part.Name).Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkObject(ctx context.Context, part domain.BackupPart, progress func(int64)) error {
	m := newMeter()
	err := s.Vault.reading(ctx, part.Object, func(stored io.Reader) error {
		_, err := io.Copy(m, &watched{ctx: ctx, r: stored, progress: progress})
		return err
	})
	if err != nil {
		return err
	}
	if m.digest() != part.Stored {
		return domain.Errorf(domain.CodeBackupDamaged, "part %s in the storage is not what was sent", part.Name)
	}
	return nil
}

// Commit makes a backup exist; see Vault.Commit.
func (s *Service) Commit(ctx context.Context, m domain.BackupManifest) error {
	return s.Vault.Commit(ctx, m)
}

// RemoveAttempt removes what one attempt left.
func (s *Service) RemoveAttempt(ctx context.Context, target, backupID, attempt string) error {
	return s.Vault.RemoveAttempt(ctx, target, backupID, attempt)
}

// Discard removes all attempts of a backup that was never committed.
func (s *Service) Discard(ctx context.Context, target, backupID string) error {
	return s.Vault.Discard(ctx, target, backupID)
}

// Verify proves a backup by restoring it and keeps the evidence; see Logical.Verify. A
// manifest that is damaged is evidence too.
func (s *Service) Verify(ctx context.Context, target, backupID, verificationID string, progress func(string, int64)) (domain.BackupEvidence, error) {
	m, err := s.Vault.Manifest(ctx, target, backupID)
	var e domain.BackupEvidence
	switch {
	case domain.CodeOf(err) == domain.CodeBackupDamaged:
		e = domain.BackupEvidence{
			VerificationID: verificationID, BackupID: backupID, Target: target,
			StartedAt: s.now(), FinishedAt: s.now(), Failures: []string{err.Error()},
		}
	case err != nil:
		return e, err
	default:
		if e, err = s.Logical.Verify(ctx, m, s.Scratch, verificationID, progress); err != nil {
			return e, err
		}
	}
	return e, s.Vault.Attest(ctx, e)
}

// Inventory lists what lies below a target.
func (s *Service) Inventory(ctx context.Context, target string) (domain.BackupInventory, error) {
	if _, err := s.source(target); err != nil {
		return domain.BackupInventory{}, err
	}
	return s.Vault.Inventory(ctx, target)
}

// Bury, Raise and Remove carry out the retention; see Vault.
func (s *Service) Bury(ctx context.Context, target, backupID string, at time.Time) error {
	return s.Vault.Bury(ctx, target, backupID, at)
}

// Raise takes a tombstone off.
func (s *Service) Raise(ctx context.Context, target, backupID string) error {
	return s.Vault.Raise(ctx, target, backupID)
}

// Remove removes a buried backup.
func (s *Service) Remove(ctx context.Context, target, backupID string) error {
	return s.Vault.Remove(ctx, target, backupID)
}

// Hold keeps a committed backup from being removed; CodeNotFound where there is none.
func (s *Service) Hold(ctx context.Context, target, backupID, reason string, at time.Time) error {
	if _, err := s.Vault.Manifest(ctx, target, backupID); err != nil {
		return err
	}
	return s.Vault.Hold(ctx, target, backupID, reason, at)
}

// Release ends a hold.
func (s *Service) Release(ctx context.Context, target, backupID string) error {
	return s.Vault.Release(ctx, target, backupID)
}

// Close closes the storage.
func (s *Service) Close() error { return s.Vault.Close() }
