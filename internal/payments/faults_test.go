package payments_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/payments"
	"github.com/careflow/careflow/internal/sandbox"
)

// operation is one write of the adapter, and how often it has taken effect.
type operation struct {
	match   string
	prepare func(*testing.T, shop) domain.Intent
	do      func(context.Context, *payments.Stripe, domain.Intent) error
	effects func(sandbox.Ledger) int
}

func operations() map[string]operation {
	sum := func(of func(sandbox.PaymentEntry) int) func(sandbox.Ledger) int {
		return func(l sandbox.Ledger) int {
			n := 0
			for _, p := range l.Payments {
				n += of(p)
			}
			return n
		}
	}
	return map[string]operation{
		"create": {
			match:   "POST /v1/payment_intents",
			prepare: func(*testing.T, shop) domain.Intent { return domain.Intent{} },
			do: func(ctx context.Context, s *payments.Stripe, _ domain.Intent) error {
				_, err := s.CreateIntent(ctx, domain.IntentRequest{AppointmentID: visit, Generation: 1, Amount: domain.Money{Minor: 8000, Currency: "EUR"}, IdempotencyKey: "create"})
				return err
			},
			effects: func(l sandbox.Ledger) int { return len(l.Payments) },
		},
		"capture": {
			match:   "POST /v1/payment_intents/*/capture",
			prepare: func(t *testing.T, s shop) domain.Intent { return s.paid(t) },
			do: func(ctx context.Context, s *payments.Stripe, i domain.Intent) error {
				_, err := s.Capture(ctx, i.ID, "capture")
				return err
			},
			effects: sum(func(p sandbox.PaymentEntry) int { return p.Captures }),
		},
		"cancel": {
			match:   "POST /v1/payment_intents/*/cancel",
			prepare: func(t *testing.T, s shop) domain.Intent { return s.paid(t) },
			do: func(ctx context.Context, s *payments.Stripe, i domain.Intent) error {
				_, err := s.Cancel(ctx, i.ID, "cancel")
				return err
			},
			effects: sum(func(p sandbox.PaymentEntry) int { return int(p.Voided / 8000) }),
		},
		"refund": {
			match:   "POST /v1/refunds",
			prepare: func(t *testing.T, s shop) domain.Intent { return s.captured(t) },
			do: func(ctx context.Context, s *payments.Stripe, i domain.Intent) error {
				_, err := s.Refund(ctx, domain.RefundRequest{IntentID: i.ID, AppointmentID: visit, Minor: 3000, IdempotencyKey: "refund"})
				return err
			},
			effects: sum(func(p sandbox.PaymentEntry) int { return p.Refunds }),
		},
	}
}

func TestEachFaultIsTransientAndMoneyMovesOnce(t *testing.T) {
	faults := map[string]sandbox.Fault{
		"429":                         {Mode: sandbox.Fail, Status: http.StatusTooManyRequests},
		"503":                         {Mode: sandbox.Fail, Status: http.StatusServiceUnavailable},
		"500, nothing happened":       {Mode: sandbox.Fail, Status: http.StatusInternalServerError},
		"500, but it happened":        {Mode: sandbox.FailAfter, Status: http.StatusInternalServerError},
		"503, but it happened":        {Mode: sandbox.FailAfter, Status: http.StatusServiceUnavailable},
		"connection breaks, nothing":  {Mode: sandbox.Drop},
		"connection breaks, happened": {Mode: sandbox.DropAfter},
	}
	for opName, op := range operations() {
		for faultName, fault := range faults {
			t.Run(opName+"/"+faultName, func(t *testing.T) {
				s := open(t, sandbox.Config{})
				intent := op.prepare(t, s)
				fault.Vendor, fault.Match = sandbox.Stripe, op.match
				s.box.Inject(fault)
				for range 3 {
					err := op.do(t.Context(), s.Stripe, intent)
					if op.effects(s.box.Ledger()) == 1 && err == nil {
						continue // it found that it had happened
					}
					require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
				}
				s.box.ClearFaults()
				require.NoError(t, op.do(t.Context(), s.Stripe, intent), "the same key works once the vendor is back")
				require.NoError(t, op.do(t.Context(), s.Stripe, intent))
				require.Equal(t, 1, op.effects(s.box.Ledger()))
			})
		}
	}
}

// Stripe may store a refusal under the key as it stores a 500: people put right what it was
// about, and ask again.
func TestARequestThatWasRefusedIsTakenOnceItIsPutRight(t *testing.T) {
	for name, op := range operations() {
		t.Run(name, func(t *testing.T) {
			s := open(t, sandbox.Config{})
			intent := op.prepare(t, s)
			s.box.Inject(sandbox.Fault{
				Vendor: sandbox.Stripe, Match: op.match, Mode: sandbox.Fail, Status: http.StatusBadRequest, Code: "parameter_invalid_empty",
			})
			for range 2 {
				require.Equal(t, domain.CodeVendorRejected, domain.CodeOf(op.do(t.Context(), s.Stripe, intent)))
			}
			s.box.ClearFaults()
			require.NoError(t, op.do(t.Context(), s.Stripe, intent))
			require.NoError(t, op.do(t.Context(), s.Stripe, intent))
			require.Equal(t, 1, op.effects(s.box.Ledger()))
		})
	}
}

func TestWorkerKilledBetweenChargeAndAnswerChargesOnce(t *testing.T) {
	for name, op := range operations() {
		for mode, happened := range map[sandbox.Mode]int{sandbox.HoldAfter: 1, sandbox.Hold: 0} {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				s := open(t, sandbox.Config{})
				intent := op.prepare(t, s)
				hold := s.box.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: op.match, Mode: mode, Count: 1})
				ctx, kill := context.WithCancel(t.Context())
				failed := make(chan error, 1)
				go func() { failed <- op.do(ctx, s.Stripe, intent) }()
				require.NoError(t, hold.WaitHeld(t.Context()))
				require.Equal(t, happened, op.effects(s.box.Ledger()))
				kill()
				require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(<-failed))
				hold.Release()
				require.NoError(t, op.do(t.Context(), s.Stripe, intent))
				require.Equal(t, 1, op.effects(s.box.Ledger()))
			})
		}
	}
}

func TestSlowVendorTimesOutAsUnavailable(t *testing.T) {
	s := open(t, sandbox.Config{})
	s.box.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Mode: sandbox.Latency, Latency: domain.Duration(time.Minute)})
	hasty := payments.New(payments.Config{Key: sandbox.DefaultStripeKey, URL: s.url, Timeout: 50 * time.Millisecond})
	_, err := hasty.GetIntent(t.Context(), "pi_x")
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
}

func TestSecondRequestWhileTheFirstRunsIsAskedToComeBack(t *testing.T) {
	s := open(t, sandbox.Config{})
	op := operations()["capture"]
	intent := op.prepare(t, s)
	slow := s.box.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: op.match, Mode: sandbox.Latency, Latency: domain.Duration(300 * time.Millisecond), Count: 1})
	first := make(chan error, 1)
	go func() { first <- op.do(t.Context(), s.Stripe, intent) }()
	require.Eventually(t, func() bool { return slow.Hits() == 1 }, 5*time.Second, time.Millisecond)
	err := op.do(t.Context(), s.Stripe, intent)
	if err != nil { // else the first was through already
		require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
		require.Equal(t, "idempotency_key_in_use", detail(t, err))
	}
	require.NoError(t, <-first)
	require.Equal(t, 1, op.effects(s.box.Ledger()))
}

func TestVendorThatIsNotThereIsUnavailable(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := payments.New(payments.Config{Key: "sk", URL: gone.URL}).GetIntent(t.Context(), "pi_x")
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
}

func TestAnswerThatIsNoJSONIsUnavailable(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>bad gateway</html>"))
	}))
	defer proxy.Close()
	_, err := payments.New(payments.Config{Key: "sk", URL: proxy.URL}).GetIntent(t.Context(), "pi_x")
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
}
