package temporalx_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/temporalx"
)

func TestClientStartsWhileTemporalIsDown(t *testing.T) {
	c, err := temporalx.NewClient(temporalx.Options{Temporal: config.Temporal{Address: "127.0.0.1:1", Namespace: "careflow"}, Keys: ring(t, "a")})
	require.NoError(t, err)
	defer c.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
	require.Error(t, err)
}

func TestClientNamesTheCertificateThatCannotBeRead(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.pem")
	_, err := temporalx.NewClient(temporalx.Options{Temporal: config.Temporal{Address: "127.0.0.1:1", TLSCA: absent}})
	require.ErrorContains(t, err, "CAREFLOW_TEMPORAL_TLS_CA")
	_, err = temporalx.NewClient(temporalx.Options{Temporal: config.Temporal{Address: "127.0.0.1:1", TLSCert: absent, TLSKey: absent}})
	require.ErrorContains(t, err, "CAREFLOW_TEMPORAL_TLS_CERT")
}
