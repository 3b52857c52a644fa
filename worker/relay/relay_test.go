package relay_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/worker/relay"
)

func TestARushIsRelayedWithBoundedCallsAtOnce(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{answer: func(context.Context, string) error { time.Sleep(20 * time.Millisecond); return nil }}
	relaying(t, relay.Config{InFlight: 4, Starts: 4}, o, p, func(t *testing.T, _ func()) {
		for i := range 50 {
			o.add(domain.TopicStart, fmt.Sprintf("visit-%d", i), nil)
		}
		begin := time.Now()
		await(t, o)
		require.Len(t, p.seen(), 50)
		require.Equal(t, 4, p.most)
		require.LessOrEqual(t, o.largest, 4, "nothing is leased that has to wait")
		require.Less(t, time.Since(begin), 3*time.Second, "a free slot is filled at once, not at the next poll")
	})
}

func TestARushOfStartsLeavesRoomForOtherNews(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	starting, most := 0, 0
	o, p := newOutbox(), &temporal{}
	p.answer = func(_ context.Context, call string) error {
		if !strings.HasPrefix(call, "start ") {
			return nil
		}
		mu.Lock()
		starting++
		most = max(most, starting)
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		starting--
		mu.Unlock()
		return nil
	}
	relaying(t, relay.Config{InFlight: 8, Starts: 2}, o, p, func(t *testing.T, _ func()) {
		for i := range 40 {
			o.add(domain.TopicStart, fmt.Sprintf("visit-%d", i), nil)
			if i%8 == 0 {
				o.add(domain.TopicPaymentHint, "lives", domain.WebhookPayload{Type: "payment_intent.succeeded"})
			}
		}
		await(t, o)
		require.Len(t, p.seen(), 45)
		require.Equal(t, 2, most)
	})
}

// A start waits for its place no longer than its row is this relay's: nothing is called for a
// row that another relay may have by then.
func TestAStartThatWaitsTooLongIsPutBackWithinItsLease(t *testing.T) {
	t.Parallel()
	const lease = 30 * time.Second
	o, p := newOutbox(), &temporal{answer: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}
	relaying(t, relay.Config{InFlight: 4, Starts: 1, Lease: lease}, o, p, func(t *testing.T, _ func()) {
		for i := range 4 {
			o.add(domain.TopicStart, fmt.Sprintf("visit-%d", i), nil)
		}
		pass(lease)
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, e := range o.rows {
			require.NotEmpty(t, e.postponed, "row %d", e.ID)
		}
	})
}

func TestStoppingPutsBackStartsThatWaitForTheirPlace(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{answer: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}
	relaying(t, relay.Config{InFlight: 3, Starts: 1}, o, p, func(t *testing.T, stop func()) {
		for i := range 3 {
			o.add(domain.TopicStart, fmt.Sprintf("visit-%d", i), nil)
		}
		pass(2 * time.Second)
		require.Len(t, p.seen(), 1)
		stop()
		for _, e := range o.rows {
			require.Positive(t, e.Attempts)
			require.Zero(t, e.leased, "it need not wait for the end of its lease")
		}
	})
}

func TestWhatHappensToAVisitArrivesInOrder(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	fails := 2
	p.answer = func(_ context.Context, call string) error {
		if call == "start a" && fails > 0 {
			fails--
			return domain.Errorf(domain.CodeUnavailable, "not now")
		}
		return nil
	}
	relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
		o.add(domain.TopicStart, "a", nil)
		o.add(domain.TopicPaymentHint, "a", domain.WebhookPayload{Type: "payment_intent.succeeded"})
		o.add(domain.TopicStart, "b", nil)
		await(t, o)
		var ofA []string
		for _, call := range p.seen() {
			if call != "start b" {
				ofA = append(ofA, call)
			}
		}
		require.Equal(t, []string{"start a", "start a", "start a", "hint a payment_intent.succeeded"}, ofA)
	})
}

func TestAFaultPostponesWithAGrowingDelay(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	p := &temporal{answer: func(context.Context, string) error { return domain.Errorf(domain.CodeUnavailable, "not now") }}
	relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
		e := o.add(domain.TopicStart, "a", nil)
		pass(5 * time.Minute)
		o.mu.Lock()
		defer o.mu.Unlock()
		require.Equal(t, string(domain.CodeUnavailable), e.reason)
		require.Greater(t, len(e.postponed), 8)
		require.Equal(t, 500*time.Millisecond, e.postponed[0])
		for i := 1; i < len(e.postponed); i++ {
			require.GreaterOrEqual(t, e.postponed[i], e.postponed[i-1])
			require.LessOrEqual(t, e.postponed[i], 30*time.Second)
		}
		require.Equal(t, 30*time.Second, e.postponed[len(e.postponed)-1])
	})
}

func TestACallThatHangsIsGivenUpBeforeItsLeaseEnds(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	p := &temporal{answer: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}
	relaying(t, relay.Config{Lease: 30 * time.Second}, o, p, func(t *testing.T, _ func()) {
		e := o.add(domain.TopicStart, "a", nil)
		pass(25 * time.Second)
		o.mu.Lock()
		defer o.mu.Unlock()
		require.Len(t, e.postponed, 1)
	})
}

func TestAnOutboxThatCannotBeReadIsAskedAgain(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	o.failing = 3
	relaying(t, relay.Config{Poll: time.Second}, o, p, func(t *testing.T, _ func()) {
		o.add(domain.TopicStart, "a", nil)
		await(t, o)
		require.Equal(t, []string{"start a"}, p.seen())
	})
}

func TestAVisitThatCannotBeReadIsPostponedAndOneThatIsNotIsKeptForPeople(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	o.lost["down"] = errors.New("connection refused")
	o.lost["gone"] = domain.Errorf(domain.CodeNotFound, "there is no such appointment")
	relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
		down, gone := o.add(domain.TopicStart, "down", nil), o.add(domain.TopicStart, "gone", nil)
		pass(10 * time.Second)
		o.mu.Lock()
		defer o.mu.Unlock()
		require.NotEmpty(t, down.postponed)
		require.Equal(t, "not_found", gone.parked)
		require.Empty(t, p.seen())
	})
}

func TestAWakeUpIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	relaying(t, relay.Config{Poll: time.Hour}, o, p, func(t *testing.T, _ func()) {
		synctest.Wait()
		o.add(domain.TopicStart, "a", nil)
		o.awake()
		synctest.Wait()
		require.True(t, o.allDone())
	})
}

func TestWithoutAWakeUpTheOutboxIsPolled(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	relaying(t, relay.Config{Poll: time.Minute}, o, p, func(t *testing.T, _ func()) {
		synctest.Wait()
		o.add(domain.TopicStart, "a", nil)
		pass(59 * time.Second)
		require.False(t, o.allDone())
		pass(2 * time.Second)
		require.True(t, o.allDone())
		require.LessOrEqual(t, o.leases, 4, "it does not spin")
	})
}

func TestStoppingWaitsForWhatIsInFlightAndWritesItsReceipt(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	p := &temporal{answer: func(_ context.Context, call string) error {
		time.Sleep(3 * time.Second) // it does not hear that the relay stops
		if call == "start bad" {
			return domain.Errorf(domain.CodeUnavailable, "not now")
		}
		return nil
	}}
	relaying(t, relay.Config{}, o, p, func(t *testing.T, stop func()) {
		good, bad := o.add(domain.TopicStart, "good", nil), o.add(domain.TopicStart, "bad", nil)
		pass(1500 * time.Millisecond)
		require.Len(t, p.seen(), 2)
		o.add(domain.TopicStart, "later", nil)
		stop()
		require.True(t, good.done)
		require.Len(t, bad.postponed, 1)
		require.Len(t, p.seen(), 2, "nothing new is begun")
	})
}
