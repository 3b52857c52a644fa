package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/careflow/careflow/internal/domain"
)

const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"
)

// idempotencyKey identifies a command of the visitor. target is the appointment's ID,
// empty for a booking. body is the bound request: it is hashed in its canonical form, so
// that white space and the order of fields do not count.
func (v *visitor) idempotencyKey(target, key string, body any) (domain.IdempotencyKey, error) {
	canonical, err := json.Marshal(body)
	if err != nil {
		return domain.IdempotencyKey{}, fmt.Errorf("hash the request: %w", err)
	}
	hash := sha256.Sum256(canonical)
	operation := v.op.id
	if target != "" {
		operation += "/" + target
	}
	return domain.IdempotencyKey{Principal: v.caller.UserID, Operation: operation, Key: key, BodyHash: hash[:]}, nil
}

// updateID is the ID of the workflow update that a command becomes: the same for each
// try, and nothing a caller could choose, since update IDs are plain text in Temporal.
func updateID(secret []byte, key domain.IdempotencyKey) string {
	mac := hmac.New(sha256.New, secret)
	// None of the parts can hold a zero byte, so the joined text is unambiguous.
	mac.Write([]byte(key.Principal + "\x00" + key.Operation + "\x00" + key.Key))
	return hex.EncodeToString(mac.Sum(nil))
}

// answer is a response whose body is JSON already: one that was stored, or is about to be.
type answer struct {
	status  int
	body    []byte
	headers map[string]string
}

func answerOf(stored domain.StoredResponse) answer {
	return answer{status: stored.Status, body: stored.Body, headers: map[string]string{}}
}

func jsonAnswer(status int, body any) (answer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{}, fmt.Errorf("write the answer: %w", err)
	}
	return answer{status: status, body: raw, headers: map[string]string{}}, nil
}

func (a answer) with(name, value string) answer {
	a.headers[name] = value
	return a
}

func (a answer) stored() domain.StoredResponse {
	return domain.StoredResponse{Status: a.status, Body: a.body}
}

func (a answer) write(w http.ResponseWriter) error {
	for name, value := range a.headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	return err
}

// underKey carries out what is asked under an idempotency key: sent again, the key gives the
// first answer. A refusal leaves the key free; what nobody knows the outcome of may be sent
// again and asks the same update.
func (h *handlers) underKey(ctx context.Context, who *visitor, target, key string, body any, do func(ctx context.Context, updateID string) (answer, error)) (answer, error) {
	k, err := who.idempotencyKey(target, key, body)
	if err != nil {
		return answer{}, err
	}
	stored, err := h.store.BeginCommand(ctx, k)
	if err != nil {
		return answer{}, err
	}
	if stored != nil {
		return answerOf(*stored).with(headerReplayed, "true"), nil
	}
	made, err := do(ctx, updateID(h.cfg.CommandKey, k))
	// What belongs to the outcome is done even when the caller hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var kept error
	switch {
	case err == nil:
		kept = h.store.EndCommand(ctx, k, made.stored())
	case rejected(err):
		kept = h.store.AbandonCommand(ctx, k)
	}
	if kept != nil {
		h.log.LogAttrs(ctx, slog.LevelWarn, "the answer of a command was not kept", slog.String("operation", who.op.id), slog.String("error", kept.Error()))
	}
	return made, err
}

// The operations that answer so.

func (a answer) VisitBookAppointmentResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a answer) VisitListSlotsResponse(w http.ResponseWriter) error             { return a.write(w) }
func (a answer) VisitListAlternativesResponse(w http.ResponseWriter) error      { return a.write(w) }
func (a answer) VisitGetAppointmentResponse(w http.ResponseWriter) error        { return a.write(w) }
func (a answer) VisitConfirmAppointmentResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a answer) VisitDeclineAppointmentResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a answer) VisitCancelAppointmentResponse(w http.ResponseWriter) error     { return a.write(w) }
func (a answer) VisitRescheduleAppointmentResponse(w http.ResponseWriter) error { return a.write(w) }
func (a answer) VisitCheckInAppointmentResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a answer) VisitCompleteAppointmentResponse(w http.ResponseWriter) error   { return a.write(w) }
func (a answer) VisitMarkNoShowResponse(w http.ResponseWriter) error            { return a.write(w) }
func (a answer) VisitCorrectAppointmentResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a answer) VisitDisputeNoShowFeeResponse(w http.ResponseWriter) error      { return a.write(w) }
func (a answer) VisitUpholdNoShowFeeResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a answer) VisitWaiveNoShowFeeResponse(w http.ResponseWriter) error        { return a.write(w) }
func (a answer) VisitCreateDoctorResponse(w http.ResponseWriter) error          { return a.write(w) }
func (a answer) VisitCreateAppointmentTypeResponse(w http.ResponseWriter) error { return a.write(w) }
func (a answer) VisitCreatePatientResponse(w http.ResponseWriter) error         { return a.write(w) }
func (a answer) VisitStartDeploymentResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a answer) VisitApproveDeploymentResponse(w http.ResponseWriter) error     { return a.write(w) }
func (a answer) VisitPauseDeploymentResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a answer) VisitResumeDeploymentResponse(w http.ResponseWriter) error      { return a.write(w) }
func (a answer) VisitAbortDeploymentResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a answer) VisitRollbackDeploymentResponse(w http.ResponseWriter) error    { return a.write(w) }
