package temporalx_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
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

func TestClientNamesTheTokenThatCannotBeUsed(t *testing.T) {
	address := config.Temporal{Address: "127.0.0.1:1", Namespace: "careflow"}
	absent := address
	absent.TokenFile = filepath.Join(t.TempDir(), "absent")
	_, err := temporalx.NewClient(temporalx.Options{Temporal: absent})
	require.ErrorContains(t, err, "CAREFLOW_TEMPORAL_TOKEN_FILE")

	garbled := address
	garbled.Token = config.NewSecret("very-secret")
	c, err := temporalx.NewClient(temporalx.Options{Temporal: garbled})
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
	require.ErrorContains(t, err, "CAREFLOW_TEMPORAL_TOKEN is no token for Temporal")
	require.NotContains(t, err.Error(), "very-secret")
}

func TestAlarmsHearWhenTheTokenExpires(t *testing.T) {
	authority, err := temporalx.NewAuthority()
	require.NoError(t, err)
	expires := time.Now().Add(time.Hour)
	good, err := authority.Token("worker", "careflow", expires)
	require.NoError(t, err)
	for text, want := range map[string]float64{"": math.Inf(1), "garbled": 0, good: float64(expires.Unix())} {
		registry := prometheus.NewRegistry()
		c, err := temporalx.NewClient(temporalx.Options{Temporal: config.Temporal{Address: "127.0.0.1:1", Token: config.NewSecret(text)}, Metrics: registry})
		require.NoError(t, err)
		defer c.Close()
		families, err := registry.Gather()
		require.NoError(t, err)
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool {
			return f.GetName() == "careflow_temporal_token_expires_timestamp_seconds"
		})
		require.GreaterOrEqual(t, i, 0)
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(families[i].GetMetric()[0].GetGauge().GetValue()))
	}
}
