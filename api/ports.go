package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/activities/reconcile"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// Store is what the API asks of the database. Errors are *domain.Error where the
// caller is to blame or can do something, anything else is a fault of ours.
type Store interface {
	Accounts
	Attempts
	Registrations
	Sessions
	Schedules
	Directory
	PaymentCases

	Ping(ctx context.Context) error

	// AccountByEmail and AccountByID return CodeNotFound for nobody.
	AccountByEmail(ctx context.Context, email string) (domain.Account, error)
	AccountByID(ctx context.Context, id string) (domain.Account, error)

	Availability(ctx context.Context, doctorID, typeID string, span domain.Window) (domain.Availability, error)

	// Candidates are what fits a choice of doctors. CodeNotFound for nobody, CodeInvalid
	// for too many.
	Candidates(ctx context.Context, want domain.AnyDoctor, span domain.Window) ([]domain.Availability, error)

	// Book holds the slot and keeps the answer that render makes, in one transaction.
	Book(ctx context.Context, by domain.Caller, req domain.BookingRequest, key domain.IdempotencyKey, now time.Time,
		render func(domain.Appointment) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error)

	// Appointment reads a full record and writes the audit row of that reading.
	// CodeNotFound outside the scope.
	Appointment(ctx context.Context, scope domain.Scope, id string, by domain.Access) (domain.Appointment, error)
	// Appointments lists without clinical text and without client secrets, by (start, ID).
	Appointments(ctx context.Context, scope domain.Scope, f domain.AppointmentFilter, p domain.Page) ([]domain.Appointment, error)
	Timeline(ctx context.Context, scope domain.Scope, id string) ([]domain.Event, error)
	Messages(ctx context.Context, scope domain.Scope, id string) ([]domain.Message, error)
	Receipts(ctx context.Context, scope domain.Scope, id string) ([]domain.Receipt, error)

	// LinkedVisit reads a visit for the page behind a verified link and writes the audit
	// row of that reading.
	LinkedVisit(ctx context.Context, id, requestID string) (domain.LinkedVisit, error)
	// ProcessInput reads a visit's state, without anything of the record: no audit row.
	ProcessInput(ctx context.Context, id string) (domain.Appointment, error)
	// Alternatives are the next free times of a visit's doctor and type, other than its own,
	// on different days of the zone where possible.
	Alternatives(ctx context.Context, a domain.Appointment, zone string, now time.Time) ([]domain.Slot, error)

	// BeginCommand returns the stored answer to an earlier request with the key, nil to
	// carry the command out (also when an earlier try is still open: the update ID is the
	// same), or CodeIdempotencyReused.
	BeginCommand(ctx context.Context, key domain.IdempotencyKey) (*domain.StoredResponse, error)
	EndCommand(ctx context.Context, key domain.IdempotencyKey, resp domain.StoredResponse) error
	// AbandonCommand frees the key of a rejected command.
	AbandonCommand(ctx context.Context, key domain.IdempotencyKey) error
	// DeferCommand keeps the command in the outbox, which carries it out: that makes a
	// 202 true.
	DeferCommand(ctx context.Context, appointmentID, update, updateID string, command any) error

	// ResolveStuck takes the stuck mark off, once per id. CodeConflict when there is none.
	ResolveStuck(ctx context.Context, appointmentID, id string, by domain.Actor, reasonCode string) error
	// Reconciliations are the newest ones first, each with up to so many findings.
	Reconciliations(ctx context.Context, limit, findings int) ([]domain.Reconciliation, error)

	// Housekeepings are the newest runs of housekeeping first.
	Housekeepings(ctx context.Context, limit int) ([]domain.Housekeeping, error)

	// AcceptMailEvents keeps verified events of the mail provider, each once, and moves
	// their messages on; all of them or none.
	AcceptMailEvents(ctx context.Context, events []domain.MailEvent) ([]domain.AcceptedMailEvent, error)
	// TroubledMessages lists newest first, from before the page's position on.
	TroubledMessages(ctx context.Context, f domain.MessageFilter, p domain.Page) ([]domain.Message, error)
	// ResendMessage owes a lost message again, once per id. CodeNotFound for a message of
	// another visit; refusals as in domain.MayResend.
	ResendMessage(ctx context.Context, appointmentID, messageID, id string, by domain.Actor, now time.Time) (domain.Message, error)

	// TimelinesAfter returns up to limit lines that came after the given number in each
	// of the timelines, in their order.
	TimelinesAfter(ctx context.Context, after map[string]int, limit int) ([]domain.TimelineEvent, error)
	// SessionCallers returns whom each of the sessions that go on speaks for.
	SessionCallers(ctx context.Context, ids []string, now time.Time) (map[string]domain.Caller, error)

	// AcceptWebhook keeps a verified event once; fresh is false when it was known.
	AcceptWebhook(ctx context.Context, w domain.Webhook) (fresh bool, err error)
}

// Commands sends commands to the processes of appointments.
type Commands interface {
	// Command sends the update, starting the process with it where there is none yet, and
	// waits for the outcome. Errors: the rejection's own code, CodeUnavailable (Temporal
	// unreachable), CodeTooMany, appointment.ErrPending.
	Command(ctx context.Context, a domain.Appointment, update, updateID string, c appointment.Command, wait time.Duration) (appointment.Outcome, error)
	// Healthy reports whether Temporal answers.
	Healthy(ctx context.Context) error
}

// Reconciler compares visits with their processes.
type Reconciler interface {
	// Start begins a reconciliation of all visits or joins the one under way.
	Start(ctx context.Context) (id string, joined bool, err error)
	// Visit puts one visit's process right and waits for what came of it. Errors:
	// CodeNotFound, CodeTooMany, CodeUnavailable (also without an outcome in time).
	Visit(ctx context.Context, in reconcile.VisitInput, wait time.Duration) (reconcile.VisitResult, error)
}

// Housekeeper removes what nobody needs any more.
type Housekeeper interface {
	// Start begins housekeeping, or joins what is under way. Errors: CodeTooMany,
	// CodeUnavailable.
	Start(ctx context.Context) (id string, joined bool, err error)
}

// PaymentWebhooks verifies the payment provider's events.
type PaymentWebhooks interface {
	// VerifyWebhook checks the signature header over the raw body at now.
	VerifyWebhook(body []byte, header string, now time.Time) (domain.PaymentEvent, error)
}

// MailWebhooks verifies the mail provider's events.
type MailWebhooks interface {
	// VerifyMailEvents checks the signature over time stamp and raw body at now.
	VerifyMailEvents(body []byte, signature, timestamp string, now time.Time) ([]domain.MailEvent, error)
}
