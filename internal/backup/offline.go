package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// Offline restores one target while nothing of the product runs, not even Temporal: what it
// needs to know is in the storage and on the target's server. It is the only way for
// Temporal's own databases, since no process can restore the Temporal that it runs in.
//
// The server is spoken to through its database postgres: the target's own may be gone.
type Offline struct {
	*Logical
	Target string
	// URL is the live database's, with password. Its role may create databases and owns the
	// live one, or is a member of the role that does.
	URL string
	// Owner is whose the database becomes where none lives whose owner it takes over. Tables
	// of the backup get their own owners, which must be able to make things in it. Defaults
	// to the URL's role.
	Owner string
}

// OfflinePlan is what an offline restore, or the undo of one, is about to do.
type OfflinePlan struct {
	Backup domain.BackupManifest // none for an undo
	Holds  string                // one of the Holds constants
	Live   string                // name of the database whose place is taken
	Lives  bool                  // whether there is one
	// Incoming takes its place. Outgoing is the name that what lives now is kept under.
	Incoming, Outgoing string
	// Beside are other databases of offline restores that still lie there.
	Beside []string
}

// What a backup holds, as far as it matters to whoever puts it in the place of what lives.
const (
	HoldsProcesses  = "processes"  // Temporal's own database
	HoldsVisibility = "visibility" // Temporal's lists of its processes
	HoldsClinic     = "clinic"
	HoldsOther      = ""
)

// holdsBy are tables that tell.
var holdsBy = []struct{ table, holds string }{
	{"public.appointments", HoldsClinic}, {"public.executions", HoldsProcesses}, {"public.executions_visibility", HoldsVisibility},
}

// stamp is how the databases of an offline restore are dated, in UTC. It sorts by time, and
// a restore that is a process of the product has no such name.
const stamp = "20060102_150405"

func besideOffline(live, kind string) string { return live[:min(len(live), 36)] + kind }

// Session is somebody who is connected to a database.
type Session struct {
	PID         int
	Role        string
	Application string // what the client calls itself; "" where it does not
}

func (o *Offline) server() Server { return Server{URL: maintenance(o.URL)} }

// Plan chooses a backup (see domain.ChoosePoint), makes sure that it opens, and looks at the
// server. It changes nothing.
func (o *Offline) Plan(ctx context.Context, backupID string, before time.Time) (OfflinePlan, error) {
	p := OfflinePlan{Live: databaseOf(o.URL)}
	inventory, err := o.Vault.Inventory(ctx, o.Target)
	if err != nil {
		return p, err
	}
	if slices.Contains(inventory.Unreadable, backupID) {
		return p, domain.Errorf(domain.CodeBackupDamaged, "the manifest of backup %s was signed by none of CAREFLOW_BACKUP_SIGNING_KEYS, or is damaged", backupID)
	}
	if p.Backup, err = domain.ChoosePoint(inventory.Backups, backupID, before); err != nil {
		return p, err
	}
	var source domain.Fingerprint
	if err := o.read(ctx, p.Backup, domain.PartFingerprint, nil, decode(&source)); err != nil {
		return p, err
	}
	for _, by := range holdsBy {
		if _, ok := source.Table(by.table); ok {
			p.Holds = by.holds
			break
		}
	}
	if _, err := o.Tools.fits(ctx, "pg_restore", p.Backup.Server); err != nil {
		return p, err
	}
	at := o.now().Format(stamp)
	p.Incoming, p.Outgoing = besideOffline(p.Live, besideRestored)+at, besideOffline(p.Live, besideBefore)+at
	p.Lives, p.Beside, err = o.survey(ctx, p.Live)
	return p, err
}

// PlanUndo finds what lived before the newest offline restore that took something's place.
// CodeNotFound where there is nothing to go back to.
func (o *Offline) PlanUndo(ctx context.Context) (OfflinePlan, error) {
	p := OfflinePlan{Live: databaseOf(o.URL)}
	var err error
	if p.Lives, p.Beside, err = o.survey(ctx, p.Live); err != nil {
		return p, err
	}
	prefix := besideOffline(p.Live, besideBefore)
	for _, name := range p.Beside { // the newest comes last
		if at, ok := strings.CutPrefix(name, prefix); ok {
			p.Incoming, p.Outgoing = name, besideOffline(p.Live, besideRestored)+at
		}
	}
	if p.Incoming == "" {
		return p, domain.Errorf(domain.CodeNotFound, "no database lies there that an offline restore has put aside: there is nothing to go back to")
	}
	p.Beside = slices.DeleteFunc(p.Beside, func(name string) bool { return name == p.Incoming })
	err = o.look(ctx, withDatabase(o.URL, p.Incoming), func(tx pgx.Tx) error {
		for _, by := range slices.Backward(holdsBy) {
			var there bool
			if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", by.table).Scan(&there); err != nil {
				return fmt.Errorf("looking for tables: %w", err)
			}
			if there {
				p.Holds = by.holds
			}
		}
		return nil
	})
	return p, err
}

// survey says whether the live database is there, and which of offline restores lie beside it.
func (o *Offline) survey(ctx context.Context, live string) (lives bool, beside []string, err error) {
	conn, err := connect(ctx, o.server().URL)
	if err != nil {
		return false, nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	there, err := databases(ctx, conn, live)
	if err != nil {
		return false, nil, err
	}
	rows, err := conn.Query(ctx, `SELECT datname FROM pg_database
		WHERE (starts_with(datname, $1) OR starts_with(datname, $2)) AND datname ~ '_[0-9]{8}_[0-9]{6}$' ORDER BY 1`,
		besideOffline(live, besideBefore), besideOffline(live, besideRestored))
	if err != nil {
		return false, nil, fmt.Errorf("looking for databases: %w", err)
	}
	if beside, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return false, nil, fmt.Errorf("looking for databases: %w", err)
	}
	return there[live], beside, nil
}

// Fill makes the database that is to take the place and proves that it is what was saved. If
// that fails, none is left.
func (o *Offline) Fill(ctx context.Context, p OfflinePlan, progress Progress) error {
	belong := func() error { return o.Resemble(ctx, o.server(), p.Incoming, p.Live) }
	if !p.Lives && o.Owner != "" {
		belong = func() error {
			return o.execute(ctx, o.server().URL, "ALTER DATABASE "+quote(p.Incoming)+" OWNER TO "+quote(o.Owner))
		}
	}
	if err := o.fill(ctx, p.Backup, o.server(), p.Incoming, belong, progress); err != nil {
		return err
	}
	if err := o.CheckRestored(ctx, p.Backup, withDatabase(o.URL, p.Incoming), progress); err != nil {
		return errors.Join(err, o.Discard(context.WithoutCancel(ctx), p))
	}
	return nil
}

// Discard removes what Fill made.
func (o *Offline) Discard(ctx context.Context, p OfflinePlan) error {
	return o.dropDatabase(ctx, o.server(), p.Incoming)
}

// leaving is how long a session that has just ended may take to go.
const leaving = 2 * time.Second

// Sessions lists who is connected to the live database.
func (o *Offline) Sessions(ctx context.Context, p OfflinePlan) ([]Session, error) {
	conn, err := connect(ctx, o.server().URL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for until := time.Now().Add(leaving); ; {
		// Workers of the server itself, such as autovacuum, have no role: they make way.
		rows, err := conn.Query(ctx, `SELECT pid, coalesce(usename, ''), coalesce(application_name, '') FROM pg_stat_activity
			WHERE datname = $1 AND usesysid IS NOT NULL ORDER BY 3, 1`, p.Live)
		if err != nil {
			return nil, fmt.Errorf("looking for sessions: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Session])
		if err != nil {
			return nil, fmt.Errorf("looking for sessions: %w", err)
		}
		if len(found) == 0 || time.Now().After(until) {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(leaving / 10):
		}
	}
}

// Take lets Incoming take the place of what lives; see Exchange. Nobody is thrown out for
// that: CodeConflict while somebody is connected.
func (o *Offline) Take(ctx context.Context, p OfflinePlan) (time.Duration, error) {
	took, err := o.exchange(ctx, o.server(), p.Live, p.Incoming, p.Outgoing, leavingSessions)
	var refused interface{ SQLState() string }
	if errors.As(err, &refused) && refused.SQLState() == objectInUse {
		return 0, domain.Errorf(domain.CodeConflict, "somebody is connected to database %s", p.Live).Because(err)
	}
	return took, err
}
