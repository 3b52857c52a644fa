package restore

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

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
	// RestoreCase opens the payment case of an intent as far as its process had come.
	RestoreCase(ctx context.Context, o domain.CaseOpening, resolved bool) error
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
	cases     Cases
	payments  Payments
	settler   Settler
	balancer  Balancer
}

// NewBooks returns the activities.
func NewBooks(c Catalogue, r Rows, p Processes, cases Cases, pay Payments, s Settler, b Balancer) *Books {
	return &Books{catalogue: c, rows: r, processes: p, cases: cases, payments: pay, settler: s, balancer: b}
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
// since: the row comes to where its process is, without anything happening twice; and the
// books of its money to where the provider is. What has no row is listed, and so is what
// cannot be followed, and whose money had moved since.
func (b *Books) Forward(ctx context.Context, in ForwardInput) (ForwardResult, error) {
	beat := beat(ctx)
	defer beat.stop()
	visits, err := b.visitsSince(ctx, in.Since.Add(-Margin))
	if err != nil {
		return ForwardResult{}, fault(err)
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
	for i, v := range visits {
		beat.report("balance", int64(i))
		if err := v.balance(ctx); err != nil {
			return ForwardResult{}, fault(err)
		}
		if v.moved {
			counts.Moved++
		}
		if v.missing || v.failed || v.paid {
			if err := b.list(ctx, in.RestoreID, v, &counts); err != nil {
				return ForwardResult{}, fault(err)
			}
		}
	}
	return ForwardResult{Counts: counts}, nil
}

const passes = 3

// visitsSince returns the visits whose process, or that of a payment case, was open at that
// time or began later.
func (b *Books) visitsSince(ctx context.Context, at time.Time) ([]*following, error) {
	runs, err := b.processes.Since(ctx, at)
	if err != nil {
		return nil, err
	}
	cases, err := b.cases.CasesSince(ctx, at)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(runs, func(a, b domain.VisitProcess) int { return a.StartedAt.Compare(b.StartedAt) })
	of := map[string]*following{}
	visit := func(id string) *following {
		if of[id] == nil {
			of[id] = &following{Books: b, id: id, since: at, cases: map[string]domain.CaseHistory{}, provider: map[string]domain.Intent{}}
		}
		return of[id]
	}
	for _, run := range runs {
		v := visit(run.AppointmentID)
		v.runs = append(v.runs, run)
	}
	for _, c := range cases {
		visit(c.AppointmentID).cases[c.IntentID] = c
	}
	return slices.SortedFunc(maps.Values(of), func(a, b *following) int { return strings.Compare(a.id, b.id) }), nil
}

func (b *Books) list(ctx context.Context, restoreID string, v *following, counts *domain.ForwardCounts) error {
	lost := domain.LostVisit{AppointmentID: v.id, Why: domain.LostMoney}
	switch {
	case v.missing:
		counts.Missing++
		lost.Why = domain.LostRow
	case v.failed:
		counts.Failed++
		lost.Why = domain.LostBehind
	default:
		counts.Money++
	}
	known, err := b.catalogue.LostVisit(ctx, restoreID, v.id)
	switch {
	case err == nil && known.Why == lost.Why:
		lost = known // what the database of before told
	case err != nil && domain.CodeOf(err) != domain.CodeNotFound:
		return err
	}
	h := v.last
	lost.Process = h.State
	if !h.BookedAt.IsZero() {
		lost.Status, lost.Version = h.Latest, h.Version
		lost.BookedAt, lost.StartsAt, lost.DoctorID = h.BookedAt, h.Visit.Start, h.DoctorID
	}
	lost.Intents = v.money()
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
			if err := b.explain(ctx, &v); err != nil {
				return 0, fault(err)
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
