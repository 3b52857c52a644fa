package domain

import (
	"errors"
	"fmt"
	"time"
)

// Code names a failure for programs. Codes are part of the public API: they appear
// in problem details, in Temporal application errors and in the timeline, and are
// never renamed.
type Code string

// The codes of the product. The API maps each to one HTTP status in one place.
const (
	CodeInvalid           Code = "invalid_request"
	CodeUnauthenticated   Code = "unauthenticated"
	CodeForbidden         Code = "forbidden"
	CodeNotFound          Code = "not_found"
	CodeConflict          Code = "conflict"
	CodeInternal          Code = "internal"
	CodeUnavailable       Code = "unavailable"
	CodeTooMany           Code = "too_many_requests"
	CodeIdempotencyReused Code = "idempotency_key_reused"
	// CodeStale refuses an edit of something that was changed since it was read.
	CodeStale Code = "precondition_failed"

	// Accounts.
	CodeEmailTaken Code = "email_taken"
	CodeLastAdmin  Code = "last_admin"
	// CodeEmailUnverified is for the right password only.
	CodeEmailUnverified Code = "email_unverified"

	// Booking.
	CodeSlotTaken       Code = "slot_taken"
	CodePatientOverlap  Code = "patient_overlap"
	CodeSlotNotOffered  Code = "slot_not_offered"
	CodeTooManyHolds    Code = "too_many_unpaid_holds"
	CodeDoctorInactive  Code = "doctor_inactive"
	CodeNotYourPatient  Code = "not_your_patient"
	CodeInvalidTimeZone Code = "invalid_time_zone"

	// Commands on an appointment.
	CodeWrongStatus     Code = "wrong_status"
	CodeTooLate         Code = "too_late"
	CodeTooEarly        Code = "too_early"
	CodeRescheduleLimit Code = "reschedule_limit"
	CodeSuperseded      Code = "process_superseded"
	CodeStuck           Code = "stuck"

	// Backups.
	CodeBackupDamaged  Code = "backup_damaged"  // what lies in the storage is not what was put there
	CodeBackupLocked   Code = "backup_locked"   // encrypted for keys we do not hold
	CodeBackupRejected Code = "backup_rejected" // restored, and not what the source was
	CodeStorage        Code = "backup_storage"  // the object store failed or refused
	CodeTool           Code = "backup_tool"     // pg_dump or pg_restore is missing, too old or failed
	CodeNoSpace        Code = "no_space"        // the server has no room for what is restored
	CodeNoBackups      Code = "no_backups"      // this installation saves nothing
	// CodeNoBackupWorker: no host with PostgreSQL's programs takes jobs.
	CodeNoBackupWorker Code = "no_backup_worker"

	// Deployments.
	CodeDeployAccess Code = "deploy_access" // no right or no credentials for the place that is deployed to
	CodeNoArtifact   Code = "no_artifact"   // the image or bundle does not exist, or is not what its digest says
	CodeQuota        Code = "deploy_quota"  // there is no room for another colour
	CodeNotAvailable Code = "not_available" // the release does not become ready; the message says why
	CodeSmokeFailed  Code = "smoke_failed"
	CodeWatchFailed  Code = "watch_failed"
	CodeDrift        Code = "drift"       // somebody moved the switch by hand
	CodeAgentGone    Code = "agent_gone"  // no agent on the host takes its jobs
	CodeHookFailed   Code = "hook_failed" // a script of the release failed or hung
	CodeGateClosed   Code = "gate_closed" // the database has no proven backup that is young enough
	CodeNoDeployer   Code = "no_deployer" // no host with the rights to deploy takes jobs

	// Links of letters. A link is replaced when what it was about has changed since.
	CodeLinkExpired  Code = "link_expired"
	CodeLinkReplaced Code = "link_replaced"
	CodeVisitMoved   Code = "visit_moved"

	// Vendors.
	CodePaymentRefused    Code = "payment_refused"
	CodeVendorUnavailable Code = "vendor_unavailable"
	CodeVendorRejected    Code = "vendor_rejected"
	CodeRecipientRejected Code = "recipient_rejected"
	CodeOutcomeUnknown    Code = "outcome_unknown"
)

// Error is the one error type of the product. Message is safe to show to the caller
// and says what to change; it never holds personal data. The cause stays inside.
type Error struct {
	Code    Code
	Message string
	// Detail is a vendor's or a field's own short code, such as "card_declined".
	Detail string
	// RetryAfter is how long to wait before another try; zero where nobody can say.
	RetryAfter time.Duration
	cause      error
}

// Errorf makes an Error whose text is safe to show; add the cause with Because.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e that carries cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithDetail returns a copy of e with a vendor's or field's short code.
func (e *Error) WithDetail(detail string) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// After returns a copy of e that says how long to wait before another try.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}

func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

// Unwrap returns the cause, which is for logs only.
func (e *Error) Unwrap() error { return e.cause }

// CodeOf returns the code of the first Error in err's chain, CodeInternal for any
// other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
