package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
)

func TestNothingIsAcceptedBehindTheFenceThatASwapWouldLose(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.book(t, patient, visit(nine)) // the offer is remembered from now on
	catalogue, restore := postgres.NewCatalogue(c.db), domain.NewID()
	require.NoError(t, catalogue.RaiseFence(t.Context(), restore))
	for name, by := range map[string]domain.Caller{"in one statement": patient, "looked at": staff} {
		require.Equal(t, domain.CodeUnavailable, c.refused(t, by, visit(later(1))), name)
	}
	event := domain.Webhook{Source: "stripe", ID: "evt_1", Type: "charge.refunded", IntentID: "pi_1"}
	_, err := c.AcceptWebhook(t.Context(), event)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "it is sent again")
	require.Equal(t, 1, c.count(t, "appointments"))

	require.NoError(t, catalogue.LiftFence(t.Context(), restore))
	c.book(t, patient, visit(later(1)))
	fresh, err := c.AcceptWebhook(t.Context(), event)
	require.NoError(t, err)
	require.True(t, fresh)
}

func TestWhatWaitedInTheDatabaseOfBeforeIsTakenAlongOrListed(t *testing.T) {
	t.Parallel()
	live, before := open(t), open(t)
	known, lost := live.book(t, patient, visit(nine)), before.book(t, patient, visit(nine))
	for event, row := range map[string]struct {
		id   string
		done bool
	}{"waits": {known, false}, "taken": {known, true}, "of_another": {lost, false}} {
		before.exec(t, `INSERT INTO outbox (topic, dedupe_key, appointment_id, payload, traceparent, done_at)
			VALUES ('payment_hint', $1, $2, '{"intent_id":"pi_1"}', '', CASE WHEN $3 THEN now() END)`, "stripe/"+event, row.id, row.done)
	}
	restore := domain.NewID()
	for range 2 { // it may be tried again
		require.NoError(t, postgres.Restored{}.KeepVisits(t.Context(), before.url, live.url, restore, now.Add(-time.Hour)))
	}
	visits, err := postgres.NewCatalogue(live.db).LostVisits(t.Context(), domain.LostVisitFilter{RestoreID: restore, Limit: 10})
	require.NoError(t, err)
	require.Len(t, visits, 1)
	require.Equal(t, lost, visits[0].AppointmentID)
	require.Equal(t, domain.LostRow, visits[0].Why)
	require.Equal(t, []string{"stripe/waits"}, one[[]string](t, live, "SELECT array_agg(dedupe_key) FROM outbox WHERE topic = 'payment_hint'"))
}
