package paymentcase

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/activities/settlement"
	"github.com/careflow/careflow/internal/domain"
)

// Store is where cases and their money are kept.
type Store interface {
	settlement.Books
	// CaseWork is CodeNotFound where the intent has no case.
	CaseWork(ctx context.Context, intentID string) (domain.CaseWork, error)
	// MoveCase is CodeUnavailable when someone else moved the case meanwhile.
	MoveCase(ctx context.Context, m domain.CaseMove) error
	BookDispute(ctx context.Context, appointmentID, intentID string, d domain.Dispute) error
	LettersOwed(ctx context.Context, appointmentID string) (bool, error)
}

// Provider is the payment provider; its errors are those of settlement.Provider.
type Provider interface {
	settlement.Provider
	ListDisputes(ctx context.Context, intentID string) ([]domain.Dispute, error)
}

// How often a case looks by itself. The provider's events come sooner, but one may be lost.
const (
	lookAtBank   = 6 * time.Hour // a refund on its way
	lookAtPeople = 24 * time.Hour
	lookAgain    = 10 * time.Minute // a provider that fails: no later than that
)

// Activities take cases further.
type Activities struct {
	store    Store
	provider Provider
	settler  *settlement.Settler
	now      func() time.Time
}

// New returns the activities on store and provider.
func New(store Store, provider Provider) *Activities {
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	return &Activities{store: store, provider: provider, settler: settlement.New(store, provider, now), now: now}
}

// Advance reads the intent, brings the books up to date, voids or refunds what is due, and
// says what the case waits for. A provider that fails is shown in the case and tried again.
func (a *Activities) Advance(ctx context.Context, in AdvanceInput) (Standing, error) {
	work, err := a.store.CaseWork(ctx, in.IntentID)
	if err != nil {
		return Standing{}, fault(err)
	}
	if work.Case.State != domain.CaseClosed {
		next, err := a.advance(ctx, &work)
		if err != nil {
			next = a.trouble(work, err, in.LastTry)
		}
		if next.State == "" { // ours, and passing
			return Standing{}, fault(err)
		}
		if moving := a.move(ctx, work, next); moving != nil {
			return Standing{}, fault(moving)
		}
		if next.State == domain.CaseRetrying {
			return Standing{}, fault(err)
		}
	}
	return a.standing(ctx, in.IntentID)
}

// advance takes the case further and says how it stands then.
func (a *Activities) advance(ctx context.Context, work *domain.CaseWork) (domain.CaseMove, error) {
	job := jobOf(*work)
	seen, err := a.settler.Look(ctx, job)
	if err != nil {
		return domain.CaseMove{}, err
	}
	if work.Payment.Resolved {
		job.Kept = seen.Intent.Captured // a person has seen to it, in whatever way
	}
	dispute, err := a.dispute(ctx, work, seen.Intent)
	if err != nil {
		return domain.CaseMove{}, err
	}
	if dispute.Open() {
		return waitForDispute(dispute, a.now()), nil // a disputed payment is not refunded
	}
	if work.Case.WaitsFor == domain.WaitsForEvidence {
		// Decided. The case is its process's again, which has to be in the books before it moves money.
		return domain.CaseMove{Kind: "dispute_decided", State: domain.CaseOpen, WaitsFor: domain.WaitsForProvider, LookAt: a.now()}, nil
	}
	if dispute.Lost() && job.Payment.ChargedBack == 0 {
		job.Payment.ChargedBack = dispute.Minor // booked a moment ago
	}
	if late(*work, seen.Intent) {
		// Paid while we could not void it. Written down first: who paid too late is told so.
		return domain.CaseMove{
			Kind: "late_payment", Becomes: domain.CaseLatePayment, State: domain.CaseOpen, WaitsFor: domain.WaitsForProvider, LookAt: a.now(),
		}, nil
	}
	// A visit that goes on keeps its money; a case of it only keeps the books.
	if mayMove := work.Case.State != domain.CaseNeedsPerson; mayMove && work.Status.Ended() {
		if seen, err = a.settler.Move(ctx, job, seen); err != nil {
			return domain.CaseMove{}, err
		}
	}
	return a.judge(*work, job, seen, dispute), nil
}

func jobOf(work domain.CaseWork) settlement.Job {
	return settlement.Job{
		AppointmentID: work.Case.AppointmentID, Payment: work.Payment, Kept: work.Kept, By: domain.RefundByCase,
		RetryBeyond: work.Case.RetryBeyond, Tell: work.Case.Kind == domain.CaseLatePayment,
	}
}

// Record brings the books of a case's intent to where the provider is, and moves nothing: so
// after a restore, when the money has moved before. Errors are those of the store and the
// provider.
func (a *Activities) Record(ctx context.Context, intentID string) error {
	work, err := a.store.CaseWork(ctx, intentID)
	if err != nil {
		return err
	}
	seen, err := a.settler.Record(ctx, jobOf(work), !work.Status.Ended() || work.Payment.Resolved)
	if err != nil {
		return err
	}
	_, err = a.dispute(ctx, &work, seen.Intent)
	return err
}

// judge says what a case waits for whose money has been moved as far as it goes.
func (a *Activities) judge(work domain.CaseWork, job settlement.Job, seen settlement.Sight, dispute domain.Dispute) domain.CaseMove {
	now, ended := a.now(), work.Status.Ended()
	switch {
	case seen.Open != nil || (ended && holds(seen.Intent.Status)):
		return domain.CaseMove{State: work.Case.State, WaitsFor: work.Case.WaitsFor, ErrorCode: work.Case.ErrorCode, LookAt: now.Add(lookAtPeople)}
	case ended && seen.Due(job) > 0 && seen.Failed != nil:
		code := seen.Failed.ErrorCode
		if code == "" {
			code = "refund_failed"
		}
		return domain.CaseMove{Kind: "needs_person", State: domain.CaseNeedsPerson, WaitsFor: domain.WaitsForPerson, ErrorCode: code, LookAt: now.Add(lookAtPeople)}
	case ended && seen.Due(job) > 0: // a person has the say, and has not said it yet
		return domain.CaseMove{State: work.Case.State, WaitsFor: work.Case.WaitsFor, ErrorCode: work.Case.ErrorCode, LookAt: now.Add(lookAtPeople)}
	case seen.Pending:
		return domain.CaseMove{Kind: "refund_on_its_way", State: domain.CaseOpen, WaitsFor: domain.WaitsForBank, LookAt: now.Add(lookAtBank)}
	}
	closed := domain.CaseMove{Kind: "closed", State: domain.CaseClosed, WaitsFor: domain.WaitsForNothing, Outcome: outcome(seen, dispute), LookAt: now}
	if late(work, seen.Intent) { // paid between the look and the void
		closed.Becomes = domain.CaseLatePayment
	}
	return closed
}

// late reports whether the case is about money that turned up on an ended visit, and does not
// say so yet.
func late(work domain.CaseWork, intent domain.Intent) bool {
	return work.Case.Kind == domain.CaseUnsettled && work.Status.Ended() && work.Payment.TurnedUp(intent)
}

func holds(s domain.PaymentStatus) bool {
	return s == domain.PaymentAuthorised || s == domain.PaymentProcessing || s == domain.PaymentAwaitingMethod
}

func outcome(seen settlement.Sight, dispute domain.Dispute) string {
	switch {
	case dispute.Lost():
		return domain.OutcomeDisputeLost
	case dispute.ID != "":
		return domain.OutcomeDisputeWon
	case seen.Intent.Status == domain.PaymentCancelled:
		return domain.OutcomeVoided
	case seen.Refunded > 0:
		return domain.OutcomeRefunded
	}
	return domain.OutcomeSettled
}

// dispute reads the newest dispute of an intent that has one and books it. The zero
// Dispute stands for none.
func (a *Activities) dispute(ctx context.Context, work *domain.CaseWork, intent domain.Intent) (domain.Dispute, error) {
	if !intent.Disputed {
		return domain.Dispute{}, nil
	}
	all, err := a.provider.ListDisputes(ctx, intent.ID)
	if err != nil || len(all) == 0 {
		return domain.Dispute{}, err
	}
	for _, d := range all {
		if err := a.store.BookDispute(ctx, work.Case.AppointmentID, intent.ID, d); err != nil {
			return domain.Dispute{}, err
		}
	}
	return all[len(all)-1], nil
}

func waitForDispute(d domain.Dispute, now time.Time) domain.CaseMove {
	if d.NeedsEvidence() {
		return domain.CaseMove{Kind: "evidence_due", State: domain.CaseNeedsPerson, WaitsFor: domain.WaitsForEvidence, LookAt: now.Add(lookAtPeople)}
	}
	return domain.CaseMove{Kind: "dispute_under_review", State: domain.CaseOpen, WaitsFor: domain.WaitsForDispute, LookAt: now.Add(lookAtPeople)}
}

// trouble says how a case stands whose provider failed or refused. The zero move stands
// for a fault of ours, which is none of the case's.
func (a *Activities) trouble(work domain.CaseWork, err error, last bool) domain.CaseMove {
	code := settlement.Reason(err)
	switch {
	case settlement.Refused(err), settlement.Passing(err) && last:
		return domain.CaseMove{Kind: "needs_person", State: domain.CaseNeedsPerson, WaitsFor: domain.WaitsForPerson, ErrorCode: code, LookAt: a.now().Add(lookAtPeople)}
	case settlement.Passing(err) && work.Case.State != domain.CaseNeedsPerson:
		return domain.CaseMove{Kind: "retrying", State: domain.CaseRetrying, WaitsFor: domain.WaitsForProvider, ErrorCode: code, LookAt: a.now().Add(lookAgain)}
	}
	return domain.CaseMove{}
}

func (a *Activities) move(ctx context.Context, work domain.CaseWork, m domain.CaseMove) error {
	m.IntentID, m.Version, m.Actor, m.At = work.Case.IntentID, work.Case.Version, domain.System(), a.now()
	return a.store.MoveCase(ctx, m)
}

func (a *Activities) standing(ctx context.Context, intentID string) (Standing, error) {
	work, err := a.store.CaseWork(ctx, intentID)
	if err != nil {
		return Standing{}, fault(err)
	}
	c := work.Case
	owed, err := a.store.LettersOwed(ctx, c.AppointmentID)
	return Standing{
		AppointmentID: c.AppointmentID, Kind: c.Kind, State: c.State, WaitsFor: c.WaitsFor, ErrorCode: c.ErrorCode, Outcome: c.Outcome,
		LookAt: c.LookAt, Amount: c.Amount, Captured: c.Captured, Refunded: c.Refunded, LettersOwed: owed,
	}, fault(err)
}

// fault decides what Temporal tries again: all but a case that does not exist. A refusal
// of the provider is no error by the time it gets here, and a conflict passes.
func fault(err error) error {
	var e *domain.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Code == domain.CodeNotFound {
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil)
	}
	return temporal.NewApplicationError(e.Message, string(e.Code), e.Detail)
}
