package worker

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/domain"
)

// Fence tells whether a restore is under way: then no process may move money, send a letter
// or write a row, which a swap of the databases would lose.
type Fence interface {
	Fenced(ctx context.Context) (bool, error)
}

// fenceLooked is for how long a look at the fence is good. What begins within it may be
// under way for that much longer when the fence goes up; see config.Restore.Drain.
const fenceLooked = 500 * time.Millisecond

// behindFence are the kinds of activities that go on: those of restores and backups
// themselves, and telling people.
var behindFence = []string{"restore.", "backup.", "alarm."}

// fenced puts activities off while the fence stands, also where it cannot be looked at. The
// processes wait in retries, as they do while the database is away.
type fenced struct {
	interceptor.WorkerInterceptorBase
	fence Fence

	mu     sync.Mutex
	looked time.Time
	stands bool
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (f *fenced) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &fencedActivity{fenced: f}
	i.Next = next
	return i
}

type fencedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	fenced *fenced
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *fencedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	name := activity.GetInfo(ctx).ActivityType.Name
	for _, prefix := range behindFence {
		if strings.HasPrefix(name, prefix) {
			return a.Next.ExecuteActivity(ctx, in)
		}
	}
	stands, err := a.fenced.look(ctx)
	if err != nil {
		return nil, err // what cannot be looked at may be there
	}
	if stands {
		return nil, temporal.NewApplicationErrorWithOptions("a restore is under way: this goes on when it is done", string(domain.CodeUnavailable),
			temporal.ApplicationErrorOptions{NextRetryDelay: fencedRetry})
	}
	return a.Next.ExecuteActivity(ctx, in)
}

// fencedRetry lets everything go on soon after the fence went, however long it stood.
const fencedRetry = 2 * time.Second

func (f *fenced) look(ctx context.Context) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < fenceLooked {
		return f.stands, nil
	}
	stands, err := f.fence.Fenced(ctx)
	if err != nil {
		return false, err
	}
	f.stands, f.looked = stands, time.Now()
	return stands, nil
}
