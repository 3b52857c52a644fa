package deploy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/testkit"
)

// Somebody who is woken at night asks the database what the runbook says: each of its
// statements is one that the database understands today.
func TestTheRunbooksStatementsFitTheDatabase(t *testing.T) {
	t.Parallel()
	db := testkit.Pool(t, testkit.Database(t))
	statements := statementsOf(read(t, "RUNBOOK.md"))
	require.Greater(t, len(statements), 10, "the runbook is not read as it is written")
	for _, s := range statements {
		_, err := db.Exec(t.Context(), "EXPLAIN "+s)
		require.NoError(t, err, s)
	}
}

var (
	sqlBlock = regexp.MustCompile("(?ms)^```sql\n(.*?)^```$")
	sqlSpan  = regexp.MustCompile("`((?:SELECT|UPDATE|DELETE FROM|INSERT)\\s[^`]+)`")
	comment  = regexp.MustCompile(`--[^\n]*`)
	planned  = regexp.MustCompile(`^(SELECT|UPDATE|DELETE|INSERT)\s`)
)

// statementsOf are the statements of blocks and of running text that can be planned, with
// something in the place of what the reader fills in.
func statementsOf(text string) []string {
	var all []string
	for _, b := range sqlBlock.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Split(comment.ReplaceAllString(b[1], ""), ";")...)
	}
	for _, s := range sqlSpan.FindAllStringSubmatch(text, -1) {
		all = append(all, s[1])
	}
	var found []string
	for _, s := range all {
		s = strings.NewReplacer("careflow_restored_….", "public.", "= …", "= NULL").Replace(strings.TrimSpace(s))
		if planned.MatchString(s) {
			found = append(found, s)
		}
	}
	return found
}
