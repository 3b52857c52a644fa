package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// How long parts of a connection may take. Slow clients must not hold connections.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// listening is the running side of a server.
type listening struct {
	draining chan struct{}
	stopOnce *sync.Once
	http     *http.Server
	addr     net.Addr
	done     chan struct{}
}

func newListening() listening {
	return listening{draining: make(chan struct{}), stopOnce: &sync.Once{}, done: make(chan struct{})}
}

// Start listens and serves in the background. A port that is taken is an error here.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return fmt.Errorf("api: listen: %w", err)
	}
	s.listening.addr = listener.Addr()
	s.listening.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		// Longer than any request with its wait may take.
		WriteTimeout:   s.cfg.RequestTimeout + max(maxWait, s.cfg.CommandWait) + settleTimeout + time.Second,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.listening.done)
		if err := s.listening.http.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the API stopped serving", "error", err.Error())
		}
	}()
	s.log.InfoContext(ctx, "the API listens", "address", s.listening.addr.String(), "docs", s.DocsURL())
	return nil
}

// Addr is where the server listens, after Start.
func (s *Server) Addr() net.Addr { return s.listening.addr }

// Stop ends waits, lets requests finish until ctx is over, and returns when nothing runs.
func (s *Server) Stop(ctx context.Context) error {
	s.listening.stopOnce.Do(func() { close(s.listening.draining) })
	if s.listening.http == nil {
		return nil
	}
	if err := s.listening.http.Shutdown(ctx); err != nil {
		_ = s.listening.http.Close() // what would not finish in time is cut off
		return fmt.Errorf("api: stop: %w", err)
	}
	<-s.listening.done
	return nil
}
