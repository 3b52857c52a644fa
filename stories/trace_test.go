package stories_test

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// traces is a collector that keeps what it is sent.
type traces struct {
	mu    sync.Mutex
	spans []*tracepb.Span
	raw   strings.Builder
}

func collect(t *testing.T) (*traces, string) {
	t.Helper()
	kept := &traces{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if r.URL.Path != "/v1/traces" || r.Header.Get("Authorization") != "Bearer collector-token" || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		kept.mu.Lock()
		defer kept.mu.Unlock()
		text, _ := json.Marshal(&request)
		kept.raw.Write(text)
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				kept.spans = append(kept.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	return kept, server.URL
}

// of returns the spans of the trace that a span of this name began.
func (k *traces) of(root string) map[string]*tracepb.Span {
	k.mu.Lock()
	defer k.mu.Unlock()
	var trace []byte
	for _, s := range k.spans {
		if s.GetName() == root && len(s.GetParentSpanId()) == 0 {
			trace = s.GetTraceId()
		}
	}
	spans := map[string]*tracepb.Span{}
	for _, s := range k.spans {
		if trace != nil && string(s.GetTraceId()) == string(trace) {
			spans[hex.EncodeToString(s.GetSpanId())] = s
		}
	}
	return spans
}

func named(spans map[string]*tracepb.Span, part string) *tracepb.Span {
	for _, s := range spans {
		if strings.Contains(s.GetName(), part) {
			return s
		}
	}
	return nil
}

// strays counts the steps that others hang on and that are not there. The step of the process
// itself is told when the process ends, in a month: that one hangs in the air.
func strays(spans map[string]*tracepb.Span) int {
	unknown := map[string]bool{}
	for _, s := range spans {
		if parent := hex.EncodeToString(s.GetParentSpanId()); parent != "" && spans[parent] == nil {
			unknown[parent] = true
		}
	}
	return len(unknown)
}

// One booking is one trace, from the request through the outbox and its process to both
// vendors, and says nothing about the people in it.
func TestOneBookingIsOneTrace(t *testing.T) {
	t.Parallel()
	kept, url := collect(t)
	c := clinic.New(t, clinic.Options{Env: []string{
		"CAREFLOW_TRACE_URL=" + url, "CAREFLOW_TRACE_PERCENT=100", "CAREFLOW_TRACE_TOKEN=collector-token", "OTEL_BSP_SCHEDULE_DELAY=200",
	}})
	patient := c.Login("patient")
	booking := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	booking.TypeID, booking.Reason = c.NewType(30, `{}`), "a very private reason"
	visit := c.BookAndPay(patient, booking)

	steps := []string{
		"bookAppointment", "InsertAppointment", "relay start", "StartWorkflow:appointment", "StartActivity:appointment.open_payment",
		"RunActivity:appointment.open_payment", "stripe POST /v1/payment_intents", "RunActivity:appointment.deliver_mail", "sendgrid POST /v3/mail/send",
	}
	var missing []string
	var spans map[string]*tracepb.Span
	t.Cleanup(func() {
		if t.Failed() {
			for _, s := range spans {
				t.Logf("%x < %x %s", s.GetSpanId(), s.GetParentSpanId(), s.GetName())
			}
			t.Logf("missing: %v", missing)
		}
	})
	testkit.Eventually(t, func() bool {
		missing, spans = nil, kept.of("bookAppointment")
		for _, step := range steps {
			if named(spans, step) == nil {
				missing = append(missing, step)
			}
		}
		return len(missing) == 0 && strays(spans) <= 1
	}, "the trace of the booking is whole")

	require.Equal(t, tracepb.Status_STATUS_CODE_UNSET, named(spans, "bookAppointment").GetStatus().GetCode())

	kept.mu.Lock()
	told := kept.raw.String()
	kept.mu.Unlock()
	for _, private := range []string{"careflow.example", "Paula", "private reason", "INSERT INTO", "_secret_", "sk_test", "Bearer"} {
		require.NotContains(t, told, private)
	}
	headers := c.History(c.Temporal(), visit.ID).GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetHeader().GetFields()
	require.Len(t, headers, 1)
	for _, header := range headers {
		require.Regexp(t, `^\{"traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-01"\}$`, string(header.GetData()), "Temporal shows random IDs only")
	}
}
