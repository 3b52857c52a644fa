package hosts_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/hosts"
)

// supervised is a host whose instances are started and stopped by commands, with a release for
// green.
func supervised(t *testing.T, start, migrate []string) (*hosts.Host, acts.ColourInput, string) {
	t.Helper()
	folder := t.TempDir()
	h, err := hosts.New(hosts.Config{
		Folder: folder, Colours: map[domain.Colour][]string{domain.Blue: {"127.0.0.1:1"}, domain.Green: {"127.0.0.1:2"}},
		Start: start, Stop: []string{"sh", "-c", "echo {colour} >> " + folder + "/stopped"}, Active: []string{"false"},
		Log: []string{"echo", "it prints why"}, Migrate: migrate, Nginx: &hosts.Nginx{Flag: filepath.Join(folder, "live")},
	})
	require.NoError(t, err)
	var bundle bytes.Buffer
	archive := tar.NewWriter(&bundle)
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "VERSION", Mode: 0o644, Size: 1}))
	_, err = archive.Write([]byte("1"))
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	path := filepath.Join(folder, "bundle.tar")
	require.NoError(t, os.WriteFile(path, bundle.Bytes(), 0o600))
	sum := sha256.Sum256(bundle.Bytes())
	plan := domain.DeploymentService{Environment: "e", Service: "s", ReadyPath: "/readyz", VersionHeader: "X-Release"}
	return h, acts.ColourInput{Plan: plan, Colour: domain.Green, Release: domain.Release{Version: "1", Digest: "sha256:" + hex.EncodeToString(sum[:]), Artifact: path}}, folder
}

func TestCommandsAreToldTheirInstanceAndNoneOfOurKeys(t *testing.T) {
	t.Setenv("CAREFLOW_PAYLOAD_KEYS", "secret")
	h, in, folder := supervised(t, []string{"sh", "-c", `echo "{colour} {instance} {address} $(cat {release}/VERSION) [$CAREFLOW_PAYLOAD_KEYS]" > "{release}/../../started"`}, nil)
	require.NoError(t, h.Preflight(t.Context(), in))
	require.NoError(t, h.BringUp(t.Context(), in))
	text, err := os.ReadFile(filepath.Join(folder, "started"))
	require.NoError(t, err)
	require.Equal(t, "green 0 127.0.0.1:2 1 []\n", string(text))

	err = h.Await(t.Context(), in, func(int, int) {})
	require.Equal(t, domain.CodeNotAvailable, domain.CodeOf(err), "it fails early: the instance is not active")
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	require.Contains(t, e.Detail, "it prints why")
	require.NoError(t, h.Retire(t.Context(), in.Plan, domain.Green))
	stopped, err := os.ReadFile(filepath.Join(folder, "stopped"))
	require.NoError(t, err)
	require.Contains(t, string(stopped), "green")
}

func TestAHookThatHangsIsMissingOrFailsHasItsOwnError(t *testing.T) {
	t.Parallel()
	h, in, _ := supervised(t, []string{"sh", "-c", "sleep 600"}, []string{"sh", "-c", "echo the reason; exit 7"})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err := h.BringUp(ctx, in)
	require.Equal(t, domain.CodeHookFailed, domain.CodeOf(err))
	require.ErrorContains(t, err, "took too long")

	outcome, err := h.Migrate(t.Context(), in)
	require.Equal(t, domain.CodeHookFailed, domain.CodeOf(err))
	require.Equal(t, 7, outcome.ExitCode)
	require.Contains(t, outcome.Output, "the reason")

	h, in, _ = supervised(t, []string{"/no/such/program"}, nil)
	require.Equal(t, domain.CodeDeployAccess, domain.CodeOf(h.BringUp(t.Context(), in)))
	_, err = h.Migrate(t.Context(), in)
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
}

func TestAHandOnNginxsFlagIsAnotherRevision(t *testing.T) {
	t.Parallel()
	h, in, folder := supervised(t, []string{"true"}, nil)
	seen, err := h.Inspect(t.Context(), in.Plan)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "hand"), 0o700))
	require.NoError(t, os.Symlink("hand", filepath.Join(folder, "live")))
	_, err = h.Switch(t.Context(), acts.SwitchInput{Plan: in.Plan, To: domain.Green, Share: 100, Revision: seen.Revision})
	require.Equal(t, domain.CodeStale, domain.CodeOf(err))
	_, err = h.Switch(t.Context(), acts.SwitchInput{Plan: in.Plan, To: domain.Green, Share: 25, Revision: seen.Revision})
	require.Error(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "hand", "green"), nil, 0o600))
	now, err := h.Inspect(t.Context(), in.Plan)
	require.NoError(t, err)
	require.Equal(t, domain.Green, now.Live)
	require.NotEqual(t, seen.Revision, now.Revision)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(h.BringUp(t.Context(), in)), "green takes requests")
}

// What was begun is known and ended also where we died in that very moment, and something
// else that has got its number is left alone.
func TestAProcessIsKnownByItselfAndNoOtherIsTakenForIt(t *testing.T) {
	t.Parallel()
	_, in, folder := supervised(t, []string{"true"}, nil)
	run := func() *hosts.Host { // another one each time, as after a restart
		h, err := hosts.New(hosts.Config{
			Folder: folder, Colours: map[domain.Colour][]string{domain.Blue: {"127.0.0.1:1"}, domain.Green: {"127.0.0.1:2"}},
			Run: []string{"sleep", "600"}, StopWithin: time.Second, Nginx: &hosts.Nginx{Flag: filepath.Join(folder, "live")},
		})
		require.NoError(t, err)
		return h
	}
	pid := filepath.Join(folder, "run", "green-0.pid")
	require.NoError(t, run().BringUp(t.Context(), in))
	first, err := os.ReadFile(pid)
	require.NoError(t, err)
	require.NoError(t, run().BringUp(t.Context(), in))
	again, err := os.ReadFile(pid)
	require.NoError(t, err)
	require.Equal(t, first, again, "it runs already")
	require.NoError(t, run().Retire(t.Context(), in.Plan, domain.Green))
	require.NoFileExists(t, "/proc/"+string(bytes.TrimSpace(first))+"/environ")

	require.NoError(t, os.WriteFile(pid, []byte(strconv.Itoa(os.Getpid())), 0o600))
	require.NoError(t, run().Retire(t.Context(), in.Plan, domain.Green), "and we are still here")
}

// A process that becomes another one has no environment for a moment. It has not ended.
func TestAProcessThatBecomesAnotherHasNotEnded(t *testing.T) {
	t.Parallel()
	_, in, folder := supervised(t, []string{"true"}, nil)
	again := filepath.Join(folder, "again")
	require.NoError(t, os.WriteFile(again, []byte("#!/bin/sh\nexec \"$0\"\n"), 0o700))
	h, err := hosts.New(hosts.Config{
		Folder: folder, Colours: map[domain.Colour][]string{domain.Blue: {"127.0.0.1:1"}, domain.Green: {"127.0.0.1:2"}},
		Run: []string{again}, StopWithin: time.Second, Nginx: &hosts.Nginx{Flag: filepath.Join(folder, "live")},
	})
	require.NoError(t, err)
	require.NoError(t, h.BringUp(t.Context(), in))
	looks, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorContains(t, h.Await(looks, in, func(int, int) {}), "became ready in time")
	require.NoError(t, h.Retire(t.Context(), in.Plan, domain.Green))
}
