package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Channel is where a wake-up of the relay is sent (LISTEN).
const Channel = "careflow_outbox"

// LeaseOutbox takes up to n due rows for the length of the lease, at most the oldest
// one of each appointment, so that what happens to a visit arrives in order. A row
// whose lease ran out is taken again: its receiver must bear it twice.
func (s *Store) LeaseOutbox(ctx context.Context, n int, lease time.Duration) ([]domain.OutboxRow, error) {
	rows, err := s.q.LeaseOutbox(ctx, db.LeaseOutboxParams{LeaseSeconds: int32(lease / time.Second), MaxRows: int32(n)}) //nolint:gosec // small bounds
	if err != nil {
		return nil, fmt.Errorf("leasing outbox rows: %w", err)
	}
	leased := make([]domain.OutboxRow, 0, len(rows))
	for _, r := range rows {
		leased = append(leased, domain.OutboxRow{
			ID: r.ID, Topic: domain.OutboxTopic(r.Topic), AppointmentID: deref(r.AppointmentID), AccountID: deref(r.AccountID), Payload: r.Payload,
			Attempts: int(r.Attempts), CreatedAt: r.CreatedAt.UTC(), Traceparent: r.Traceparent,
		})
	}
	return leased, nil
}

// FinishOutbox marks a row as delivered.
func (s *Store) FinishOutbox(ctx context.Context, id int64) error { return s.q.FinishOutbox(ctx, id) }

// PostponeOutbox gives a row back, to be tried again after delay.
func (s *Store) PostponeOutbox(ctx context.Context, id int64, delay time.Duration, reason string) error {
	return s.q.PostponeOutbox(ctx, db.PostponeOutboxParams{ID: id, LastError: reason, DelaySeconds: delay.Seconds()})
}

// ParkOutbox keeps a row for ops instead of relaying it.
func (s *Store) ParkOutbox(ctx context.Context, id int64, reason string) error {
	return s.q.ParkOutbox(ctx, db.ParkOutboxParams{ID: id, LastError: reason})
}

// OutboxBacklog returns how many rows wait and how long the oldest has waited.
func (s *Store) OutboxBacklog(ctx context.Context) (waiting int64, oldest time.Duration, err error) {
	row, err := s.q.OutboxBacklog(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("counting the outbox: %w", err)
	}
	return row.Waiting, time.Duration(row.OldestSeconds * float64(time.Second)), nil
}

// Wake asks the relay to look at the outbox soon. It never blocks: NOTIFY takes a
// lock that all committing transactions share, so wake-ups are coalesced and sent by
// NotifyLoop outside any transaction.
func (s *Store) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// NotifyLoop sends the wake-ups until ctx ends, at most one per pause. A lost one only
// costs time: the relay also polls.
func (s *Store) NotifyLoop(ctx context.Context, pause time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		_, _ = s.pool.Exec(ctx, "SELECT pg_notify($1, '')", Channel)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Listen waits for wake-ups on a connection of its own and calls awake for each, until
// ctx ends or the connection breaks.
func (s *Store) Listen(ctx context.Context, awake func()) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to listen: %w", err)
	}
	// A connection that listens must not go back into the pool.
	raw := conn.Hijack()
	defer func() { _ = raw.Close(context.WithoutCancel(ctx)) }()
	if _, err := raw.Exec(ctx, "LISTEN "+Channel); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	for {
		if _, err := raw.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("waiting for a wake-up: %w", err)
		}
		awake()
	}
}
