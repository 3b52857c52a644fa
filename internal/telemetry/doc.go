// Package telemetry is how a process tells what it does: structured logs, Prometheus
// metrics, and an HTTP server for health, readiness and metrics. Logs carry IDs, and
// never a name, an address, a note, a token or a key.
package telemetry
