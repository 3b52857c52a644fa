package chaos

import (
	"context"
	"sync"
	"syscall"
	"time"
)

// harm injects the faults of the plan and mends everything at the end.
func (r *run) harm(ctx context.Context, began time.Time) {
	var stopped sync.WaitGroup
	for _, f := range r.plan.Faults {
		pause(ctx, time.Until(began.Add(f.At)))
		if ctx.Err() != nil {
			break
		}
		switch f.Kind {
		case Kill:
			if pid, ok := r.stack.kill(ctx, f.Part); ok {
				r.o.Say("%6s kill -9 %s (%d)", time.Since(began).Round(100*time.Millisecond), f.Part, pid)
				r.faults.count("kill " + f.Part)
			}
		case Stop:
			if pid, ok := r.stack.signal(f.Part, syscall.SIGSTOP); ok {
				r.o.Say("%6s stop %s (%d) for %s", time.Since(began).Round(100*time.Millisecond), f.Part, pid, f.Lasts.Round(100*time.Millisecond))
				r.faults.count("stop " + f.Part)
				stopped.Go(func() {
					pause(ctx, f.Lasts)
					_ = syscall.Kill(-pid, syscall.SIGCONT)
				})
			}
		case Outage:
			r.outage(ctx, began, f)
		case Lie:
			if err := r.vendors.lie(ctx, f, "", ""); err == nil {
				r.faults.count(f.Vendor + " " + f.Mode)
			}
		case Resend:
			if err := r.vendors.resend(ctx); err == nil {
				r.faults.count("webhooks resent")
			}
		}
	}
	pause(ctx, time.Until(began.Add(r.plan.Size.Faults)))
	stopped.Wait()
	r.stack.resume()
	_ = r.vendors.honest(context.WithoutCancel(ctx))
	_ = r.vendors.resend(context.WithoutCancel(ctx))
}

// outage stops everything of ours for a while. Vendors and clients go on.
func (r *run) outage(ctx context.Context, began time.Time, f Fault) {
	var down []int
	for _, part := range []string{Worker, Saver, API, Temporal, Postgres} {
		if pid, ok := r.stack.signal(part, syscall.SIGSTOP); ok {
			down = append(down, pid)
		}
	}
	r.o.Say("%6s outage of everything for %s", time.Since(began).Round(100*time.Millisecond), f.Lasts.Round(100*time.Millisecond))
	r.faults.count("outage")
	pause(ctx, f.Lasts)
	for _, pid := range down {
		_ = syscall.Kill(-pid, syscall.SIGCONT)
	}
}
