package restore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// following brings one visit's row up to its process.
type following struct {
	*Books
	id    string
	since time.Time
	runs  []domain.VisitProcess
	cases map[string]domain.CaseHistory // of its intents

	last      domain.VisitHistory
	delivered []domain.VisitStep // what its process had handed over
	before    []domain.RecordedPayment
	books     []domain.RecordedPayment
	provider  map[string]domain.Intent

	moved    bool
	missing  bool // it has no row
	failed   bool // a person has to look
	stirred  bool // its process did something since
	compared bool // before is known
	paid     bool // its money had moved since
}

// follow records the steps of the visit's processes. What a refused step leaves undone shows
// in failed.
func (f *following) follow(ctx context.Context, counts *domain.ForwardCounts) error {
	f.failed, f.delivered = false, nil
	if err := f.begin(ctx); err != nil {
		return err
	}
	for _, run := range f.runs {
		h, err := f.processes.History(ctx, f.id, run.RunID)
		if err != nil {
			return err
		}
		if h.Superseded {
			continue
		}
		f.last = h
		f.stirred = f.stirred || h.ChangedAt.After(f.since)
		version, claimed, err := f.rows.RowVersion(ctx, f.id)
		if domain.CodeOf(err) == domain.CodeNotFound {
			f.missing = true
			continue // its latest run tells most of it
		}
		if err != nil {
			return err
		}
		if _, _, err := f.rows.ClaimProcess(ctx, f.id, run.RunID, claimed); err != nil {
			return err
		}
		for _, step := range h.Steps {
			if err := f.record(ctx, step, &version, counts); err != nil {
				if !refused(err) {
					return err
				}
				activity.GetLogger(ctx).Warn("a visit could not be brought up to its process", "appointment_id", f.id, "version", version, "error", err)
				f.failed = true
				return nil
			}
		}
	}
	return nil
}

// begin keeps how the money stood before, and finds out whether there is a row where no
// process tells of one.
func (f *following) begin(ctx context.Context) error {
	if f.compared {
		return nil
	}
	var err error
	if f.before, err = f.rows.Payments(ctx, f.id); err != nil {
		return err
	}
	f.compared = true
	if len(f.runs) > 0 {
		return nil
	}
	_, _, err = f.rows.RowVersion(ctx, f.id)
	if f.missing = domain.CodeOf(err) == domain.CodeNotFound; f.missing {
		return nil
	}
	return err
}

// refused reports whether trying again changes nothing.
func refused(err error) bool {
	switch domain.CodeOf(err) { //nolint:exhaustive // every other code is a refusal
	case domain.CodeUnavailable, domain.CodeInternal, domain.CodeTooMany, domain.CodeVendorUnavailable:
		return false
	}
	return true
}

// record writes one step into the books, where it is not in them, and makes what it owes as
// old as it is: the deliveries that follow tell then what was handed over.
func (f *following) record(ctx context.Context, step domain.VisitStep, version *int, counts *domain.ForwardCounts) error {
	switch {
	case step.Transition != nil:
		return f.transition(ctx, *step.Transition, version, counts)
	case step.OpenedIntent != "":
		return f.opened(ctx, step)
	case step.Settled != nil:
		if err := f.settler.Settle(ctx, f.id, *step.Settled); err != nil {
			return err
		}
		for _, owing := range []string{"payment-voided/", "payment-captured/", "payment-refunded/"} {
			if err := f.rows.AgeMessages(ctx, f.id, owing, step.At); err != nil {
				return err
			}
		}
	case step.Delivered:
		for _, r := range step.Reminders {
			if err := f.rows.OweDeliveredReminder(ctx, f.id, r, step.At); err != nil {
				return err
			}
		}
		n, err := f.rows.SettleDelivered(ctx, f.id, step.At, step.Clean)
		counts.Letters += n
		f.delivered = append(f.delivered, step)
		return err
	}
	return nil
}

func (f *following) opened(ctx context.Context, step domain.VisitStep) error {
	known, err := f.rows.Payments(ctx, f.id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(known, func(p domain.RecordedPayment) bool { return p.IntentID == step.OpenedIntent }) {
		intent, err := f.payments.GetIntent(ctx, step.OpenedIntent)
		if err != nil {
			return err
		}
		if _, err := f.rows.RecordPayment(ctx, f.id, step.Generation, intent, step.At); err != nil {
			return err
		}
	}
	return f.rows.AgeMessages(ctx, f.id, fmt.Sprintf("payment-opened/%d", step.Generation), step.At)
}

func (f *following) transition(ctx context.Context, t domain.Transition, version *int, counts *domain.ForwardCounts) error {
	if t.Version > *version {
		return domain.Errorf(domain.CodeStuck, "the process goes on from version %d, the row is at %d", t.Version, *version)
	}
	if t.Version == *version {
		moved, err := f.rows.Transition(ctx, t)
		if err != nil {
			return err
		}
		*version, f.moved = moved.Version, true
		counts.Steps++
	}
	return f.rows.AgeMessages(ctx, f.id, t.ID+"/", t.At)
}
