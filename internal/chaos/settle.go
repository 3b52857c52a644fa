package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// lastNews is how long watchers may take to hear of what is settled: a few looks of the
// API for news, and a new connection.
const lastNews = 20 * time.Second

// endWatching waits until everybody has seen the end of what they watch, or should have.
func (r *run) endWatching(stop context.CancelFunc) {
	done := make(chan struct{})
	go func() { r.watchers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(lastNews):
	}
	stop()
	<-done
}

// settle waits until nothing is under way any more, and says what is when the wait is
// over.
func (r *run) settle(ctx context.Context) (took time.Duration, open []string) {
	began, spoke := time.Now(), time.Now()
	for {
		var err error
		if open, err = r.underWay(ctx); err != nil {
			open = []string{err.Error()}
		}
		if len(open) == 0 || time.Since(began) > r.o.Settle || ctx.Err() != nil {
			return time.Since(began), open
		}
		if time.Since(spoke) > 20*time.Second {
			spoke = time.Now()
			r.o.Say("settling: %v", open)
		}
		pause(ctx, time.Second)
	}
}

// underWay counts what has still to happen.
func (r *run) underWay(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var open []string
	if !r.stack.ready(ctx) {
		open = append(open, "API and worker are not ready")
	}
	conn, err := pgx.Connect(ctx, r.stack.database())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for what, query := range map[string]string{
		"visits that are not archived":   `SELECT count(*) FROM appointments WHERE status <> 'archived'`,
		"outbox rows that wait":          `SELECT count(*) FROM outbox WHERE done_at IS NULL AND topic <> 'unmatched'`,
		"payment cases that go on":       `SELECT count(*) FROM payment_cases WHERE state IN ('open', 'retrying')`,
		"backups under way":              `SELECT count(*) FROM backup_logs WHERE state IN ('running', 'stored')`,
		"letters to accounts":            `SELECT count(*) FROM account_messages WHERE status IN ('pending', 'sending')`,
		"letters that are not delivered": `SELECT count(*) FROM messages WHERE status IN ('pending', 'sending')`,
	} {
		var n int
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			open = append(open, fmt.Sprintf("%d %s", n, what))
		}
	}
	running, err := oracle.Running(ctx, r.stack.temporal())
	if err != nil {
		return nil, err
	}
	if running > 0 {
		open = append(open, fmt.Sprintf("%d processes run", running))
	}
	untold, err := r.vendors.hurry(ctx)
	if err != nil {
		return nil, err
	}
	if untold > 0 {
		open = append(open, fmt.Sprintf("%d events of vendors have not arrived", untold))
	}
	return open, nil
}

// reconcile lets the reconciler run once, so that what stands still is reported.
func (r *run) reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		a, err := r.ops.once(ctx, http.MethodPost, "/v1/ops/reconciliations", nil, newKey())
		if err == nil && a.status < 300 {
			break // it is under way: 202
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the reconciler cannot be asked: %d %s", a.status, a.body)
		}
		if a.status == http.StatusUnauthorized {
			if err := r.ops.logIn(ctx); err != nil {
				return err
			}
		}
		pause(ctx, time.Second)
	}
	for ctx.Err() == nil {
		list, err := r.ops.insist(ctx, http.MethodGet, "/v1/ops/reconciliations", nil, "")
		if err != nil {
			return err
		}
		var page struct {
			Items []struct {
				FinishedAt *time.Time `json:"finished_at"`
			} `json:"items"`
		}
		if err := json.Unmarshal(list.body, &page); err != nil {
			return err
		}
		if len(page.Items) > 0 && page.Items[0].FinishedAt != nil {
			return nil
		}
		pause(ctx, time.Second)
	}
	return fmt.Errorf("the reconciler did not finish within a minute")
}
