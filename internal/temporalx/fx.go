package temporalx

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/config"
)

// Module provides client.Client and *Codec. It needs config.Config, a logger and a
// registry.
var Module = fx.Module("temporalx", fx.Provide(provideClient, provideCodec))

func provideClient(lc fx.Lifecycle, c config.Config, logger *slog.Logger, registry prometheus.Registerer) (client.Client, error) {
	temporal, err := NewClient(Options{Temporal: c.Temporal, Keys: c.Keys.Payload, Logger: logger, Metrics: registry, Tracing: c.Tracing.On()})
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(temporal.Close))
	return temporal, nil
}

func provideCodec(c config.Config) (*Codec, error) { return NewCodec(c.Keys.Payload) }
