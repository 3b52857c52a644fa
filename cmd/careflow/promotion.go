package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/worker"
)

// promotionTries bounds one wait for the version to poll; another follows, and each
// failure is logged.
const promotionTries = time.Minute

// promotion makes the worker's version current where the configuration says so, beside
// everything else: it waits by itself until the version polls.
type promotion struct {
	wanted   bool
	version  temporalx.Version
	queues   []string
	temporal client.Client
	logger   *slog.Logger

	mu   sync.Mutex
	done bool
}

func newPromotion(c config.Config, w worker.Config, temporal client.Client, logger *slog.Logger) *promotion {
	return &promotion{
		wanted:   c.Worker.Promote && c.Worker.BuildID != "",
		version:  temporalx.Version{Deployment: c.Worker.Deployment, BuildID: c.Worker.BuildID},
		queues:   w.Queues(),
		temporal: temporal,
		logger:   logger,
	}
}

func startPromotion(lc fx.Lifecycle, p *promotion) {
	if !p.wanted {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	lc.Append(fx.StartStopHook(
		func() { loop.Go(func() { p.run(ctx) }) },
		func() { cancel(); loop.Wait() },
	))
}

func (p *promotion) run(ctx context.Context) {
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, promotionTries)
		err := temporalx.Promote(try, p.temporal, p.version, p.queues, p.logger)
		cancel()
		if err == nil {
			p.mu.Lock()
			p.done = true
			p.mu.Unlock()
			return
		}
		if ctx.Err() == nil {
			p.logger.Error("the worker's version is not current yet", "build_id", p.version.BuildID, "error", err)
		}
	}
}

// ready is the readiness check.
func (p *promotion) ready(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted && !p.done {
		return errors.New("the version is not current yet, so no task is sent to it")
	}
	return nil
}
