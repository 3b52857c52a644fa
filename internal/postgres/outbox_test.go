package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
)

func (c clinic) lease(t *testing.T, n int) []domain.OutboxRow {
	t.Helper()
	rows, err := c.LeaseOutbox(t.Context(), n, time.Minute)
	require.NoError(t, err)
	return rows
}

// hints adds n payment hints for an appointment that need not exist.
func (c clinic) hints(t *testing.T, appointmentID string, n int) {
	t.Helper()
	for range n {
		c.exec(t, "INSERT INTO outbox (topic, dedupe_key, appointment_id) VALUES ('payment_hint', $1, $2)", domain.NewID(), appointmentID)
	}
}

func TestOnlyTheOldestRowOfAVisitIsLeased(t *testing.T) {
	t.Parallel()
	c := open(t)
	a, b := domain.NewID(), domain.NewID()
	c.hints(t, a, 2)
	c.hints(t, b, 1)
	first := c.lease(t, 10)
	require.Len(t, first, 2)
	require.Equal(t, 1, first[0].Attempts)
	require.Empty(t, c.lease(t, 10), "the second one waits for the first one's receipt")
	var ofA int64
	for _, row := range first {
		if row.AppointmentID == a {
			ofA = row.ID
		}
	}
	require.NoError(t, c.FinishOutbox(t.Context(), ofA))
	second := c.lease(t, 10)
	require.Len(t, second, 1)
	require.Equal(t, a, second[0].AppointmentID)
	require.Greater(t, second[0].ID, ofA)
}

func TestALeaseThatRanOutIsTakenAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.hints(t, domain.NewID(), 1)
	id := c.lease(t, 1)[0].ID
	c.exec(t, "UPDATE outbox SET leased_until = now() - interval '1 second'")
	again := c.lease(t, 1)
	require.Len(t, again, 1)
	require.Equal(t, id, again[0].ID)
	require.Equal(t, 2, again[0].Attempts)
}

func TestAPostponedRowWaitsAndHoldsUpItsVisitOnly(t *testing.T) {
	t.Parallel()
	c := open(t)
	a := domain.NewID()
	c.hints(t, a, 2)
	row := c.lease(t, 1)[0]
	require.NoError(t, c.PostponeOutbox(t.Context(), row.ID, time.Hour, "unavailable"))
	c.hints(t, domain.NewID(), 1)
	rows := c.lease(t, 10)
	require.Len(t, rows, 1)
	require.NotEqual(t, a, rows[0].AppointmentID)
	require.Equal(t, "unavailable", one[string](t, c, "SELECT last_error FROM outbox WHERE id = $1", row.ID))
	c.exec(t, "UPDATE outbox SET not_before = now() WHERE id = $1", row.ID)
	rows = c.lease(t, 10)
	require.Len(t, rows, 1)
	require.Equal(t, row.ID, rows[0].ID)
}

func TestAParkedRowIsKeptAndHoldsUpNothing(t *testing.T) {
	t.Parallel()
	c := open(t)
	a := domain.NewID()
	c.hints(t, a, 2)
	row := c.lease(t, 1)[0]
	require.NoError(t, c.ParkOutbox(t.Context(), row.ID, "archived"))
	rows := c.lease(t, 10)
	require.Len(t, rows, 1)
	require.NotEqual(t, row.ID, rows[0].ID)
	require.Equal(t, 1, c.count(t, "outbox WHERE topic = 'unmatched' AND last_error = 'archived' AND done_at IS NULL"))
}

func TestTheBacklogIsWhatIsOwed(t *testing.T) {
	t.Parallel()
	c := open(t)
	waiting, oldest, err := c.OutboxBacklog(t.Context())
	require.NoError(t, err)
	require.Zero(t, waiting)
	require.Zero(t, oldest)
	c.hints(t, domain.NewID(), 3)
	c.exec(t, "UPDATE outbox SET created_at = now() - interval '1 minute'")
	_, err = c.AcceptWebhook(t.Context(), domain.Webhook{Source: "stripe", ID: "evt_x", IntentID: "pi_unknown"})
	require.NoError(t, err)
	require.NoError(t, c.FinishOutbox(t.Context(), c.lease(t, 1)[0].ID))
	waiting, oldest, err = c.OutboxBacklog(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(2), waiting, "neither what is done nor what is for people")
	require.GreaterOrEqual(t, oldest, time.Minute)
}

func TestRelaysBesideEachOtherNeverShareARowOrExceedTheirBound(t *testing.T) {
	t.Parallel()
	c := open(t)
	for range 100 {
		c.hints(t, domain.NewID(), 3)
	}
	c.exec(t, "ANALYZE outbox")
	var mu sync.Mutex
	leased, order := map[int64]int{}, map[string]int64{}
	codes := atOnce(6, func(int) error {
		for {
			rows, err := c.LeaseOutbox(t.Context(), 7, time.Minute)
			if err != nil || len(rows) == 0 {
				return err
			}
			if len(rows) > 7 {
				return fmt.Errorf("asked for 7 rows, got %d", len(rows))
			}
			for _, row := range rows {
				mu.Lock()
				leased[row.ID]++
				inOrder := order[row.AppointmentID] < row.ID
				order[row.AppointmentID] = row.ID
				mu.Unlock()
				if !inOrder {
					return fmt.Errorf("row %d overtook another one", row.ID)
				}
				if err := c.FinishOutbox(t.Context(), row.ID); err != nil {
					return err
				}
			}
		}
	})
	require.Equal(t, map[domain.Code]int{"": 6}, codes)
	for rows := c.lease(t, 50); len(rows) > 0; rows = c.lease(t, 50) { // what a relay left at its last look
		for _, row := range rows {
			leased[row.ID]++
			require.NoError(t, c.FinishOutbox(t.Context(), row.ID))
		}
	}
	require.Len(t, leased, 300)
	for id, times := range leased {
		require.Equal(t, 1, times, "row %d", id)
	}
}

func TestAWebhookIsKeptOnceAndFindsItsVisit(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	require.NoError(t, c.FinishOutbox(t.Context(), c.lease(t, 1)[0].ID))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	accept := func(w domain.Webhook) bool {
		fresh, err := c.AcceptWebhook(t.Context(), w)
		require.NoError(t, err)
		return fresh
	}
	require.True(t, accept(domain.Webhook{Source: "stripe", ID: "evt_1", Type: "charge.refunded", IntentID: "pi_1"}), "by the intent")
	require.False(t, accept(domain.Webhook{Source: "stripe", ID: "evt_1", Type: "charge.refunded", IntentID: "pi_1"}))
	require.True(t, accept(domain.Webhook{Source: "sendgrid", ID: "evt_1", IntentID: "pi_1"}), "another vendor's IDs are its own")
	require.True(t, accept(domain.Webhook{Source: "stripe", ID: "evt_2", IntentID: "pi_new", AppointmentID: id}), "by the metadata, before the intent is recorded")
	require.True(t, accept(domain.Webhook{Source: "stripe", ID: "evt_3", IntentID: "pi_foreign", AppointmentID: domain.NewID()}))
	require.True(t, accept(domain.Webhook{Source: "stripe", ID: "evt_4", IntentID: "pi_foreign", AppointmentID: "order-17"}))
	require.True(t, accept(domain.Webhook{Source: "stripe", ID: "evt_5"}))
	require.Equal(t, 3, c.count(t, "outbox WHERE topic = 'payment_hint' AND appointment_id = $1", id))
	require.Equal(t, 3, c.count(t, "outbox WHERE topic = 'unmatched' AND appointment_id IS NULL"))

	row := c.lease(t, 10)
	require.Len(t, row, 1)
	require.Equal(t, domain.TopicPaymentHint, row[0].Topic)
	require.JSONEq(t, `{"event_id":"evt_1","type":"charge.refunded","intent_id":"pi_1"}`, string(row[0].Payload))
}

func TestADeferredCommandIsKeptOncePerUpdate(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	require.NoError(t, c.FinishOutbox(t.Context(), c.lease(t, 1)[0].ID))
	for range 2 {
		require.NoError(t, c.DeferCommand(t.Context(), id, "cancel", "update-1", map[string]string{"reason_code": "patient_request"}))
	}
	rows := c.lease(t, 10)
	require.Len(t, rows, 1)
	require.Equal(t, domain.TopicCommand, rows[0].Topic)
	require.JSONEq(t, `{"update":"cancel","update_id":"update-1","command":{"reason_code":"patient_request"}}`, string(rows[0].Payload))
}

func TestABookingWakesTheRelay(t *testing.T) {
	t.Parallel()
	c := open(t)
	awake := make(chan struct{}, 1)
	var loops sync.WaitGroup
	ctx, cancel := contextOf(t)
	loops.Go(func() {
		_ = c.Listen(ctx, func() {
			select {
			case awake <- struct{}{}:
			default:
			}
		})
	})
	loops.Go(func() { c.NotifyLoop(ctx, time.Millisecond) })
	defer func() { cancel(); loops.Wait() }()
	require.Eventually(t, func() bool {
		return c.count(t, "pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'") > 0
	}, 30*time.Second, 10*time.Millisecond)
	r := visit(nine)
	r.PatientID = seed.PatientID
	c.book(t, patient, r)
	select {
	case <-awake:
	case <-time.After(30 * time.Second):
		require.Fail(t, "nobody was woken")
	}
}

// The statistics of an outbox that is empty most of the time tell nothing of a rush.
func TestALeaseReadsNoMoreOfALongOutboxThanOfAShortOne(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, `INSERT INTO outbox (topic, dedupe_key, appointment_id, done_at) SELECT 'start', 'done/' || n, gen_random_uuid(), now() FROM generate_series(1, 1000) n`)
	c.exec(t, "ANALYZE outbox")
	c.exec(t, `INSERT INTO outbox (topic, dedupe_key, appointment_id) SELECT 'start', 'due/' || n, gen_random_uuid() FROM generate_series(1, 3000) n`)
	const leases = 20
	for range leases {
		for _, row := range c.lease(t, 1) {
			require.NoError(t, c.FinishOutbox(t.Context(), row.ID))
		}
	}
	testkit.Eventually(t, func() bool {
		return one[int64](t, c, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'outbox_due'") >= leases
	}, "the database has counted")
	require.Less(t, one[int64](t, c, `SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'outbox')::bigint
		+ seq_tup_read FROM pg_stat_user_tables WHERE relname = 'outbox'`), int64(100*leases), "of 3,000 that wait")
	require.EqualValues(t, leases, one[int64](t, c, "SELECT count(*) FROM outbox WHERE done_at IS NOT NULL AND dedupe_key LIKE 'due/%'"))
}
