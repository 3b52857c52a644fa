package clinic

import (
	"errors"
	"os/exec"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
)

// Careflow runs the product's command line as a seeded account and returns what it printed.
func (c *Clinic) Careflow(account string, args ...string) string {
	c.t.Helper()
	cmd := c.careflow(account, args)
	cmd.Stderr = c.t.Output()
	out, err := cmd.Output()
	require.NoError(c.t, err)
	return string(out)
}

// CareflowSays is Careflow for a command that may fail: all that it prints, as at a terminal,
// and its exit code.
func (c *Clinic) CareflowSays(account string, args ...string) (said string, exit int) {
	c.t.Helper()
	cmd := c.careflow(account, args)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		require.NoError(c.t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (c *Clinic) careflow(account string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), filepath.Join(testkit.Env(c.t, "CAREFLOW_TEST_BIN"), "careflow"), args...)
	cmd.Env = []string{
		"CAREFLOW_CLI_URL=" + c.API, "CAREFLOW_CLI_EMAIL=" + account + "@careflow.example", "CAREFLOW_CLI_PASSWORD=" + seed.Password,
	}
	return cmd
}
