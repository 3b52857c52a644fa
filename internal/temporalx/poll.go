package temporalx

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pollInterval is how often something that Temporal makes usable in its own time is
// looked at again.
const pollInterval = 250 * time.Millisecond

// permanent marks an error that asking again does not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// poll calls try until it returns nil, a permanent error, or ctx ends; the error then
// says what was waited for and the last reason why not.
func poll(ctx context.Context, what string, try func(context.Context) error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var reason error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		var p permanent
		if errors.As(err, &p) {
			return fmt.Errorf("%s: %w", what, p.error)
		}
		if reason == nil || ctx.Err() == nil {
			reason = err // the context's own end says less than what went before
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting for %s: %w", what, reason)
		case <-tick.C:
		}
	}
}
