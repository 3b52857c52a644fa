package oracle

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"
)

// BackupSource says where backups lie and how whoever has the key reads them.
type BackupSource struct {
	Folder   string // of the storage
	Identity string // AGE-SECRET-KEY-1…
	Tools    string // folder of pg_restore
}

// readBackups reads the catalogue as ops do, and the storage past the product.
func (w *World) readBackups(ctx context.Context, s Sources) error {
	token, err := logIn(ctx, s, "ops@careflow.example", "10.2.0.1")
	if err != nil {
		return err
	}
	for path := "/v1/ops/backups?limit=100&target=" + BackupTarget; path != ""; {
		var page struct {
			Items []struct {
				ID       string `json:"id"`
				State    string `json:"state"`
				Rows     int64  `json:"rows"`
				Error    string `json:"error_code"`
				Evidence struct {
					Failures []string `json:"failures"`
					Checks   []string `json:"checks"`
				} `json:"evidence"`
			} `json:"items"`
			Next string `json:"next_cursor"`
		}
		if err := get(ctx, s.API+path, token, "10.2.0.1", &page); err != nil {
			return err
		}
		for _, b := range page.Items {
			w.Backups[b.ID] = &Backup{ID: b.ID, State: b.State, Rows: b.Rows, Error: b.Error, Failures: b.Evidence.Failures, Checks: b.Evidence.Checks}
		}
		if path = ""; page.Next != "" {
			path = "/v1/ops/backups?limit=100&target=" + BackupTarget + "&cursor=" + page.Next
		}
	}
	if err := w.readStorage(filepath.Join(s.Backups.Folder, BackupTarget)); err != nil {
		return fmt.Errorf("reading the storage: %w", err)
	}
	for id, b := range w.Backups {
		if stored := w.Storage[id]; b.State == "verified" && stored != nil && stored.Manifest != nil {
			if stored.Restored, err = s.Backups.restore(ctx, stored); err != nil {
				stored.Restored = &Restored{Rows: -1} // what cannot be read proves nothing
			}
		}
	}
	return w.readScratch(ctx, s.Database)
}

// readStorage lists the storage, with what its small documents say.
func (w *World) readStorage(folder string) error {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".attrs") { // which are the store's own
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		id, key, _ := strings.Cut(name, string(filepath.Separator))
		s := w.Storage[id]
		if s == nil {
			s = &StoredBackup{Objects: map[string]string{}}
			w.Storage[id] = s
		}
		raw, err := os.ReadFile(path) //nolint:gosec // found by walking
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		s.Objects[key] = hex.EncodeToString(sum[:])
		return s.read(key, raw)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever saved
	}
	return err
}

// read takes in a document that is one; it leaves signatures to whoever holds the keys.
func (s *StoredBackup) read(key string, raw []byte) error {
	var document struct {
		Document json.RawMessage `json:"document"`
	}
	switch {
	case key == "manifest.json":
		s.Manifest = &Manifest{}
		return errors.Join(json.Unmarshal(raw, &document), json.Unmarshal(document.Document, s.Manifest))
	case strings.HasPrefix(key, "evidence/"):
		var e Evidence
		if err := errors.Join(json.Unmarshal(raw, &document), json.Unmarshal(document.Document, &e)); err != nil {
			return err
		}
		s.Evidence = append(s.Evidence, e)
	}
	return nil
}

// restore reads the rows of a backup as the documentation tells anyone to: age, zstd,
// pg_restore.
func (b BackupSource) restore(ctx context.Context, s *StoredBackup) (*Restored, error) {
	identity, err := age.ParseX25519Identity(b.Identity)
	if err != nil {
		return nil, err
	}
	var object string
	for _, p := range s.Manifest.Parts {
		if p.Name == "data" {
			object = p.Object
		}
	}
	locked, err := os.Open(filepath.Join(b.Folder, object))
	if err != nil {
		return nil, err
	}
	defer func() { _ = locked.Close() }()
	packed, err := age.Decrypt(locked, identity)
	if err != nil {
		return nil, err
	}
	plain, err := zstd.NewReader(packed)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var text bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(b.Tools, "pg_restore"), "--data-only", "--file=-") //nolint:gosec // the stack's own tool
	cmd.Stdin, cmd.Stdout = plain, &text
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return restored(&text)
}

// restored counts the rows of a dump in text, between each COPY and its end.
func restored(text io.Reader) (*Restored, error) {
	r, table := &Restored{}, ""
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case table == "":
			if rest, ok := strings.CutPrefix(line, "COPY "); ok {
				table, _, _ = strings.Cut(rest, " ")
			}
		case line == `\.`:
			table = ""
		default:
			r.Rows++
			if table == "public.appointments" {
				id, _, _ := strings.Cut(line, "\t")
				r.Visits = append(r.Visits, id)
			}
		}
	}
	return r, lines.Err()
}

// readScratch lists the databases in which backups were proven and that are still there.
func (w *World) readScratch(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT datname::text FROM pg_database WHERE datname LIKE 'careflow\_verify\_%'`)
	if err != nil {
		return err
	}
	w.Scratch, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}
