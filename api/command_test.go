package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

func TestEachCommandReachesTheProcess(t *testing.T) {
	start := time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)
	for path, c := range map[string]struct {
		body, update string
		argument     appointment.Command
	}{
		"confirm":    {"", appointment.UpdateConfirm, appointment.Command{}},
		"decline":    {`{"reason_code":"not_suitable"}`, appointment.UpdateDecline, appointment.Command{ReasonCode: "not_suitable"}},
		"cancel":     {`{"reason_code":"clinic_closed"}`, appointment.UpdateCancel, appointment.Command{ReasonCode: "clinic_closed"}},
		"reschedule": {`{"starts_at":"2026-03-03T09:00:00+01:00"}`, appointment.UpdateReschedule, appointment.Command{StartsAt: start, IfSequence: new(int)}},
		"check-in":   {"", appointment.UpdateCheckIn, appointment.Command{}},
		"complete":   {"", appointment.UpdateComplete, appointment.Command{}},
		"no-show":    {"", appointment.UpdateNoShow, appointment.Command{}},
		"correct": {
			`{"status":"no_show","reason_code":"other"}`, appointment.UpdateCorrect,
			appointment.Command{ReasonCode: "other", Status: domain.StatusNoShow},
		},
		"uphold-fee": {`{"reason_code":"arrival_not_found"}`, appointment.UpdateUpholdFee, appointment.Command{ReasonCode: "arrival_not_found"}},
		"waive-fee":  {`{"reason_code":"goodwill"}`, appointment.UpdateWaiveFee, appointment.Command{ReasonCode: "goodwill"}},
	} {
		t.Run(path, func(t *testing.T) {
			h := newHarness(t)
			h.post(oneVisit+"/"+path, h.as(domain.RoleStaff), c.body).status(http.StatusOK)
			require.Len(t, h.commands.calls, 1)
			sent := h.commands.calls[0]
			c.argument.Actor = domain.Actor{Kind: domain.ActorStaff, ID: idAccount}
			require.Equal(t, c.update, sent.update)
			require.Equal(t, c.argument, sent.argument)
			require.Equal(t, 5*time.Second, sent.wait)
			require.Len(t, sent.id, 64)
			require.NotContains(t, sent.id, "key-1")
			require.Empty(t, sent.visit.Reason+sent.visit.Notes, "the process gets nothing of the record")
		})
	}
	h := newHarness(t)
	h.post(oneVisit+"/decline", h.as(domain.RoleStaff), "").status(http.StatusOK)
}

func TestAPatientObjectsToAFee(t *testing.T) {
	h := newHarness(t)
	h.post(oneVisit+"/dispute", h.as(domain.RolePatient), `{"reason_code":"was_there"}`).status(http.StatusOK)
	require.Equal(t, appointment.UpdateDispute, h.commands.calls[0].update)
	require.Equal(t, appointment.Command{
		ReasonCode: "was_there", Actor: domain.Actor{Kind: domain.ActorPatient, ID: idAccount},
	}, h.commands.calls[0].argument)
	h.post(oneVisit+"/dispute", h.as(domain.RolePatient), `{"reason_code":"I was there!"}`).status(http.StatusBadRequest)
}

func TestTheActorIsWhoTheCallerIsToTheVisit(t *testing.T) {
	for name, c := range map[string]struct {
		account domain.Account
		kind    domain.ActorKind
	}{
		"patient":          {domain.Account{ID: idAccount, Roles: []domain.Role{domain.RolePatient}}, domain.ActorPatient},
		"caregiver":        {domain.Account{ID: idAccount, Roles: []domain.Role{domain.RoleCaregiver}}, domain.ActorPatient},
		"its doctor":       {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleDoctor}, DoctorID: idDoctor}, domain.ActorDoctor},
		"staff":            {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleStaff}}, domain.ActorStaff},
		"doctor and staff": {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleDoctor, domain.RoleStaff}, DoctorID: idNobody}, domain.ActorStaff},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.post(oneVisit+"/cancel", h.token(c.account), `{"reason_code":"other"}`).status(http.StatusOK)
			require.Equal(t, domain.Actor{Kind: c.kind, ID: c.account.ID}, h.commands.calls[0].argument.Actor)
		})
	}
}

func TestTheSameCommandAgainIsTheFirstAnswer(t *testing.T) {
	h := newHarness(t)
	first := h.post(oneVisit+"/cancel", h.as(domain.RolePatient), `{"reason_code":"other"}`).status(http.StatusOK)
	again := h.post(oneVisit+"/cancel", h.as(domain.RolePatient), `{"reason_code":"other"}`).status(http.StatusOK)
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Equal(t, "true", again.Header().Get(headerReplayed))
	require.Len(t, h.commands.calls, 1)

	h.post(oneVisit+"/cancel", h.as(domain.RolePatient), `{"reason_code":"patient_unwell"}`).
		problem(http.StatusUnprocessableEntity, domain.CodeIdempotencyReused)
	// The same key on another operation is its own command.
	h.post(oneVisit+"/reschedule", h.as(domain.RolePatient), `{"starts_at":"2026-03-03T08:00:00Z"}`).status(http.StatusOK)
	require.Len(t, h.commands.calls, 2)
	require.NotEqual(t, h.commands.calls[0].id, h.commands.calls[1].id)
}

func TestAKeptAnswerHoldsNoClinicalText(t *testing.T) {
	h := newHarness(t)
	got := h.post(oneVisit+"/cancel", h.as(domain.RolePatient), `{"reason_code":"other"}`).status(http.StatusOK)
	require.NotContains(t, got.Body.String(), "a mole")
}

func TestARejectedCommandFreesItsKey(t *testing.T) {
	h := newHarness(t)
	for _, code := range []domain.Code{domain.CodeWrongStatus, domain.CodeTooLate, domain.CodeTooEarly, domain.CodeSlotTaken, domain.CodeRescheduleLimit} {
		h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) {
			return appointment.Outcome{}, domain.Errorf(code, "not now")
		}
		p := h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "").problem(http.StatusConflict, code)
		require.Equal(t, "not now", p.Detail)
	}
	require.Equal(t, 5, h.store.abandoned)
	h.commands.carry = nil
	h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "").status(http.StatusOK)
}

func TestAnOutcomeThatIsNotKnownYetIsKeptAndAccepted(t *testing.T) {
	h := newHarness(t)
	h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) {
		return appointment.Outcome{}, fmt.Errorf("after 2 s: %w", appointment.ErrPending)
	}
	got := h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "", "Prefer", "wait=2").status(http.StatusAccepted)
	require.Equal(t, oneVisit, got.Header().Get("Location"))
	require.Equal(t, "confirm", decode[openapi.Accepted](got).Command)
	require.Equal(t, 2*time.Second, h.commands.calls[0].wait)
	require.Equal(t, []string{h.commands.calls[0].id}, h.store.deferred)

	// The same command again asks the same update, and gets its outcome when it has one.
	h.commands.carry = nil
	h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "").status(http.StatusOK)
	require.Equal(t, h.commands.calls[0].id, h.commands.calls[1].id)
}

func TestAcceptedIsOnlySaidWhenItIsKept(t *testing.T) {
	h := newHarness(t)
	h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) {
		h.store.err = context.DeadlineExceeded
		return appointment.Outcome{}, appointment.ErrPending
	}
	h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
}

func TestCommandsWithoutTemporalInviteARetry(t *testing.T) {
	h := newHarness(t)
	h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) {
		return appointment.Outcome{}, domain.Errorf(domain.CodeUnavailable, "the process engine cannot be reached")
	}
	got := h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "")
	got.problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	require.NotEmpty(t, got.Header().Get("Retry-After"))
	require.Zero(t, h.store.abandoned, "the key stays open: nobody knows whether it was done")
	h.commands.carry = nil
	h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "").status(http.StatusOK)
	require.Equal(t, h.commands.calls[0].id, h.commands.calls[1].id)
	// Bookings go on.
	h.commands.healthy = errors.New("down")
	h.post("/v1/appointments", h.as(domain.RolePatient), goodBooking, headerIdempotencyKey, "key-2").status(http.StatusCreated)
}

func TestAFaultOfOursKeepsTheKeyOpenAndItsTextInside(t *testing.T) {
	h := newHarness(t)
	h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) {
		return appointment.Outcome{}, errors.New("nil map in phase 3")
	}
	got := h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "")
	got.problem(http.StatusInternalServerError, domain.CodeInternal)
	require.NotContains(t, got.Body.String(), "phase")
	require.Contains(t, h.log.String(), "nil map in phase 3")
	require.Zero(t, h.store.abandoned)
}

func TestTooManyCommandsAtOnceAreTurnedAway(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.MaxCommands = 1 })
	h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) {
		got := h.post(oneVisit+"/cancel", h.as(domain.RoleStaff), `{"reason_code":"other"}`)
		got.problem(http.StatusTooManyRequests, domain.CodeTooMany)
		require.NotEmpty(t, got.Header().Get("Retry-After"))
		return appointment.Outcome{}, nil
	}
	h.post(oneVisit+"/confirm", h.as(domain.RoleStaff), "").status(http.StatusOK)
	require.Len(t, h.commands.calls, 1)
}

func TestACallerWhoHangsUpDoesNotUndoTheOutcome(t *testing.T) {
	h := newHarness(t)
	ctx, hangUp := context.WithCancel(t.Context())
	h.commands.carry = func(context.Context, sentCommand) (appointment.Outcome, error) {
		hangUp()
		return appointment.Outcome{}, nil
	}
	h.doWith(ctx, request{method: http.MethodPost, path: oneVisit + "/confirm", token: h.as(domain.RoleDoctor), headers: []string{headerIdempotencyKey, "key-1"}})
	again := h.post(oneVisit+"/confirm", h.as(domain.RoleDoctor), "").status(http.StatusOK)
	require.Equal(t, "true", again.Header().Get(headerReplayed))
}

func TestUpdateIDsAreOfTheCommandAndTheKey(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	key := domain.IdempotencyKey{Principal: "u", Operation: "o", Key: "k"}
	id := updateID(secret, key)
	require.Equal(t, id, updateID(secret, key))
	for _, other := range []domain.IdempotencyKey{
		{Principal: "uo", Key: "k"}, {Principal: "u", Operation: "ok"}, {Principal: "u", Operation: "o", Key: "k2"}, {Principal: "v", Operation: "o", Key: "k"},
	} {
		require.NotEqual(t, id, updateID(secret, other))
	}
	require.NotEqual(t, id, updateID([]byte("another secret of some thirty-two bytes"), key))
}
