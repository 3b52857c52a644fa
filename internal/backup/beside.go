package backup

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// live is the database of a target as a restore reaches it.
func (s *Service) live(target string) (Server, string, error) {
	address, ok := s.Live[target]
	if !ok {
		return Server{}, "", domain.Errorf(domain.CodeNotFound, "target %q cannot be restored by this worker: name it in CAREFLOW_RESTORE_TARGETS", target)
	}
	return Server{URL: address}, databaseOf(address), nil
}

// Databases of a restore are named by what they stand beside and by the restore's ID.
const (
	besideRestored = "_restored_"
	besideBefore   = "_before_"
)

// besideName keeps within the 63 bytes of a name in PostgreSQL.
func besideName(live, kind, restoreID string) string {
	id := strings.ReplaceAll(restoreID, "-", "")
	return live[:min(len(live), 36)] + kind + id[max(0, len(id)-12):]
}

// Resolve finds the backup that is meant; see domain.ChoosePoint. product is a table that
// the target must have: what has it not is another system's, and not restored while it runs.
func (s *Service) Resolve(ctx context.Context, target, backupID string, before time.Time, product string) (domain.BackupManifest, error) {
	m, source, err := s.point(ctx, target, backupID, before)
	if err != nil {
		return m, err
	}
	if _, ok := source.Table(product); !ok {
		return m, domain.Errorf(domain.CodeConflict, "target %q is not the clinic's database: restore it by hand with everything stopped, as the runbook says", target)
	}
	return m, nil
}

// point is a backup of a target that may be restored here, with what was in it.
func (s *Service) point(ctx context.Context, target, backupID string, before time.Time) (domain.BackupManifest, domain.Fingerprint, error) {
	var source domain.Fingerprint
	if _, _, err := s.live(target); err != nil {
		return domain.BackupManifest{}, source, err
	}
	inventory, err := s.Inventory(ctx, target)
	if err != nil {
		return domain.BackupManifest{}, source, err
	}
	m, err := domain.ChoosePoint(inventory.Backups, backupID, before)
	if err != nil {
		return m, source, err
	}
	return m, source, s.read(ctx, m, domain.PartFingerprint, nil, decode(&source))
}

// RestoreBeside fills a new database from a backup, proves that it is what was saved, and
// returns its name. Each try has one of its own; those of earlier tries go.
func (s *Service) RestoreBeside(ctx context.Context, target, backupID, restoreID string, try int, progress func(string, int64)) (string, error) {
	server, live, err := s.live(target)
	if err != nil {
		return "", err
	}
	m, err := s.Vault.Manifest(ctx, target, backupID)
	if err != nil {
		return "", err
	}
	prefix := besideName(live, besideRestored, restoreID)
	if err := s.DropAll(ctx, server, prefix); err != nil {
		return "", err
	}
	database := prefix + "_" + strconv.Itoa(try)
	if err := s.Restore(ctx, m, server, database, live, progress); err != nil {
		return "", err
	}
	return database, s.CheckRestored(ctx, m, withDatabase(server.URL, database), progress)
}

// Address is the URL of a database beside the target's, or of the target's own for "", as
// the role that owns the live one: what it makes there belongs to that role.
func (s *Service) Address(ctx context.Context, target, database string) (string, error) {
	server, live, err := s.live(target)
	if err != nil {
		return "", err
	}
	if database == "" {
		database = live
	}
	owner, err := s.OwnerOf(ctx, server, database)
	if err != nil || owner == "" {
		return withDatabase(server.URL, database), err
	}
	return asRole(withDatabase(server.URL, database), owner), nil
}

// asRole opens sessions that act as another role, of which the URL's is a member.
func asRole(address, role string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // connect reports it
	}
	q := u.Query()
	q.Set("role", role)
	u.RawQuery = q.Encode()
	return u.String()
}

// TakeAlong replaces tables of a database beside the live one by the live one's.
func (s *Service) TakeAlong(ctx context.Context, target, database string, carried []domain.CarriedTable) error {
	server, live, err := s.live(target)
	if err != nil {
		return err
	}
	return s.CopyTables(ctx, withDatabase(server.URL, live), withDatabase(server.URL, database), carried)
}

// Compare counts the rows of the live database and of one beside it. A live one that cannot
// be read has none.
func (s *Service) Compare(ctx context.Context, target, database string) ([]domain.TableDifference, error) {
	server, live, err := s.live(target)
	if err != nil {
		return nil, err
	}
	restored, err := s.RowCounts(ctx, withDatabase(server.URL, database))
	if err != nil {
		return nil, err
	}
	there, err := s.RowCounts(ctx, withDatabase(server.URL, live))
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	return domain.DifferencesOf(there, restored), nil
}

// Swap puts a restored database in the place of the live one and returns the name that this
// has from now on, "" where there was none, and how long neither could be reached; see Logical.Exchange.
func (s *Service) Swap(ctx context.Context, target, database, restoreID string) (before string, took time.Duration, err error) {
	server, live, err := s.live(target)
	if err != nil {
		return "", 0, err
	}
	before = besideName(live, besideBefore, restoreID)
	if took, err = s.Exchange(ctx, server, live, database, before); err != nil {
		return "", 0, err
	}
	if owner, err := s.OwnerOf(ctx, server, before); err != nil || owner == "" {
		return "", took, err // nothing lived
	}
	return before, took, nil
}

// SwapBack undoes a Swap: what lived before lives again, and the restored database has its
// own name.
func (s *Service) SwapBack(ctx context.Context, target, database, before string) (took time.Duration, err error) {
	server, live, err := s.live(target)
	if err != nil {
		return 0, err
	}
	return s.Exchange(ctx, server, live, before, database)
}

// DropBeside removes the restored databases of a restore that do not live, and with all what
// lived before too.
func (s *Service) DropBeside(ctx context.Context, target, restoreID string, all bool) error {
	server, live, err := s.live(target)
	if err != nil {
		return err
	}
	if err := s.DropAll(ctx, server, besideName(live, besideRestored, restoreID)); err != nil || !all {
		return err
	}
	return s.DropAll(ctx, server, besideName(live, besideBefore, restoreID))
}
