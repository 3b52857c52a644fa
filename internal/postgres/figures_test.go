package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestFiguresCountWhatIsThere(t *testing.T) {
	t.Parallel()
	c := open(t)
	first, second := c.book(t, patient, visit(nine)), c.book(t, patient, visit(later(1)))
	c.move(t, second, domain.StatusPending, domain.StatusCapturing)
	c.exec(t, "UPDATE appointments SET stuck = 'vendor_rejected', updated_at = now() - interval '20 minutes' WHERE id = $1", second)
	c.owe(t, first, domain.StatusPending, domain.MessageRequestToDoctor)
	c.exec(t, "UPDATE messages SET created_at = now() - interval '1 hour'")
	c.exec(t, "INSERT INTO reconcile_runs (id, trigger, started_at, finished_at, reported) VALUES ('old', 'person', now(), now() - interval '2 hours', 5), ('new', 'person', now(), now() - interval '1 hour', 3)")

	counted, err := c.Figures(t.Context())
	require.NoError(t, err)
	values := map[domain.FigureName]map[string]float64{}
	for _, f := range counted {
		if values[f.Name] == nil {
			values[f.Name] = map[string]float64{}
		}
		values[f.Name][f.Label+f.Detail] = f.Value
	}
	require.Equal(t, map[string]float64{"pending": 1, "capturing": 1}, values[domain.FigureVisits])
	require.InDelta(t, 1, values[domain.FigureVisitsStuck][""], 0)
	require.InDelta(t, (20 * time.Minute).Seconds(), values[domain.FigureCapturingOldest][""], 30)
	require.InDelta(t, 1, values[domain.FigureMessagesOwed]["visits"], 0)
	require.InDelta(t, 3600, values[domain.FigureMessagesOldest]["visits"], 30)
	require.Zero(t, values[domain.FigureMessagesOwed]["accounts"])
	require.InDelta(t, 3600, values[domain.FigureReconciled][""], 30)
	require.InDelta(t, 3, values[domain.FigureReconcileFindings][""], 0)
	require.NotContains(t, values, domain.FigureEvidenceLeft, "there is no dispute")
}
