package api

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// probeTimeout bounds how long readiness waits for a dependency.
const probeTimeout = 2 * time.Second

// GetHealth says that the process lives.
func (h *handlers) GetHealth(context.Context, openapi.GetHealthRequestObject) (openapi.GetHealthResponseObject, error) {
	return openapi.GetHealth200JSONResponse{Status: openapi.HealthStatusOk}, nil
}

// GetReadiness says whether bookings can be taken. Temporal may be down meanwhile.
func (h *handlers) GetReadiness(ctx context.Context, _ openapi.GetReadinessRequestObject) (openapi.GetReadinessResponseObject, error) {
	ctx, _ = begin(ctx)
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var (
		postgres, temporal error
		backups            []domain.BackupFreshness
		all                sync.WaitGroup
	)
	all.Go(func() { postgres = h.store.Ping(ctx) })
	all.Go(func() { temporal = h.commands.Healthy(ctx) })
	all.Go(func() { backups = h.freshness.look(ctx) })
	all.Wait()

	state := openapi.Readiness{
		Status: openapi.ReadinessStatusReady, Postgres: openapi.ReadinessPostgresUp, Temporal: openapi.ReadinessTemporalUp,
	}
	h.freshness.tell(backups, &state)
	if temporal != nil {
		state.Temporal = openapi.ReadinessTemporalDown
		h.log.LogAttrs(ctx, slog.LevelWarn, "Temporal does not answer", slog.String("error", temporal.Error()))
	}
	if postgres != nil {
		state.Status, state.Postgres = openapi.ReadinessStatusUnavailable, openapi.ReadinessPostgresDown
		h.log.LogAttrs(ctx, slog.LevelError, "PostgreSQL does not answer", slog.String("error", postgres.Error()))
		return openapi.GetReadiness503JSONResponse(state), nil
	}
	return openapi.GetReadiness200JSONResponse(state), nil
}

// GetMetrics is for Prometheus.
func (h *handlers) GetMetrics(context.Context, openapi.GetMetricsRequestObject) (openapi.GetMetricsResponseObject, error) {
	families, err := h.gatherer.Gather()
	if err != nil && len(families) == 0 {
		return nil, err
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, err
		}
	}
	return page{contentType: "text/plain; version=0.0.4; charset=utf-8", body: text.Bytes()}, nil
}

// GetContract is the contract, to the byte.
func (h *handlers) GetContract(context.Context, openapi.GetContractRequestObject) (openapi.GetContractResponseObject, error) {
	return page{contentType: "application/yaml", body: contractYAML}, nil
}

// GetDocs is the contract as a page.
func (h *handlers) GetDocs(context.Context, openapi.GetDocsRequestObject) (openapi.GetDocsResponseObject, error) {
	return page{contentType: "text/html; charset=utf-8", policy: docsPolicy, body: h.docs}, nil
}

// page is an answer that is not JSON.
type page struct {
	status      int // 0 is 200
	contentType string
	policy      string // Content-Security-Policy, where the usual one is too strict
	body        []byte
	headers     map[string]string
}

func (p page) write(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", p.contentType)
	if p.policy != "" {
		w.Header().Set("Content-Security-Policy", p.policy)
	}
	for name, value := range p.headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(cmp.Or(p.status, http.StatusOK))
	_, err := w.Write(p.body)
	return err
}

func (p page) VisitGetMetricsResponse(w http.ResponseWriter) error  { return p.write(w) }
func (p page) VisitGetContractResponse(w http.ResponseWriter) error { return p.write(w) }
func (p page) VisitGetDocsResponse(w http.ResponseWriter) error     { return p.write(w) }
