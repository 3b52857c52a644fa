package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/careflow/careflow/internal/postgres/db"
)

// pipeline carries out several generated queries in one round trip, each with a snapshot
// of its own, as if they were sent one after the other.
//
// A step calls exactly one method of q. It is called twice: first only to learn its
// statement, when its error is to be ignored, then with the statement's result. When a
// statement fails, those after it fail with it.
type pipeline struct {
	// before and after are statements around the steps, such as begin and commit. Without
	// them the steps are one transaction.
	before, after string
	steps         []func(q *db.Queries) error
}

// add adds a step that reads one value.
func add[T any](p *pipeline, into *T, query func(q *db.Queries) (T, error)) {
	p.steps = append(p.steps, func(q *db.Queries) (err error) {
		*into, err = query(q)
		return err
	})
}

// addIf is add for a row that may be missing: found then stays false.
func addIf[T any](p *pipeline, into *T, found *bool, query func(q *db.Queries) (T, error)) {
	p.steps = append(p.steps, func(q *db.Queries) (err error) {
		*into, err = query(q)
		*found = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
}

// batcher is a connection, a pool or a transaction.
type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

func (p *pipeline) run(ctx context.Context, on batcher) error {
	var batch pgx.Batch
	if p.before != "" {
		batch.Queue(p.before)
	}
	first, recorder := batch.Len(), db.New(recording{&batch})
	for i, step := range p.steps {
		_ = step(recorder)
		if batch.Len() != first+i+1 {
			return fmt.Errorf("step %d of a pipeline does not make one query", i)
		}
	}
	if p.after != "" {
		batch.Queue(p.after)
	}
	results := on.SendBatch(ctx, &batch)
	return errors.Join(p.read(results), results.Close())
}

func (p *pipeline) read(results pgx.BatchResults) error {
	if p.before != "" {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	q := db.New(replaying{results})
	for _, step := range p.steps {
		if err := step(q); err != nil {
			return err
		}
	}
	if p.after != "" {
		_, err := results.Exec()
		return err
	}
	return nil
}

// errRecording is the result of a statement that is only being recorded.
var errRecording = errors.New("not carried out yet")

// recording notes statements instead of carrying them out.
type recording struct{ batch *pgx.Batch }

func (r recording) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, errRecording
}

func (r recording) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	r.batch.Queue(sql, args...)
	return nil, errRecording
}

func (r recording) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	r.batch.Queue(sql, args...)
	return nothing{}
}

type nothing struct{}

func (nothing) Scan(...any) error { return errRecording }

// replaying hands out the results in the order of the statements.
type replaying struct{ results pgx.BatchResults }

func (r replaying) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return r.results.Exec()
}

func (r replaying) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return r.results.Query()
}

func (r replaying) QueryRow(context.Context, string, ...any) pgx.Row { return r.results.QueryRow() }
