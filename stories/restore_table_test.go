package stories_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// Somebody deletes hours of doctors. The table of last night stands beside the live one; its
// rows are taken from there as the runbook says, and the copy goes when it is done with.
func TestRowsAreTakenFromACopyOfTheirTable(t *testing.T) {
	t.Parallel()
	c, _ := restorable(t)
	ops := c.Login("ops")
	backup := backUp(t, c)
	hours := c.Count(`SELECT count(*) FROM doctor_hours`)
	c.Exec(`DELETE FROM doctor_hours WHERE weekday = 1`)
	gone := hours - c.Count(`SELECT count(*) FROM doctor_hours`)
	require.Positive(t, gone)

	shown := c.Careflow("ops", "restore", "table", "--table", "doctor_hours", "--backup", backup, "--reason", "Mondays are gone")
	require.Contains(t, shown, "kept")
	var schema string
	require.NoError(t, c.DB.QueryRow(t.Context(), `SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'careflow_restored_')`).Scan(&schema))
	require.Contains(t, shown, schema+".doctor_hours until ")
	require.Contains(t, shown, fmt.Sprintf("%d rows only in the backup, 0 only live, 0 different", gone))
	require.Equal(t, string(domain.CodeConflict), ops.Do(http.MethodPost, "/v1/ops/restores/tables",
		openapi.TableRestoreRequest{Target: "clinic", Table: "doctor_hours", Reason: "again"}).Problem(), "a table has one copy at a time")

	c.Exec(`INSERT INTO public.doctor_hours SELECT * FROM ` + schema + `.doctor_hours ON CONFLICT DO NOTHING`)
	require.Equal(t, hours, c.Count(`SELECT count(*) FROM doctor_hours`))

	r := &restoring{t: t, c: c, by: ops, id: strings.Fields(strings.SplitN(shown, "\n", 3)[1])[0]}
	c.Careflow("ops", "restore", "table", "drop", r.id, "--reason", "done")
	done := r.await(openapi.RestoreStateFinished)
	require.Equal(t, "doctor_hours", done.Copy.Table, "who asked for what is kept")
	require.Zero(t, c.Count(`SELECT count(*) FROM pg_namespace WHERE nspname = $1`, schema))

	none := &restoring{t: t, c: c, by: ops}
	none.id = strings.TrimSpace(c.Careflow("ops", "restore", "table", "--table", "no_such_table", "--reason", "a slip", "--no-wait"))
	failed := none.await(openapi.RestoreStateFailed)
	require.Equal(t, string(domain.CodeNotFound), failed.ErrorCode)
	testkit.Eventually(t, func() bool { return c.Count(`SELECT count(*) FROM ops_alarms WHERE kind = 'restore_failed'`) == 1 }, "ops are told")
}
