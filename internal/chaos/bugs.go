package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Bugs can be planted to show that the oracle would notice them. The product has no
// branches for that: a bug is a statement on the database, or a source file of which
// one place is swapped while the binary is built (go build -overlay).
var Bugs = map[string]Bug{
	"constraint_dropped": {
		Why:       "two visits may hold one slot",
		Statement: `ALTER TABLE appointments DROP CONSTRAINT doctor_free`,
	},
	"key_randomised": {
		Why:  "a payment is opened under another idempotency key at each try",
		File: "activities/appointment/contract.go",
		Old:  `return fmt.Sprintf("careflow/%s/open/%d", id, generation)`,
		New:  `return fmt.Sprintf("careflow/%s/open/%d/%d", id, generation, time.Now().UnixNano())`,
	},
	"relay_acknowledges_first": {
		Why:  "the relay writes its receipt before it starts the process",
		File: "worker/relay/relay.go",
		Old:  "	err := r.deliver(callCtx, row)\n",
		New:  "	_ = r.outbox.FinishOutbox(ctx, row.ID)\n	err := r.deliver(callCtx, row)\n",
	},
	"grace_forgotten": {
		Why:  "a deadline punishes although we were down over it",
		File: "internal/domain/deadlines.go",
		Old:  "return now.Sub(deadline) > orElse(t.LateAfter, LateAfter)",
		New:  "return now.Sub(deadline) > 24*time.Hour",
	},
	"link_works_twice": {
		Why:  "a letter's link is obeyed although the visit has moved since",
		File: "internal/postgres/process.go",
		Old:  "t.IfSequence != nil && *t.IfSequence != int(row.Sequence)",
		New:  "t.IfSequence != nil && *t.IfSequence < 0",
	},
	"stream_repeats": {
		Why:  "who connects again is sent the last line once more",
		File: "api/stream.go",
		Old:  "events[0].Seq <= seen {",
		New:  "events[0].Seq < seen {",
	},
}

// Bug is a planted mistake.
type Bug struct {
	Why string
	// Statement is run on the database, or Old in File replaced by New.
	Statement, File, Old, New string
}

// overlay makes the build of the stack swap the bug's file, and returns the variable that
// does it.
func overlay(o Options) ([]string, error) {
	if o.Bug == "" {
		return nil, nil
	}
	bug, known := Bugs[o.Bug]
	if !known {
		return nil, fmt.Errorf("there is no bug %q to plant", o.Bug)
	}
	if bug.File == "" {
		return nil, nil
	}
	path := filepath.Join(o.Root, bug.File)
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.Count(string(source), bug.Old) != 1 {
		return nil, fmt.Errorf("the bug %q no longer fits %s: its place has changed", o.Bug, bug.File)
	}
	folder := filepath.Join(o.State, "bug")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	swapped := filepath.Join(folder, filepath.Base(bug.File))
	if err := os.WriteFile(swapped, []byte(strings.Replace(string(source), bug.Old, bug.New, 1)), 0o600); err != nil { //nolint:gosec // our own names
		return nil, err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: swapped}})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "overlay.json")
	return []string{"GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+file)}, os.WriteFile(file, list, 0o600)
}

// spoil plants a bug in the database.
func spoil(ctx context.Context, database, name string) error {
	statement := Bugs[name].Statement
	if statement == "" {
		return nil
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}
