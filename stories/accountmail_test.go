package stories_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/accountmail"
)

// The worker is down, then SendGrid refuses: what an account owes arrives afterwards, each
// letter once and in order, and an address that cannot be written to holds up nobody.
func TestLettersOfAccountsOutliveAnOutage(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	email := owner(t, c)
	ask := func(path, email string) {
		a := post(c, path, map[string]string{"email": email})
		require.Equal(t, http.StatusAccepted, a.Status, a)
	}
	require.Equal(t, http.StatusAccepted, post(c, "/v1/registrations", newcomer(email)).Status)
	ask("/v1/password-resets", email)
	ask("/v1/password-resets", email)
	require.Equal(t, http.StatusAccepted, post(c, "/v1/registrations", newcomer("nora@nowhere")).Status)

	fault := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Mode: "fail", Status: 503})
	c.StartWorker()
	testkit.Eventually(t, func() bool { return fault.Hits() >= 3 }, "the letters are tried")
	require.Empty(t, c.Sandbox.Mailbox())
	temporal := c.Temporal()
	account := accountID(t, c, email)
	run, err := temporal.DescribeWorkflowExecution(testkit.Context(t), accountmail.WorkflowID(account), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, run.WorkflowExecutionInfo.Status)

	c.Sandbox.ClearFaults()
	subjects, letter := letters(t, c, email, 2)
	require.Equal(t, []string{"Sie haben schon ein Konto", "Wählen Sie ein neues Passwort"}, subjects, "in order; the link that was replaced is not sent")
	_, token := link(t, letter)
	require.Equal(t, http.StatusNoContent, post(c, "/v1/password-resets/redeem", openapi.Redemption{Token: token, NewPassword: chosen}).Status)
	settled(t, c)
	for _, m := range c.Sandbox.Ledger().Mails {
		require.Equal(t, 1, m.Count, "each letter once: %s", m.Subject)
	}
	require.NoError(t, temporal.GetWorkflow(testkit.Context(t), accountmail.WorkflowID(account), "").Get(testkit.Context(t), nil))

	var list openapi.AccountMessageList
	a := c.Login("staff").Do(http.MethodGet, "/v1/accounts/"+accountID(t, c, "nora@nowhere")+"/messages", nil)
	require.NoError(t, json.Unmarshal(a.Body, &list), a)
	require.Len(t, list.Items, 1)
	require.Equal(t, openapi.AccountMessageStatusFailed, list.Items[0].Status)
	require.NotEmpty(t, list.Items[0].ErrorCode)
}

func accountID(t *testing.T, c *clinic.Clinic, email string) (id string) {
	t.Helper()
	require.NoError(t, c.DB.QueryRow(t.Context(), `SELECT id FROM users WHERE email = $1`, email).Scan(&id))
	return id
}
