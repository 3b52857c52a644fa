package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/internal/testkit"
)

func TestLogsCarryTheRequestID(t *testing.T) {
	var out bytes.Buffer
	logger := telemetry.NewLogger(&out, config.Log{Format: "json", Level: slog.LevelInfo}).With("process", "api")
	logger.InfoContext(telemetry.WithRequestID(t.Context(), "r-1"), "booked", "appointment", "018f")
	logger.DebugContext(t.Context(), "unseen")

	var record map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &record))
	require.Equal(t, "r-1", record["request_id"])
	require.Equal(t, "018f", record["appointment"])
	require.Equal(t, "api", record["process"])
	require.Regexp(t, "Z$", record["time"])
	require.Empty(t, telemetry.RequestID(t.Context()))
}

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func TestReadyNamesTheCheckAndHidesTheReason(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	handler := telemetry.OpsHandler(telemetry.NewRegistry(), logger,
		telemetry.Check{Name: "database", Probe: func(context.Context) error { return errors.New("dial 10.0.0.7: refused") }},
		telemetry.Check{Name: "temporal", Probe: func(context.Context) error { return nil }})

	ready := get(t, handler, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, ready.Code)
	require.JSONEq(t, `{"ready":false,"checks":{"database":"unavailable","temporal":"ok"}}`, ready.Body.String())
	require.Contains(t, log.String(), "10.0.0.7")
	require.Equal(t, http.StatusOK, get(t, handler, "/healthz").Code, "a dependency's fault is no reason to restart")
	require.Contains(t, get(t, handler, "/metrics").Body.String(), "go_goroutines")
}

func TestReadyWhenAllChecksPass(t *testing.T) {
	ready := get(t, telemetry.Readyz(slog.New(slog.DiscardHandler)), "/readyz")
	require.Equal(t, http.StatusOK, ready.Code)
}

func TestServeFinishesRequestsUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "done")
	})
	address := testkit.FreeAddress(t)
	app := serve(t, address, handler)
	app.RequireStart()

	body := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + address)
		if err != nil {
			body <- err.Error()
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		body <- string(text)
	}()
	<-entered
	var stopped sync.WaitGroup
	stopped.Go(func() { app.RequireStop() })
	// The listener is closed before the stop waits for the request.
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 5*time.Second, 5*time.Millisecond)
	close(leave)
	stopped.Wait()
	require.Equal(t, "done", <-body)
}

func TestServeNamesABusyPort(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	err = serve(t, busy.Addr().String(), http.NotFoundHandler()).Start(t.Context())
	require.ErrorContains(t, err, "the test server cannot listen on "+busy.Addr().String())
}

func serve(t *testing.T, address string, handler http.Handler) *fxtest.App {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	return fxtest.New(t, fx.NopLogger, fx.Invoke(func(lc fx.Lifecycle, s fx.Shutdowner) {
		telemetry.Serve(lc, s, "test", telemetry.NewServer(address, handler, logger), logger)
	}))
}
