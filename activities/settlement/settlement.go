// Package settlement voids and refunds one intent of an ended visit. The visit's process
// and the intent's payment case both settle through it, so that two of them at once are
// harmless: each refund is written down, under the row's lock, before the provider is
// asked for it, and who may move money at all is decided there too.
package settlement

import (
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Books are where money is written down. Errors are *domain.Error for what will not
// change by itself and plain errors for what is retried.
type Books interface {
	Refunds(ctx context.Context, intentID string) ([]domain.RecordedRefund, error)
	BeginRefund(ctx context.Context, b domain.RefundBegin) (domain.RecordedRefund, error)
	BookRefund(ctx context.Context, b domain.RefundBooking) (changed bool, err error)
	RecordFact(ctx context.Context, f domain.Fact) error
}

// Provider moves money; see PaymentProvider of the appointment's activities for errors.
type Provider interface {
	GetIntent(ctx context.Context, id string) (domain.Intent, error)
	ListRefunds(ctx context.Context, intentID string) ([]domain.Refund, error)
	Cancel(ctx context.Context, id, key string) (domain.Intent, error)
	Refund(ctx context.Context, r domain.RefundRequest) (domain.Refund, error)
}

// Settler settles intents.
type Settler struct {
	books    Books
	provider Provider
	now      func() time.Time
}

// New returns a settler whose records carry the time that now tells.
func New(books Books, provider Provider, now func() time.Time) *Settler {
	return &Settler{books: books, provider: provider, now: now}
}

// Job is one intent, and how much of what it captured stays with the clinic.
type Job struct {
	AppointmentID string
	Payment       domain.RecordedPayment
	Kept          int64 // minor units
	By            domain.RefundOrigin
	// RetryBeyond is the number of the failed refund after which another may be made.
	RetryBeyond int
	// Tell has the patient told that held money was let go.
	Tell bool
}

// Sight is how an intent stands, its refunds brought into the books.
type Sight struct {
	Intent   domain.Intent
	known    int   // refunds in the books
	Refunded int64 // gone back or on its way, minor units
	Pending  bool  // some of it is on its way
	// Open is our refund of which nobody knows whether it happened.
	Open *domain.RecordedRefund
	// Failed is the newest refund, when that did not arrive.
	Failed *domain.RecordedRefund
}

// Due is what has to go back yet, in minor units.
func (s Sight) Due(j Job) int64 {
	if s.Intent.Status != domain.PaymentCaptured {
		return 0
	}
	return max(0, s.Intent.Captured-s.Refunded-j.Payment.ChargedBack-j.Kept)
}

// Look asks the provider how an intent stands and brings its refunds into the books,
// those that somebody made by hand too. The books are read first: a refund of ours that
// comes after is noticed when the next one is begun.
func (s *Settler) Look(ctx context.Context, j Job) (Sight, error) {
	known, err := s.books.Refunds(ctx, j.Payment.IntentID)
	if err != nil {
		return Sight{}, err
	}
	intent, err := s.provider.GetIntent(ctx, j.Payment.IntentID)
	if err != nil || intent.Status != domain.PaymentCaptured {
		return Sight{Intent: intent}, err
	}
	made, err := s.provider.ListRefunds(ctx, intent.ID)
	if err != nil {
		return Sight{}, err
	}
	for _, r := range made {
		if current(known, r) {
			continue
		}
		if err := s.book(ctx, j, r, ""); err != nil {
			return Sight{}, err
		}
		if known, err = s.books.Refunds(ctx, intent.ID); err != nil {
			return Sight{}, err
		}
	}
	return sightOf(intent, known), nil
}

// current reports whether the books have the refund as the provider does.
func current(known []domain.RecordedRefund, r domain.Refund) bool {
	for _, k := range known {
		if k.RefundID == r.ID {
			return k.Status == domain.RefundStatusOf(r.Status)
		}
	}
	return false
}

func sightOf(intent domain.Intent, known []domain.RecordedRefund) Sight {
	sight := Sight{Intent: intent, known: len(known)}
	for i, r := range known {
		switch r.Status {
		case domain.RefundBegun:
			sight.Open = &known[i]
		case domain.RefundPending:
			sight.Refunded, sight.Pending = sight.Refunded+r.Minor, true
		case domain.RefundSucceeded:
			sight.Refunded += r.Minor
		case domain.RefundFailed:
			if i == len(known)-1 {
				sight.Failed = &known[i]
			}
		}
	}
	return sight
}

// Move voids what is held and refunds what is due, and returns how the intent stands
// then. A refund that failed for good is in Sight.Failed: another takes a person's word.
// CodeConflict says that someone else moved, or moves, this money, and CodeLate that it was
// paid while it was being voided: a matter for its case, which books it.
func (s *Settler) Move(ctx context.Context, j Job, seen Sight) (Sight, error) {
	switch seen.Intent.Status {
	case domain.PaymentAwaitingMethod, domain.PaymentProcessing, domain.PaymentAuthorised:
		intent, err := s.provider.Cancel(ctx, seen.Intent.ID, voidKey(j.AppointmentID, j.Payment.Generation))
		if err != nil {
			return seen, err
		}
		if intent.Status == domain.PaymentCaptured { // the void came too late
			if seen, err = s.Look(ctx, j); err != nil {
				return seen, err
			}
			return s.refund(ctx, j, seen)
		}
		seen.Intent = intent
		if j.By == domain.RefundByProcess && j.Payment.TurnedUp(intent) {
			return seen, domain.Errorf(CodeLate, "money turned up while the payment was voided")
		}
	case domain.PaymentCaptured:
		return s.refund(ctx, j, seen)
	case domain.PaymentCancelled:
	}
	if seen.Intent.Status != domain.PaymentCancelled {
		return seen, nil
	}
	return seen, s.voided(ctx, j, seen.Intent)
}

func (s *Settler) voided(ctx context.Context, j Job, intent domain.Intent) error {
	fact := domain.Fact{
		ID: fmt.Sprintf("payment-voided/%d", j.Payment.Generation), AppointmentID: j.AppointmentID, Kind: "payment_voided",
		At: s.now(), Payment: domain.FactOf(intent),
	}
	if j.Tell || j.Payment.TurnedUp(intent) {
		fact.Messages = []domain.MessageIntent{{Kind: domain.MessagePaymentReleased, Recipient: domain.RecipientPatient}}
	}
	return s.books.RecordFact(ctx, fact)
}

// Record brings the books of an intent to where the provider is, and moves nothing. Money
// that was taken stays out of them where bookTaken is not set: whoever settles it next has to
// see that it came late.
func (s *Settler) Record(ctx context.Context, j Job, bookTaken bool) (Sight, error) {
	seen, err := s.Look(ctx, j)
	switch {
	case err != nil:
		return seen, err
	case seen.Intent.Status == domain.PaymentCancelled && j.Payment.Status != domain.PaymentCancelled:
		return seen, s.voided(ctx, j, seen.Intent)
	case seen.Intent.Status == domain.PaymentCaptured && bookTaken:
		return seen, s.captured(ctx, j, seen.Intent)
	}
	return seen, nil
}

// captured books money that was taken and that the books do not know of.
func (s *Settler) captured(ctx context.Context, j Job, intent domain.Intent) error {
	if intent.Captured <= j.Payment.Captured {
		return nil
	}
	fact := domain.FactOf(intent)
	fact.Refunded = j.Payment.Refunded // refunds are booked one by one
	return s.books.RecordFact(ctx, domain.Fact{
		ID: fmt.Sprintf("payment-captured/%d", j.Payment.Generation), AppointmentID: j.AppointmentID, Kind: "payment_captured",
		At: s.now(), Payment: fact,
	})
}

// refund gives back what is due, and first finds out about a refund of ours whose outcome
// nobody knows.
func (s *Settler) refund(ctx context.Context, j Job, seen Sight) (Sight, error) {
	if err := s.captured(ctx, j, seen.Intent); err != nil {
		return seen, err
	}
	due := seen.Due(j)
	if due == 0 && seen.Open == nil {
		return seen, nil
	}
	if seen.Open == nil && seen.Failed != nil && seen.Failed.Number > j.RetryBeyond {
		return seen, nil
	}
	begun, err := s.books.BeginRefund(ctx, domain.RefundBegin{
		AppointmentID: j.AppointmentID, IntentID: seen.Intent.ID, Generation: j.Payment.Generation, Known: seen.known, Minor: due, Kept: j.Kept, By: j.By, At: s.now(),
	})
	if err != nil {
		return seen, err
	}
	made, err := s.provider.Refund(ctx, domain.RefundRequest{
		IntentID: seen.Intent.ID, AppointmentID: j.AppointmentID, Minor: begun.Minor, IdempotencyKey: begun.Key,
	})
	code := ""
	if c := domain.CodeOf(err); c == domain.CodePaymentRefused || c == domain.CodeVendorRejected {
		// It did not happen, and the key would repeat this answer: the next one is another.
		made, code, err = domain.Refund{Status: "failed", Key: begun.Key, Minor: begun.Minor}, Reason(err), nil
	}
	if err != nil {
		return seen, err
	}
	if err := s.book(ctx, j, made, code); err != nil {
		return seen, err
	}
	known, err := s.books.Refunds(ctx, seen.Intent.ID)
	if err != nil {
		return seen, err
	}
	return sightOf(seen.Intent, known), nil
}

func (s *Settler) book(ctx context.Context, j Job, r domain.Refund, code string) error {
	_, err := s.books.BookRefund(ctx, domain.RefundBooking{
		AppointmentID: j.AppointmentID, IntentID: j.Payment.IntentID, Refund: r, ErrorCode: code, At: s.now(),
	})
	return err
}

// voidKey is the idempotency key of a void: appointment, step and generation.
func voidKey(id string, generation int) string {
	return fmt.Sprintf("careflow/%s/void/%d", id, generation)
}
