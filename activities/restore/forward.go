package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Catalogue keeps how restores stand, the visits that they do not have, and the fence.
type Catalogue interface {
	NoteRestore(ctx context.Context, r domain.RestoreRecord) error
	RaiseFence(ctx context.Context, restoreID string) error
	LiftFence(ctx context.Context, restoreID string) error
	KeepLostVisit(ctx context.Context, restoreID string, v domain.LostVisit) error
	// LostVisit is CodeNotFound where it is not listed.
	LostVisit(ctx context.Context, restoreID, appointmentID string) (domain.LostVisit, error)
	LostVisits(ctx context.Context, f domain.LostVisitFilter) ([]domain.LostVisit, error)
	CountLostVisits(ctx context.Context, restoreID string) (int, error)
}

// Rows are the clinic's visits. Writing a step that is in them already changes nothing.
type Rows interface {
	// RowVersion is CodeNotFound where there is no row.
	RowVersion(ctx context.Context, appointmentID string) (version int, runID string, err error)
	ClaimProcess(ctx context.Context, id, runID, replaces string) (a domain.Appointment, ok bool, err error)
	Transition(ctx context.Context, t domain.Transition) (domain.TransitionResult, error)
	RecordPayment(ctx context.Context, id string, generation int, intent domain.Intent, payable time.Time) (payBy time.Time, err error)
	Payments(ctx context.Context, id string) ([]domain.RecordedPayment, error)
	OweDeliveredReminder(ctx context.Context, appointmentID string, r domain.Reminder, at time.Time) error
	// AgeMessages makes what a step owes no younger than the step.
	AgeMessages(ctx context.Context, appointmentID, step string, at time.Time) error
	// SettleDelivered notes that what was owed at at was handed over.
	SettleDelivered(ctx context.Context, appointmentID string, at time.Time, clean bool) (int, error)
}

// Processes are the visits' processes, with what they had recorded.
type Processes interface {
	// Since lists the runs that were open at that time or began later.
	Since(ctx context.Context, at time.Time) ([]domain.VisitProcess, error)
	History(ctx context.Context, appointmentID, runID string) (domain.VisitHistory, error)
}

// Payments asks the provider; it moves nothing.
type Payments interface {
	GetIntent(ctx context.Context, id string) (domain.Intent, error)
	FindIntents(ctx context.Context, appointmentID string, createdAfter time.Time) ([]domain.Intent, error)
}

// Settler puts the money of an ended visit right; what is right already it only records.
type Settler interface {
	Settle(ctx context.Context, appointmentID string, kept int64) error
}

// Books are the activities on the product's database, on the queue of the workflows.
type Books struct {
	catalogue Catalogue
	rows      Rows
	processes Processes
	payments  Payments
	settler   Settler
}

// NewBooks returns the activities.
func NewBooks(c Catalogue, r Rows, p Processes, pay Payments, s Settler) *Books {
	return &Books{catalogue: c, rows: r, processes: p, payments: pay, settler: s}
}

// Note keeps how a restore stands.
func (b *Books) Note(ctx context.Context, r domain.RestoreRecord) error {
	return fault(b.catalogue.NoteRestore(ctx, r))
}

// Fence stops letters, money and processes in the live database.
func (b *Books) Fence(ctx context.Context, restoreID string) error {
	return fault(b.catalogue.RaiseFence(ctx, restoreID))
}

// Lift takes the fence away.
func (b *Books) Lift(ctx context.Context, restoreID string) error {
	return fault(b.catalogue.LiftFence(ctx, restoreID))
}

// Forward records again, in their order, the steps of every process that did something
// since: the row comes to where its process is, without anything happening twice. What has
// no row is listed, and so is what cannot be followed.
func (b *Books) Forward(ctx context.Context, in ForwardInput) (ForwardResult, error) {
	beat := beat(ctx)
	defer beat.stop()
	runs, err := b.processes.Since(ctx, in.Since.Add(-Margin))
	if err != nil {
		return ForwardResult{}, fault(err)
	}
	slices.SortFunc(runs, func(a, b domain.VisitProcess) int {
		if c := strings.Compare(a.AppointmentID, b.AppointmentID); c != 0 {
			return c
		}
		return a.StartedAt.Compare(b.StartedAt)
	})
	var visits []*following
	for i, run := range runs {
		if i == 0 || runs[i-1].AppointmentID != run.AppointmentID {
			visits = append(visits, &following{Books: b, id: run.AppointmentID})
		}
		visits[len(visits)-1].runs = append(visits[len(visits)-1].runs, run)
	}
	counts := domain.ForwardCounts{Visits: len(visits)}
	// A visit may have moved to a time that another one gave up: those that cannot be
	// followed are tried again after the others.
	left := visits
	for range passes {
		var again []*following
		for i, v := range left {
			beat.report("forward", int64(i))
			if err := v.follow(ctx, &counts); err != nil {
				return ForwardResult{}, fault(err)
			}
			if v.failed {
				again = append(again, v)
			}
		}
		if len(again) == len(left) {
			break
		}
		left = again
	}
	for _, v := range visits {
		if v.moved {
			counts.Moved++
		}
		if v.missing || v.failed {
			if err := b.list(ctx, in.RestoreID, v, &counts); err != nil {
				return ForwardResult{}, fault(err)
			}
		}
	}
	return ForwardResult{Counts: counts}, nil
}

const passes = 3

func (b *Books) list(ctx context.Context, restoreID string, v *following, counts *domain.ForwardCounts) error {
	lost := domain.LostVisit{AppointmentID: v.id, Why: domain.LostRow}
	if v.missing {
		counts.Missing++
	} else {
		counts.Failed++
		lost.Why = domain.LostBehind
	}
	known, err := b.catalogue.LostVisit(ctx, restoreID, v.id)
	switch {
	case err == nil && known.Why == lost.Why:
		lost = known // what the database of before told
	case err != nil && domain.CodeOf(err) != domain.CodeNotFound:
		return err
	}
	h := v.last
	lost.Process, lost.Status, lost.Version = h.State, h.Latest, h.Version
	lost.BookedAt, lost.StartsAt, lost.DoctorID = h.BookedAt, h.Visit.Start, h.DoctorID
	return b.catalogue.KeepLostVisit(ctx, restoreID, lost)
}

// Explain adds to each listed visit what the payment provider has for it, and says how many
// there are.
func (b *Books) Explain(ctx context.Context, restoreID string) (int, error) {
	beat := beat(ctx)
	defer beat.stop()
	const page = 100
	after := ""
	for {
		visits, err := b.catalogue.LostVisits(ctx, domain.LostVisitFilter{RestoreID: restoreID, After: after, Limit: page})
		if err != nil {
			return 0, fault(err)
		}
		for _, v := range visits {
			after = v.AppointmentID
			intents, err := b.payments.FindIntents(ctx, v.AppointmentID, v.BookedAt.Add(-time.Hour))
			if err != nil {
				return 0, fault(err)
			}
			v.Intents = nil
			for _, i := range intents {
				v.Intents = append(v.Intents, domain.FactOf(i))
			}
			if err := b.catalogue.KeepLostVisit(ctx, restoreID, v); err != nil {
				return 0, fault(err)
			}
		}
		if len(visits) < page {
			break
		}
	}
	n, err := b.catalogue.CountLostVisits(ctx, restoreID)
	return n, fault(err)
}

// following brings one visit's row up to its process.
type following struct {
	*Books
	id      string
	runs    []domain.VisitProcess
	last    domain.VisitHistory
	moved   bool
	missing bool // it has no row
	failed  bool // a person has to look
}

func (f *following) follow(ctx context.Context, counts *domain.ForwardCounts) error {
	f.failed = false
	for _, run := range f.runs {
		h, err := f.processes.History(ctx, f.id, run.RunID)
		if err != nil {
			return err
		}
		if h.Superseded {
			continue
		}
		f.last = h
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
