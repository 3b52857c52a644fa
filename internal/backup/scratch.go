package backup

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// scratchPrefix begins the names of scratch databases; the verification's ID, a UUIDv7,
// follows without its dashes.
const scratchPrefix = "careflow_verify_"

func scratchName(verificationID string) string {
	return scratchPrefix + strings.ReplaceAll(verificationID, "-", "")
}

// DropScratch removes the scratch database of a verification, also one that a dead worker
// left behind.
func (l *Logical) DropScratch(ctx context.Context, server Server, verificationID string) error {
	return l.dropDatabase(ctx, server, scratchName(verificationID))
}

// scratchAge is longer than any verification takes, with all its tries.
const scratchAge = 26 * time.Hour

// sweepScratch removes scratch databases of verifications that nobody came back to.
func (l *Logical) sweepScratch(ctx context.Context, server Server) error {
	conn, err := connect(ctx, server.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `SELECT d.datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
		WHERE r.rolname = current_user AND starts_with(d.datname, $1)`, scratchPrefix)
	if err != nil {
		return fmt.Errorf("listing scratch databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("listing scratch databases: %w", err)
	}
	for _, name := range names {
		if l.now().Sub(scratchTime(name)) < scratchAge {
			continue
		}
		if err := l.dropDatabase(ctx, server, name); err != nil {
			return err
		}
	}
	return nil
}

// scratchTime is when a verification began: a UUIDv7 starts with its milliseconds. Names
// that are not ours are of now, and so never swept.
func scratchTime(name string) time.Time {
	id := strings.TrimPrefix(name, scratchPrefix)
	if len(id) != 32 || id[12] != '7' {
		return time.Now()
	}
	ms, err := strconv.ParseInt(id[:12], 16, 64)
	if err != nil {
		return time.Now()
	}
	return time.UnixMilli(ms)
}

// dropPatience is how long a database that cannot be dropped is tried again: a server that
// is started again is back by then, and nobody else would drop it.
const dropPatience = 2 * time.Minute

// dropDatabase drops a database of our own with all sessions in it. FORCE ends those of
// our role, but is refused to a plain role while autovacuum, which belongs to a superuser,
// is at work there. A drop without it sends that away, and ends no session: so they take
// turns.
func (l *Logical) dropDatabase(ctx context.Context, server Server, name string) error {
	ctx, cancel := context.WithTimeout(ctx, dropPatience)
	defer cancel()
	drop := "DROP DATABASE IF EXISTS " + quote(name)
	for {
		err := l.execute(ctx, server.URL, drop+" WITH (FORCE)")
		if err != nil {
			err = l.execute(ctx, server.URL, drop)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}
