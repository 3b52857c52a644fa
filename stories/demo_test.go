package stories_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// `make demo` walks four visits through a stack and checks their books itself.
func TestTheDemonstrationHolds(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	demo := exec.CommandContext(testkit.Context(t), filepath.Join(testkit.Env(t, "CAREFLOW_TEST_BIN"), "careflow"), "demo", "--api", c.API, "--sandbox", c.Vendors)
	demo.Env = []string{"CAREFLOW_ENV=development", "CAREFLOW_LOG_LEVEL=error", "CAREFLOW_PAYLOAD_KEYS=" + clinic.PayloadKeys,
		"CAREFLOW_TEMPORAL_ADDRESS=" + testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS")}
	said, err := demo.CombinedOutput()
	t.Log(string(said))
	require.NoError(t, err)
	require.Contains(t, string(said), "the books of all of them agree")
	require.Contains(t, string(said), "workflow tasks", "what the plain life cost is a table")
	var kept int64
	for _, p := range c.Sandbox.Ledger().Payments {
		require.Zero(t, p.Held)
		kept += p.Captured - p.Refunded
	}
	require.Equal(t, int64(8000+4000), kept, "one visit took place, one was cancelled late")
}
