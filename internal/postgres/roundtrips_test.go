package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// What a request costs in round trips to the database, once its statements are prepared
// and the offer is remembered. More of them is a decision: see ADR 18.
func TestWhatIsAskedOftenTakesOneRoundTrip(t *testing.T) {
	t.Parallel()
	c, trips := counted(t, 1)
	for what, ask := range map[string]func(hours int){
		"a booking": func(hours int) { c.book(t, patient, visit(later(hours))) },
		"a slot search": func(int) {
			_, err := c.Availability(t.Context(), seed.DoctorID, seed.TypeVisitID, domain.Window{Start: nine, End: nine.AddDate(0, 0, 30)})
			require.NoError(t, err)
		},
		"a record": func(int) { _, _ = c.Appointment(t.Context(), everyone, seed.PatientID, domain.Access{Caller: staff}) },
	} {
		ask(0)
		ask(1) // the first one reads the offer
		trips.n.Store(0)
		ask(2)
		require.EqualValues(t, 1, trips.n.Load(), what)
	}
}

func TestThoseWhoReadAtTheSameTimeShareAStatementAndHaveALineEach(t *testing.T) {
	t.Parallel()
	c, trips := counted(t, 8)
	mine, other := c.book(t, patient, visit(nine)), c.book(t, staff, visitOf(t, c, later(1)))
	const readers = 100
	trips.n.Store(0)
	codes := atOnce(readers, func(i int) error {
		id, scope := mine, domain.Scope{AccountID: patientAccount}
		switch i % 4 {
		case 1:
			scope = everyone
		case 2: // may see it as little as if nobody else asked
			scope = domain.Scope{AccountID: caregiverAccount}
		case 3:
			id = other
		}
		a, err := c.Appointment(t.Context(), scope, id, domain.Access{Caller: patient, RequestID: fmt.Sprintf("request-%03d", i)})
		if err == nil && (a.ID != id || a.Reason != secretWords) {
			return errors.New("another one's record")
		}
		return err
	})
	require.Equal(t, map[domain.Code]int{"": readers / 2, domain.CodeNotFound: readers / 2}, codes)
	require.Less(t, trips.n.Load(), int64(readers/2))
	require.Equal(t, readers/2, c.count(t, "record_accesses"))
	require.Equal(t, readers/2, c.count(t, "(SELECT DISTINCT request_id FROM record_accesses WHERE appointment_id = $1 AND user_id = $2 AND roles = '{patient}') r", mine, patientAccount))
}

// visitOf is a visit of a patient of another account.
func visitOf(t *testing.T, c clinic, start time.Time) domain.BookingRequest {
	t.Helper()
	_, patients := c.people(t, 1)
	r := visit(start)
	r.PatientID = patients[0]
	return r
}

// counted is a clinic whose store counts its round trips.
func counted(t *testing.T, connections int32) (clinic, *roundTrips) {
	t.Helper()
	c := open(t)
	cfg, err := pgxpool.ParseConfig(c.url)
	require.NoError(t, err)
	trips := &roundTrips{}
	cfg.ConnConfig.Tracer, cfg.MaxConns = trips, connections
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	c.Store = postgres.New(pool, cipher{})
	return c, trips
}

// roundTrips counts what a connection sends and waits for.
type roundTrips struct{ n atomic.Int64 }

func (r *roundTrips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	r.n.Add(1)
	return ctx
}
func (*roundTrips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (r *roundTrips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	r.n.Add(1)
	return ctx
}
func (*roundTrips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*roundTrips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func (r *roundTrips) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	r.n.Add(1)
	return ctx
}
func (*roundTrips) TracePrepareEnd(context.Context, *pgx.Conn, pgx.TracePrepareEndData) {}
