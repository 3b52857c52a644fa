package api

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// Codes that only HTTP knows.
const (
	CodeIdempotencyKeyRequired domain.Code = "idempotency_key_required"
	CodeMethodNotAllowed       domain.Code = "method_not_allowed"
	CodePayloadTooLarge        domain.Code = "payload_too_large"
	CodeUnsupportedMediaType   domain.Code = "unsupported_media_type"
	CodeInvalidSignature       domain.Code = "invalid_signature"
	CodePreconditionRequired   domain.Code = "precondition_required"
)

// answerTo says how a code is told over HTTP. help is for the reference page.
type answerTo struct {
	code   domain.Code
	status int
	title  string
	help   string
}

// answers lists every code of the product: the one place where codes meet statuses.
var answers = []answerTo{
	{domain.CodeInvalid, http.StatusBadRequest, "The request is not valid", "Change what errors lists, or what detail says, and send it again."},
	{CodeIdempotencyKeyRequired, http.StatusBadRequest, "An Idempotency-Key is needed", "Send the header with a text of your own that is unique for this command, such as a UUID."},
	{domain.CodeInvalidTimeZone, http.StatusBadRequest, "The time zone is not known", "Use an IANA name such as Europe/Berlin."},
	{CodeInvalidSignature, http.StatusBadRequest, "The signature does not fit", "Sign the raw body with the endpoint's secret, and send it within five minutes."},
	{domain.CodeUnauthenticated, http.StatusUnauthorized, "Log-in is needed", "Log in at POST /v1/sessions and send its token as Authorization: Bearer."},
	{domain.CodeForbidden, http.StatusForbidden, "Not allowed", "This account's roles do not include the operation."},
	{domain.CodeEmailUnverified, http.StatusForbidden, "The e-mail address is not confirmed", "Open the link in the letter, or ask for another one at POST /v1/registrations/letters."},
	{domain.CodeNotYourPatient, http.StatusForbidden, "Not a patient of this account", "Book for one of GET /v1/patients."},
	{domain.CodeNotFound, http.StatusNotFound, "Not found", "It does not exist, or it is not for this account to see."},
	{CodeMethodNotAllowed, http.StatusMethodNotAllowed, "The method is not allowed", "The Allow header lists those that are."},
	{domain.CodeConflict, http.StatusConflict, "Something else came first", "Read the current state and decide again."},
	{domain.CodeSlotTaken, http.StatusConflict, "The slot is taken", "Ask for the doctor's slots and choose another."},
	{domain.CodePatientOverlap, http.StatusConflict, "The patient has a visit at that time", "Choose another time, or cancel the other visit first."},
	{domain.CodeSlotNotOffered, http.StatusConflict, "The time is not offered", "Ask for the doctor's slots and choose one of them."},
	{domain.CodeTooManyHolds, http.StatusConflict, "Too many unpaid bookings", "Pay for or cancel one of them first."},
	{domain.CodeDoctorInactive, http.StatusConflict, "The doctor takes no appointments", "Choose another doctor."},
	{domain.CodeWrongStatus, http.StatusConflict, "The visit's status does not allow it", "Read the appointment: someone else may have acted."},
	{domain.CodeTooLate, http.StatusConflict, "It is too late for that", "The terms of the visit say until when it was possible."},
	{domain.CodeTooEarly, http.StatusConflict, "It is too early for that", "Try again when the visit has begun or ended."},
	{domain.CodeRescheduleLimit, http.StatusConflict, "The visit was moved too often", "Cancel it, or ask the clinic to move it."},
	{domain.CodeStuck, http.StatusConflict, "The visit needs a person", "The clinic's staff have been told; nothing is lost."},
	{domain.CodePaymentRefused, http.StatusConflict, "The payment was refused", "Pay with another card; vendor_code says why."},
	{domain.CodeStale, http.StatusPreconditionFailed, "It was changed meanwhile", "Read it again, decide anew, and send its new ETag as If-Match."},
	{domain.CodeEmailTaken, http.StatusConflict, "The e-mail address has an account", "Look it up at GET /v1/accounts, or use another address."},
	{domain.CodeLastAdmin, http.StatusConflict, "The last admin stays", "Make another account an admin first."},
	{domain.CodeLinkExpired, http.StatusGone, "The link has expired", "Use the link of the newest letter, or log in."},
	{domain.CodeLinkReplaced, http.StatusGone, "The link was replaced", "The newest letter has the link that works."},
	{domain.CodeVisitMoved, http.StatusGone, "The visit has moved", "The newest letter has the link that works."},
	{domain.CodeNoBackups, http.StatusConflict, "Nothing is saved here", "Configure targets (CAREFLOW_BACKUP_NAMES, _TARGETS, _STORAGE), start `careflow backup-worker` and run `careflow temporal-setup`; the runbook says how."},
	{domain.CodeNoBackupWorker, http.StatusConflict, "No host takes the job", "Start `careflow backup-worker` on a host that holds PostgreSQL's programs, then ask again."},
	{domain.CodeBackupDamaged, http.StatusConflict, "The backup is damaged", "What lies in the storage is not what was put there. Use another backup, and look at the storage."},
	{domain.CodeBackupLocked, http.StatusConflict, "The backup does not open", "It was encrypted for other keys: give CAREFLOW_BACKUP_IDENTITY the one that fits."},
	{domain.CodeBackupRejected, http.StatusConflict, "The backup is not what its source was", "Use another backup; its evidence says what differs."},
	{domain.CodeNoSpace, http.StatusConflict, "There is no room", "Make room on the database's server, then begin again."},
	{domain.CodeTool, http.StatusServiceUnavailable, "A program of PostgreSQL failed", "The worker's log says why. Try again after Retry-After seconds."},
	{domain.CodeStorage, http.StatusServiceUnavailable, "The backup storage is not available", "Try again after Retry-After seconds."},
	{domain.CodeDeployAccess, http.StatusConflict, "No access to the place", "Give the deploy worker the credentials or rights that it names."},
	{domain.CodeNoArtifact, http.StatusConflict, "The release is not there", "Push the image or bundle first, and name it by its digest."},
	{domain.CodeQuota, http.StatusConflict, "There is no room", "Raise the quota, or retire what nobody needs."},
	{domain.CodeNotAvailable, http.StatusConflict, "The release does not become ready", "Its output, kept with the deployment, says why."},
	{domain.CodeSmokeFailed, http.StatusConflict, "A smoke test failed", "The deployment's steps say which one, and what was answered."},
	{domain.CodeWatchFailed, http.StatusConflict, "The release was worse than the one before it", "The deployment's steps hold the figures of both."},
	{domain.CodeDrift, http.StatusConflict, "Somebody moved the switch by hand", "Look at what is live, then resume or abort."},
	{domain.CodeAgentGone, http.StatusConflict, "A host's agent is gone", "Start `careflow agent` on the host, then begin again."},
	{domain.CodeHookFailed, http.StatusConflict, "A script of the release failed", "Its output, kept with the deployment, says why."},
	{domain.CodeGateClosed, http.StatusConflict, "The database is not safe to migrate", "Make a backup and wait until it is verified, then begin again."},
	{domain.CodeNoDeployer, http.StatusConflict, "No host takes the job", "Start `careflow deploy-worker` on a host with the rights to deploy."},
	{CodePayloadTooLarge, http.StatusRequestEntityTooLarge, "The body is too large", "Send less."},
	{CodeUnsupportedMediaType, http.StatusUnsupportedMediaType, "The media type is not supported", "Send the body as application/json."},
	{domain.CodeIdempotencyReused, http.StatusUnprocessableEntity, "The key was used for another request", "Use a new Idempotency-Key for another request."},
	{CodePreconditionRequired, http.StatusPreconditionRequired, "If-Match is needed", "Read it first and send its ETag as If-Match, so that nobody's change is overwritten unseen."},
	{domain.CodeTooMany, http.StatusTooManyRequests, "Too many requests", "Try again after Retry-After seconds."},
	{domain.CodeInternal, http.StatusInternalServerError, "A fault of ours", "Tell support the instance."},
	{domain.CodeVendorRejected, http.StatusInternalServerError, "A fault of ours", "A vendor refused what we sent. Tell support the instance."},
	{domain.CodeRecipientRejected, http.StatusInternalServerError, "A fault of ours", "A message could not be delivered. Tell support the instance."},
	{domain.CodeUnavailable, http.StatusServiceUnavailable, "Not available at the moment", "Try again after Retry-After seconds, with the same Idempotency-Key."},
	{domain.CodeVendorUnavailable, http.StatusServiceUnavailable, "A vendor is not available", "Try again after Retry-After seconds, with the same Idempotency-Key."},
	{domain.CodeOutcomeUnknown, http.StatusServiceUnavailable, "The outcome is not known", "Try again after Retry-After seconds, with the same Idempotency-Key."},
	{domain.CodeSuperseded, http.StatusServiceUnavailable, "The visit's process was replaced", "Try again after Retry-After seconds, with the same Idempotency-Key."},
}

var answerByCode = func() map[domain.Code]answerTo {
	byCode := make(map[domain.Code]answerTo, len(answers))
	for _, a := range answers {
		byCode[a.code] = a
	}
	return byCode
}()

// Seconds to wait before the next try.
const (
	retryTooMany     = 1
	retryUnavailable = 5
)

// fieldsError is a request that does not fit the contract, field by field.
type fieldsError struct {
	cause  *domain.Error
	fields []openapi.FieldError
}

func (e *fieldsError) Error() string { return e.cause.Error() }
func (e *fieldsError) Unwrap() error { return e.cause }

// invalidField refuses one field: field is its place (body/starts_at, query/limit),
// message says what to change and never repeats the value.
func invalidField(field, message string) error {
	return invalidFields([]openapi.FieldError{{Field: field, Message: message}})
}

func invalidFields(fields []openapi.FieldError) error {
	return &fieldsError{
		cause:  domain.Errorf(domain.CodeInvalid, "The request does not fit the contract. Change what errors lists and send it again."),
		fields: fields,
	}
}

// problemOf turns any error into problem details. Only the text of a *domain.Error is
// shown, and of faults of ours not even that.
func problemOf(err error, requestID string) openapi.Problem {
	var known *domain.Error
	if !errors.As(err, &known) {
		known = unknownFault(err)
	}
	a, ok := answerByCode[known.Code]
	if !ok {
		a = answerByCode[domain.CodeInternal]
	}
	p := openapi.Problem{
		Type: "/docs#" + string(a.code), Title: a.title, Status: a.status, Code: string(a.code),
		Detail: known.Message, VendorCode: known.Detail, Instance: requestID,
	}
	if a.status == http.StatusInternalServerError {
		p.Detail, p.VendorCode = "Something went wrong on our side. Quote the instance when you report it.", ""
	}
	var fields *fieldsError
	if errors.As(err, &fields) {
		p.Errors = fields.fields
	}
	return p
}

// unknownFault classifies an error that nobody gave a code: what timed out or could not
// be reached is worth another try.
func unknownFault(err error) *domain.Error {
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &network) ||
		errors.Is(err, io.ErrUnexpectedEOF) || databaseDown(err) {
		return domain.Errorf(domain.CodeUnavailable,
			"The service cannot do this at the moment. Try again later; it is safe with the same Idempotency-Key.").Because(err)
	}
	return domain.Errorf(domain.CodeInternal, "internal").Because(err)
}

// databaseDown reports whether PostgreSQL said that it is going away, is full, or lost
// the connection: SQLSTATE classes 57P, 53 and 08.
func databaseDown(err error) bool {
	var said interface{ SQLState() string }
	if !errors.As(err, &said) {
		return false
	}
	for _, class := range []string{"57P", "53", "08"} {
		if strings.HasPrefix(said.SQLState(), class) {
			return true
		}
	}
	return false
}

// problemHeaders are the headers that belong to a problem's status. An error that knows
// how long to wait says so.
func problemHeaders(p openapi.Problem, err error) map[string]string {
	retry := func(otherwise int) map[string]string {
		var known *domain.Error
		if errors.As(err, &known) && known.RetryAfter > 0 {
			otherwise = int(math.Ceil(known.RetryAfter.Seconds()))
		}
		return map[string]string{"Retry-After": strconv.Itoa(otherwise)}
	}
	switch p.Status {
	case http.StatusUnauthorized:
		return map[string]string{"WWW-Authenticate": `Bearer realm="careflow"`}
	case http.StatusTooManyRequests:
		return retry(retryTooMany)
	case http.StatusServiceUnavailable:
		return retry(retryUnavailable)
	}
	return nil
}

// rejected reports whether err is a final answer to a command, after which its key may
// be used again: the caller or the visit's state is the reason, not our condition.
func rejected(err error) bool {
	status := answerByCode[domain.CodeOf(err)].status
	return status >= 400 && status < 500 && status != http.StatusTooManyRequests
}
