package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.uber.org/fx"
)

// NewServer makes an HTTP server that no slow or silent client can hold up. A response
// may take 90 s, which leaves room for a request that waits for an outcome.
func NewServer(address string, handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Addr:              address,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// Serve ties a server to the life of the process: it listens when the process starts,
// where a busy port is an error, and on stop finishes the requests under way. A server
// that fails in between stops the process with exit code 1.
func Serve(lc fx.Lifecycle, shutdowner fx.Shutdowner, name string, server *http.Server, logger *slog.Logger) {
	lc.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", server.Addr)
			if err != nil {
				return fmt.Errorf("the %s server cannot listen on %s: %w", name, server.Addr, err)
			}
			logger.Info("listening", "server", name, "address", listener.Addr().String())
			go func() {
				if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
					logger.Error("server failed", "server", name, "error", err)
					_ = shutdowner.Shutdown(fx.ExitCode(1))
				}
			}()
			return nil
		},
		OnStop: func(ctx context.Context) error {
			if err := server.Shutdown(ctx); err != nil {
				return errors.Join(fmt.Errorf("requests of the %s server were cut off: %w", name, err), server.Close())
			}
			return nil
		},
	})
}
