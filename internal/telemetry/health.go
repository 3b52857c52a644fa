package telemetry

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTimeout bounds each readiness check.
const checkTimeout = 2 * time.Second

// Check is something that a process needs to do its work, such as its database.
type Check struct {
	Name  string
	Probe func(context.Context) error
}

// OpsHandler serves /healthz, /readyz and /metrics. It belongs on an address that only
// the platform reaches.
func OpsHandler(gatherer prometheus.Gatherer, logger *slog.Logger, checks ...Check) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", Healthz)
	mux.Handle("GET /readyz", Readyz(logger, checks...))
	mux.Handle("GET /metrics", Metrics(gatherer, logger))
	return mux
}

// Metrics serves what was gathered, for Prometheus.
func Metrics(gatherer prometheus.Gatherer, logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError, // one faulty metric does not blind us for the others
	})
}

// Healthz says that the process is alive. It asks nobody else: a database that is down is
// no reason to restart the process.
func Healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// Readyz runs the checks at once and answers 503 as long as one fails. Its answer names
// the check; why it failed is in the log.
func Readyz(logger *slog.Logger, checks ...Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
		defer cancel()
		failures := make([]error, len(checks))
		var group sync.WaitGroup
		for i, check := range checks {
			group.Go(func() { failures[i] = check.Probe(ctx) })
		}
		group.Wait()

		status, results := http.StatusOK, map[string]string{}
		for i, check := range checks {
			results[check.Name] = "ok"
			if failures[i] != nil {
				status, results[check.Name] = http.StatusServiceUnavailable, "unavailable"
				logger.WarnContext(r.Context(), "not ready", "check", check.Name, "error", failures[i])
			}
		}
		answer(w, status, map[string]any{"ready": status == http.StatusOK, "checks": results})
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller hung up; there is no one to tell
}
