package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/config"
)

func TestTracingIsOffUntilACollectorIsNamed(t *testing.T) {
	c, err := config.Load(config.API, environ(production()))
	require.NoError(t, err)
	require.False(t, c.Tracing.On())
	c, err = config.Load(config.API, environ(production(), "CAREFLOW_TRACE_URL=https://collector.clinic.net", "CAREFLOW_TRACE_TOKEN=secretive"))
	require.NoError(t, err)
	require.True(t, c.Tracing.On())
	require.Equal(t, 10, c.Tracing.Percent)
	_, err = config.Load(config.API, environ(production(), "CAREFLOW_TRACE_URL=http://collector.clinic.net", "CAREFLOW_TRACE_TOKEN=secretive"))
	require.ErrorContains(t, err, "would be sent in clear")
	_, err = config.Load(config.API, environ(production(), "CAREFLOW_TRACE_URL=collector:4318"))
	require.ErrorContains(t, err, "is no URL")
}
