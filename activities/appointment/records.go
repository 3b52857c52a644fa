package appointment

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// RecordStore is where rows and timelines are kept. Errors are *domain.Error for what
// will not change by itself and plain errors for what is retried.
type RecordStore interface {
	ClaimProcess(ctx context.Context, id, runID, replaces string) (a domain.Appointment, ok bool, err error)
	Transition(ctx context.Context, t domain.Transition) (domain.TransitionResult, error)
	ReportStuck(ctx context.Context, id string, code domain.Code) error
	MessageSentAt(ctx context.Context, id string, kind domain.MessageKind) (time.Time, error)
}

// Records are the activities on an appointment's row.
type Records struct{ store RecordStore }

// NewRecords returns the activities on store.
func NewRecords(store RecordStore) *Records { return &Records{store: store} }

// Claim makes the run the appointment's one process; false when another one is. It is
// safe as a local activity: the same run may claim as often as it likes.
func (r *Records) Claim(ctx context.Context, in ClaimInput) (bool, error) {
	_, ok, err := r.store.ClaimProcess(ctx, in.AppointmentID, in.RunID, in.Replaces)
	return ok, fault(err)
}

// Transition carries out one accepted step.
func (r *Records) Transition(ctx context.Context, t domain.Transition) (domain.TransitionResult, error) {
	result, err := r.store.Transition(ctx, t)
	return result, fault(err)
}

// ReportStuck shows staff that a process cannot go on, with the code of the reason.
func (r *Records) ReportStuck(ctx context.Context, in ReportStuckInput) error {
	return fault(r.store.ReportStuck(ctx, in.AppointmentID, in.Code))
}

// NoticeSent says when a letter that has consequences was sent.
func (r *Records) NoticeSent(ctx context.Context, in NoticeSentInput) (NoticeSentResult, error) {
	at, err := r.store.MessageSentAt(ctx, in.AppointmentID, in.Kind)
	return NoticeSentResult{At: at}, fault(err)
}
