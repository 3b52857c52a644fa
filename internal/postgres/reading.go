package postgres

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// readings reads records for those who ask at the same time with one statement, which also
// writes the line of each: they share its costs, and wait for the disk together. What is
// asked for while as many statements as may be are under way goes with the next one.
type readings struct {
	q *db.Queries

	mu      sync.Mutex
	running int
	next    *reading // nil when nobody waits
}

const (
	// readingsAtOnce is how many such statements there are at once: some wait for the disk
	// while others are carried out. With fewer, a slow disk holds readers up for two or three
	// of its writes instead of one or two; with as many as readers, nothing is shared.
	readingsAtOnce = 4
	// mostReaders is how many readers share one.
	mostReaders = 32
	// readingTimeout bounds a statement: one reader may give up, the others go on.
	readingTimeout = 15 * time.Second
	// noScope is no doctor and no account.
	noScope = "00000000-0000-0000-0000-000000000000"
)

// reading is one statement. What comes after done belongs to its readers.
type reading struct {
	db.ReadAppointmentsParams
	done chan struct{}
	rows map[int32]db.AppointmentByIDRow // by reader
	err  error
}

// read returns a record within the scope, once the line that says who reads it is on the
// disk. IDs are UUIDs: one that is none would take the others along. pgx.ErrNoRows, and no
// line, where there is no such record.
func (r *readings) read(ctx context.Context, scope domain.Scope, id string, by domain.Access) (db.AppointmentByIDRow, error) {
	together, reader := r.join(scope, id, by)
	select {
	case <-together.done:
	case <-ctx.Done():
		return db.AppointmentByIDRow{}, ctx.Err()
	}
	if together.err != nil {
		return db.AppointmentByIDRow{}, together.err
	}
	row, found := together.rows[reader]
	if !found {
		return row, pgx.ErrNoRows
	}
	return row, nil
}

func (r *readings) join(scope domain.Scope, id string, by domain.Access) (together *reading, reader int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &reading{done: make(chan struct{})}
	}
	together = r.next
	reader = int32(len(together.Readers)) //nolint:gosec // a few
	together.Readers = append(together.Readers, reader)
	together.Ids = append(together.Ids, id)
	together.AllVisits = append(together.AllVisits, scope.All)
	together.ScopeDoctors = append(together.ScopeDoctors, cmp.Or(scope.DoctorID, noScope))
	together.ScopeAccounts = append(together.ScopeAccounts, cmp.Or(scope.AccountID, noScope))
	together.UserIds = append(together.UserIds, by.Caller.UserID)
	together.Roles = append(together.Roles, strings.Join(namesOf(by.Caller.Roles), ","))
	together.RequestIds = append(together.RequestIds, by.RequestID)
	if r.running < readingsAtOnce || len(together.Readers) == mostReaders {
		r.running++
		r.next = nil
		go r.carryOut(together)
	}
	return together, reader
}

// carryOut goes on until nobody waits.
func (r *readings) carryOut(together *reading) {
	for together != nil {
		together.carryOut(r.q)
		r.mu.Lock()
		together, r.next = r.next, nil
		if together == nil {
			r.running--
		}
		r.mu.Unlock()
	}
}

func (t *reading) carryOut(q *db.Queries) {
	defer close(t.done)
	ctx, cancel := context.WithTimeout(context.Background(), readingTimeout)
	defer cancel()
	rows, err := q.ReadAppointments(ctx, t.ReadAppointmentsParams)
	if err != nil {
		t.err = fmt.Errorf("reading for %d at once: %w", len(t.Readers), err)
		return
	}
	t.rows = make(map[int32]db.AppointmentByIDRow, len(rows))
	for _, row := range rows {
		t.rows[row.Reader] = db.AppointmentByIDRow(row)
	}
}
