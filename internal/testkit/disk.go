package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TinyDisk is a folder on a disk of its own of so many bytes, until the test ends. It needs
// root or sudo, as the local stack does.
func TinyDisk(t testing.TB, bytes int) string {
	t.Helper()
	//nolint:usetesting // below t.TempDir no other user comes, such as PostgreSQL's
	folder, err := os.MkdirTemp("", "tiny-disk-")
	require.NoError(t, err)
	options := fmt.Sprintf("size=%d,mode=0755,uid=%d,gid=%d", bytes, os.Getuid(), os.Getgid())
	asRoot(t, "mount", "-t", "tmpfs", "-o", options, "tiny-disk", folder)
	require.NoError(t, os.Chmod(folder, 0o755))
	t.Cleanup(func() {
		asRoot(t, "umount", "-l", folder)
		_ = os.Remove(folder)
	})
	return folder
}

// Give makes a folder another user's.
func Give(t testing.TB, folder, owner string) {
	t.Helper()
	asRoot(t, "chown", owner, folder)
}

func asRoot(t testing.TB, command ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		command = append([]string{"sudo", "-n"}, command...)
	}
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	require.NoError(t, err, "%v: %s", command, out)
}
