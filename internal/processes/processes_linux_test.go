package processes_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/processes"
	"github.com/careflow/careflow/internal/testkit"
)

const mark = "CAREFLOW_TEST_MARK=this"

func start(t *testing.T, script string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
	cmd.Env = env
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _, _ = cmd.Process.Wait() })
	return cmd
}

// A process has no environment to read while it becomes another program. It is found all the
// same, however often it does.
func TestAProcessIsFoundWhileItBecomesAnother(t *testing.T) {
	t.Parallel()
	const again = `exec /bin/sh -c "$AGAIN"`
	cmd := start(t, again, mark, "AGAIN="+again)
	for range 3000 {
		require.True(t, processes.HasMark(cmd.Process.Pid, mark))
	}
	found, err := processes.WithMark(mark)
	require.NoError(t, err)
	require.Contains(t, found, cmd.Process.Pid)
}

func TestOneThatHasEndedOrHasAnotherMarkIsNotFound(t *testing.T) {
	t.Parallel()
	other := start(t, "exec sleep 600", mark+"-too")
	require.False(t, processes.HasMark(other.Process.Pid, mark))
	bare := start(t, "exec env -i sleep 600")
	require.False(t, processes.HasMark(bare.Process.Pid, mark))
	ended := start(t, "exec sleep 600", mark)
	require.NoError(t, ended.Process.Kill())
	testkit.Eventually(t, func() bool { return !processes.HasMark(ended.Process.Pid, mark) }, "nobody has asked yet how it ended")
	require.Error(t, ended.Wait())
	require.False(t, processes.HasMark(ended.Process.Pid, mark))
}
