package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/internal/tracing"
)

const (
	startTimeout = time.Minute
	// stopTimeout leaves a few seconds of the half minute that platforms grant.
	stopTimeout = 25 * time.Second
)

// process is the fx options that every long-running process shares.
func process(cfg config.Config, logger *slog.Logger) fx.Option {
	return fx.Options(
		fx.StartTimeout(startTimeout),
		fx.StopTimeout(stopTimeout),
		fx.Supply(cfg, logger),
		fx.WithLogger(func() fxevent.Logger {
			l := &fxevent.SlogLogger{Logger: logger}
			l.UseLogLevel(slog.LevelDebug)
			l.UseErrorLevel(slog.LevelDebug) // faults are returned, and printed once
			return l
		}),
		telemetry.Module,
		tracing.Module,
		fx.Invoke(tellVersion),
	)
}

// tellVersion lets dashboards see which versions run, and since when.
func tellVersion(r prometheus.Registerer) error {
	return r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "careflow_info", Help: "1, with the version that runs.", ConstLabels: prometheus.Labels{"version": version()},
	}, func() float64 { return 1 }))
}

// serve runs an assembled process until ctx ends or a part of it gives up.
func serve(ctx context.Context, cfg config.Config, logger *slog.Logger, options ...fx.Option) error {
	slog.SetDefault(logger) // what activities log has the same form
	app := fx.New(append([]fx.Option{process(cfg, logger)}, options...)...)
	if err := app.Err(); err != nil {
		return err
	}
	logger.Info("starting", "config", cfg)
	startContext, cancel := context.WithTimeout(ctx, app.StartTimeout())
	defer cancel()
	if err := app.Start(startContext); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			logger.Info("stopped", "why", "signal, while it started")
			return nil
		}
		return err
	}
	logger.Info("started")

	var gaveUp error
	select {
	case <-ctx.Done():
		logger.Info("stopping", "why", "signal")
	case signal := <-app.Wait():
		if signal.ExitCode == 0 { // fx hears signals too
			logger.Info("stopping", "why", "signal")
			break
		}
		logger.Error("stopping", "why", "a part of the process gave up", "exit_code", signal.ExitCode)
		gaveUp = exitCode(signal.ExitCode)
	}
	// Not ctx: that is over, and what is under way is to be finished.
	stopContext, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), app.StopTimeout())
	defer cancelStop()
	if err := app.Stop(stopContext); err != nil {
		logger.Error("not stopped in order", "error", err)
		return cmp.Or(gaveUp, err)
	}
	logger.Info("stopped")
	return gaveUp
}
