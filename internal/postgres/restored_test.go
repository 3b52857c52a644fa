package postgres_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/testkit"
)

// setBack are the tables that a restore gives back as they were. Whoever adds a table decides
// whether it is about what is restored, or about the present: see CarriedTables.
var setBack = []string{
	"clinics", "users", "patients", "doctors", "doctor_schedules", "doctor_hours", "doctor_time_off", "doctor_overrides", "appointment_types",
	// Visits with all that belongs to them: brought up to their processes afterwards.
	"appointments", "appointment_events", "archived_appointments", "payments", "refunds", "payment_cases", "payment_case_events",
	"receipts", "receipt_counters", "messages", "mail_events", "outbox", "idempotency_keys",
	// Accounts are those of the restore point.
	"account_events", "account_messages", "account_links", "registrations", "login_attempts",
	// Columns are encrypted with the keys of the restore point. The API writes those of the
	// rings from its settings again.
	"data_keys", "ring_keys",
	// What the reconciler and housekeeping found and removed in what is set back.
	"reconcile_runs", "reconcile_findings", "housekeeping_runs",
	// Raised in both databases by the restore itself; kept by the migrations.
	"restore_fence", "goose_db_version",
}

func TestEachTableIsTakenAlongOrSetBackByARestore(t *testing.T) {
	t.Parallel()
	db := testkit.Pool(t, testkit.Database(t))
	rows, err := db.Query(t.Context(), `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	decided := slices.Clone(setBack)
	carried := map[string]int{}
	for i, c := range (postgres.Restored{}).CarriedTables() {
		name := c.Name[len("public."):]
		carried[name] = i
		decided = append(decided, name)
	}
	require.ElementsMatch(t, tables, decided, "a new table is named in CarriedTables, or in setBack")

	rows, err = db.Query(t.Context(), `SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'`)
	require.NoError(t, err)
	var from, to string
	_, err = pgx.ForEachRow(rows, []any{&from, &to}, func() error {
		at, ok := carried[from]
		if !ok {
			_, refers := carried[to]
			require.False(t, refers, "%s is set back and refers to %s, which is not: emptying that fails", from, to)
			return nil
		}
		if first, both := carried[to]; both {
			require.Less(t, first, at, "%s comes before %s", to, from)
		} else {
			require.NotEmpty(t, (postgres.Restored{}).CarriedTables()[at].Where, "rows of %s that refer to none of %s do not fit", from, to)
		}
		return nil
	})
	require.NoError(t, err)
}
