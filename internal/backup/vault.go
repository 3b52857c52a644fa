package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"gocloud.dev/blob"

	"github.com/careflow/careflow/internal/domain"
)

// Vault is where backups lie: a bucket of any store that gocloud.dev knows.
//
//	<target>/<backup>/<attempt>/<part>      written by one attempt, once
//	<target>/<backup>/manifest.json         written only if there is none: the commit
//	<target>/<backup>/evidence/<id>.json    one a verification
//	<target>/<backup>/tombstone.json        to be removed after a grace period
//	<target>/<backup>/hold.json             not to be removed
type Vault struct {
	// Patience bounds each call to the store, and each block of a stream: one that takes
	// longer counts as failed. Defaults to 3 minutes, in which a line of 50 kB/s moves a
	// block.
	Patience time.Duration

	bucket *blob.Bucket
	signer Signer
}

// NewVault keeps backups in the bucket.
func NewVault(bucket *blob.Bucket, signer Signer) *Vault {
	return &Vault{bucket: bucket, signer: signer}
}

// Close closes the bucket.
func (v *Vault) Close() error { return v.bucket.Close() }

const (
	manifestName   = "manifest.json"
	tombstoneName  = "tombstone.json"
	holdName       = "hold.json"
	evidenceFolder = "evidence/"
)

func folder(target, backupID string) string       { return target + "/" + backupID + "/" }
func manifestKey(target, backupID string) string  { return folder(target, backupID) + manifestName }
func tombstoneKey(target, backupID string) string { return folder(target, backupID) + tombstoneName }
func evidenceKey(target, backupID, id string) string {
	return folder(target, backupID) + evidenceFolder + id + ".json"
}

func attemptFolder(target, backupID, attempt string) string {
	return folder(target, backupID) + attempt + "/"
}

const probePrefix = "probe-"

const partSuffix = ".zst.age"

func partKey(target, backupID, attempt, part string) string {
	return attemptFolder(target, backupID, attempt) + part + partSuffix
}

// put writes one object. When fill fails, or ctx ends, nothing of it becomes visible:
// closing a writer commits what came through, so its context is ended first.
func (v *Vault) put(ctx context.Context, key string, once bool, fill func(io.Writer) error) error {
	line := v.line(ctx, "writing")
	defer line.end()
	var w *blob.Writer
	err := line.during(func() (err error) {
		w, err = v.bucket.NewWriter(line.ctx, key, &blob.WriterOptions{
			ContentType: "application/octet-stream", IfNotExist: once, BufferSize: uploadBuffer, MaxConcurrency: uploads,
		})
		return err
	})
	if err != nil {
		return err
	}
	if err := fill(&writingLine{line, w}); err != nil {
		line.end()
		_ = w.Close()
		return err
	}
	return line.during(w.Close)
}

// reading passes what is stored under a key to use. Errors of its reader are those of the
// store, in their class.
func (v *Vault) reading(ctx context.Context, key string, use func(io.Reader) error) error {
	line := v.line(ctx, "reading")
	defer line.end()
	var r *blob.Reader
	err := line.during(func() (err error) {
		r, err = v.bucket.NewReader(line.ctx, key, nil)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return use(&readingLine{line, r})
}

// An upload in parts holds so much of them in memory.
const (
	uploadBuffer = 8 << 20
	uploads      = 2
)

// Commit makes a backup exist. CodeConflict when it exists already, by another attempt;
// the same attempt's commit whose answer was lost is found to be done.
func (v *Vault) Commit(ctx context.Context, m domain.BackupManifest) error {
	if err := m.Validate(); err != nil {
		return err
	}
	b, err := v.signer.sign(kindManifest, m)
	if err != nil {
		return err
	}
	err = v.put(ctx, manifestKey(m.Target, m.BackupID), true, writes(b))
	if err == nil {
		return nil
	}
	there, readErr := v.Manifest(ctx, m.Target, m.BackupID)
	switch {
	case readErr != nil:
		return err
	case there.Attempt == m.Attempt:
		return nil
	}
	return domain.Errorf(domain.CodeConflict, "backup %s was committed by another attempt", m.BackupID).Because(err)
}

// Manifest reads what a backup consists of. CodeNotFound where there is none,
// CodeBackupDamaged where it is not what we wrote.
func (v *Vault) Manifest(ctx context.Context, target, backupID string) (domain.BackupManifest, error) {
	var m domain.BackupManifest
	b, err := v.read(ctx, manifestKey(target, backupID))
	if err != nil {
		return m, err
	}
	if err := v.signer.verify(kindManifest, b, &m); err != nil {
		return domain.BackupManifest{}, err
	}
	if err := m.Validate(); err != nil {
		return domain.BackupManifest{}, domain.Errorf(domain.CodeBackupDamaged, "the manifest of backup %s cannot be one", backupID).Because(err)
	}
	if m.Target != target || m.BackupID != backupID {
		return domain.BackupManifest{}, domain.Errorf(domain.CodeBackupDamaged, "the manifest in the place of backup %s is another one's", backupID)
	}
	for _, p := range m.Parts {
		if p.Object != partKey(target, backupID, m.Attempt, p.Name) {
			return domain.BackupManifest{}, domain.Errorf(domain.CodeBackupDamaged, "part %s of backup %s is not in its attempt's folder", p.Name, backupID)
		}
	}
	return m, nil
}

// Attest keeps the evidence of one verification.
func (v *Vault) Attest(ctx context.Context, e domain.BackupEvidence) error {
	b, err := v.signer.sign(kindEvidence, e)
	if err != nil {
		return err
	}
	return v.put(ctx, evidenceKey(e.Target, e.BackupID, e.VerificationID), false, writes(b))
}

// RemoveAttempt removes what an attempt left. It is no error when there is nothing.
func (v *Vault) RemoveAttempt(ctx context.Context, target, backupID, attempt string) error {
	return v.removeAll(ctx, attemptFolder(target, backupID, attempt))
}

func (v *Vault) removeAll(ctx context.Context, prefix string) error {
	var failed []error
	err := v.each(ctx, prefix, func(o *blob.ListObject) {
		if err := v.remove(ctx, o.Key); err != nil {
			failed = append(failed, err)
		}
	})
	return errors.Join(append(failed, err)...)
}

// each lists what lies below a prefix, in the order of keys.
func (v *Vault) each(ctx context.Context, prefix string, visit func(*blob.ListObject)) error {
	list := v.bucket.List(&blob.ListOptions{Prefix: prefix})
	line := v.line(ctx, "listing")
	defer line.end()
	for {
		var o *blob.ListObject
		ended := false
		err := line.during(func() (err error) {
			o, err = list.Next(line.ctx)
			if ended = errors.Is(err, io.EOF); ended {
				return nil
			}
			return err
		})
		if err != nil || ended {
			return err
		}
		visit(o)
	}
}

// documentLimit is the most that a manifest or an evidence may be.
const documentLimit = 16 << 20

func (v *Vault) read(ctx context.Context, key string) (b []byte, err error) {
	err = v.reading(ctx, key, func(r io.Reader) (err error) {
		b, err = io.ReadAll(io.LimitReader(r, documentLimit))
		return err
	})
	return b, err
}

// document writes a small JSON object, once.
func (v *Vault) document(ctx context.Context, key string, doc any) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	return v.put(ctx, key, true, writes(b))
}

func writes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// remove removes one object; it is no error when it is not there.
func (v *Vault) remove(ctx context.Context, key string) error {
	line := v.line(ctx, "removing from")
	defer line.end()
	err := line.during(func() error { return v.bucket.Delete(line.ctx, key) })
	if domain.CodeOf(err) == domain.CodeNotFound {
		return nil
	}
	return err
}

// Probe writes, reads and removes an object below a target, and makes sure that an object
// which is there is not written again: without that, two attempts could both commit.
func (v *Vault) Probe(ctx context.Context, target string) error {
	// One backup of a target is made at a time: an older probe is of a worker that died.
	if err := v.removeAll(ctx, target+"/"+probePrefix); err != nil {
		return err
	}
	key := target + "/" + probePrefix + domain.NewID()
	write := func() error { return v.put(ctx, key, true, writes([]byte(key))) }
	// A conflict on a new key is our own write, whose answer was lost and which was repeated.
	if err := write(); err != nil && domain.CodeOf(err) != domain.CodeConflict {
		return err
	}
	defer func() { _ = v.remove(context.WithoutCancel(ctx), key) }()
	b, err := v.read(ctx, key)
	if err != nil {
		return err
	}
	if string(b) != key {
		return domain.Errorf(domain.CodeStorage, "the backup storage gives back other bytes than it was given")
	}
	if err := write(); domain.CodeOf(err) != domain.CodeConflict {
		return domain.Errorf(domain.CodeStorage, "the backup storage does not heed conditional writes (If-None-Match): it cannot keep two attempts from committing").Because(err)
	}
	return nil
}
