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
// branches for that: a bug is a statement on the database, or places of source files that
// are swapped while the binary is built (go build -overlay).
var Bugs = map[string]Bug{
	"constraint_dropped": {
		Why:       "two visits may hold one slot",
		Statement: `ALTER TABLE appointments DROP CONSTRAINT doctor_free`,
	},
	"key_randomised": {
		Why: "a payment is opened under another idempotency key at each try",
		Swaps: []Swap{{
			File: "activities/appointment/contract.go",
			Old:  `return fmt.Sprintf("careflow/%s/open/%d", id, generation)`,
			New:  `return fmt.Sprintf("careflow/%s/open/%d/%d", id, generation, time.Now().UnixNano())`,
		}},
	},
	"relay_acknowledges_first": {
		Why: "the relay writes its receipt before it starts the process",
		Swaps: []Swap{{
			File: "worker/relay/relay.go",
			Old:  "	err := r.deliver(callCtx, row)\n",
			New:  "	_ = r.outbox.FinishOutbox(ctx, row.ID)\n	err := r.deliver(callCtx, row)\n",
		}},
	},
	"grace_forgotten": {
		Why: "a deadline punishes although we were down over it",
		Swaps: []Swap{{
			File: "internal/domain/deadlines.go",
			Old:  "return now.Sub(deadline) > orElse(t.LateAfter, LateAfter)",
			New:  "return now.Sub(deadline) > 24*time.Hour",
		}},
	},
	"link_works_twice": {
		Why: "a letter's link is obeyed although the visit has moved since",
		Swaps: []Swap{{ // who asks first
			File: "api/paypage.go",
			Old:  "link.Purpose == links.Visit && link.Binding != a.Sequence",
			New:  "link.Purpose == links.Visit && link.Binding < 0",
		}, { // who decides, under the row's lock
			File: "internal/postgres/process.go",
			Old:  "t.IfSequence != nil && *t.IfSequence != int(row.Sequence)",
			New:  "t.IfSequence != nil && *t.IfSequence < 0",
		}},
	},
	"stream_repeats": {
		Why: "who connects again is sent the last line once more",
		Swaps: []Swap{{
			File: "api/stream.go",
			Old:  "events[0].Seq <= seen {",
			New:  "events[0].Seq < seen {",
		}},
	},
}

// Bug is a planted mistake: a statement that is run on the database, or swaps.
type Bug struct {
	Why       string
	Statement string
	Swaps     []Swap // what is checked twice is swapped in both places
}

// Swap is one place in a source file.
type Swap struct{ File, Old, New string }

// overlay makes the build of the stack swap the bug's places, and returns the variable
// that does it.
func overlay(o Options) ([]string, error) {
	if o.Bug == "" {
		return nil, nil
	}
	bug, known := Bugs[o.Bug]
	if !known {
		return nil, fmt.Errorf("there is no bug %q to plant", o.Bug)
	}
	if len(bug.Swaps) == 0 {
		return nil, nil
	}
	folder := filepath.Join(o.State, "bug")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	replaced := map[string]string{}
	for _, swap := range bug.Swaps {
		path := filepath.Join(o.Root, swap.File)
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if strings.Count(string(source), swap.Old) != 1 {
			return nil, fmt.Errorf("the bug %q no longer fits %s: its place has changed", o.Bug, swap.File)
		}
		replaced[path] = filepath.Join(folder, strings.ReplaceAll(swap.File, "/", "-"))
		if err := os.WriteFile(replaced[path], []byte(strings.Replace(string(source), swap.Old, swap.New, 1)), 0o600); err != nil { //nolint:gosec // our own names
			return nil, err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
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
