package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// command is what a person asks an appointment's process to do.
type command struct {
	update        string // the workflow update
	appointmentID string
	key           string // the caller's Idempotency-Key
	prefer        string
	body          any // what the key's hash covers besides the operation
	argument      appointment.Command
	// visit reads the visit. Defaults to what the caller's roles may see.
	visit func(context.Context) (domain.Appointment, error)
	// actor is who acts. Defaults to what the caller is to the visit.
	actor *domain.Actor
}

// settleTimeout bounds what must still happen after the outcome is known, also when the
// caller has gone.
const settleTimeout = 5 * time.Second

// carryOut sends a command to the appointment's process and answers with what came of it.
//
// The key is taken first and its update has the same ID on each try, so a repeated
// command does nothing twice, wherever the last try broke off.
func (h *handlers) carryOut(ctx context.Context, cmd command) (answer, error) {
	ctx, who := begin(ctx)
	count := func(result string) { h.metrics.commands.WithLabelValues(cmd.update, result).Inc() }
	release, ok := h.inFlight.acquire()
	if !ok {
		count("turned_away")
		return answer{}, domain.Errorf(domain.CodeTooMany, "Many commands are under way. Try again in a moment, with the same Idempotency-Key.")
	}
	defer release()

	if cmd.visit == nil {
		cmd.visit = func(ctx context.Context) (domain.Appointment, error) { return h.find(ctx, who, cmd.appointmentID) }
	}
	a, err := cmd.visit(ctx)
	if err != nil {
		return answer{}, err
	}
	key, err := who.idempotencyKey(cmd.appointmentID, cmd.key, cmd.body)
	if err != nil {
		return answer{}, err
	}
	stored, err := h.store.BeginCommand(ctx, key)
	if err != nil {
		return answer{}, err
	}
	if stored != nil {
		count("replayed")
		return answerOf(*stored).with(headerReplayed, "true"), nil
	}
	cmd.argument.Actor = actorIn(as(who), a)
	if cmd.actor != nil {
		cmd.argument.Actor = *cmd.actor
	}
	if cmd.update == appointment.UpdateReschedule && cmd.argument.IfSequence == nil {
		// Of two who move a visit at once, one wins and the other is told.
		cmd.argument.IfSequence = &a.Sequence
	}
	// The process gets IDs and codes, nothing of the record.
	a.Reason, a.Notes, a.Payment.ClientSecret = "", "", ""
	id := updateID(h.cfg.CommandKey, key)
	_, err = h.commands.Command(ctx, a, cmd.update, id, cmd.argument, h.cfg.wait(cmd.prefer))

	// From here on the process may have acted: what belongs to the outcome is done even
	// when the caller hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	switch {
	case err == nil:
		count("done")
		return h.settle(ctx, who, cmd, key)
	case errors.Is(err, appointment.ErrPending):
		count("deferred")
		return h.deferred(ctx, cmd, key, id)
	case rejected(err):
		count("rejected")
		if freeing := h.store.AbandonCommand(ctx, key); freeing != nil {
			// The key stays taken with an open outcome: the same command may be sent again.
			h.log.LogAttrs(ctx, slog.LevelWarn, "a rejected command keeps its key",
				slog.String("appointment_id", cmd.appointmentID), slog.String("error", freeing.Error()))
		}
		return answer{}, err
	}
	// Unreachable, or a fault of ours: nobody knows whether it was done. The key stays
	// open, so that the next try asks the same update again.
	count("failed")
	return answer{}, err
}

// settle answers a command that was carried out and keeps that answer.
func (h *handlers) settle(ctx context.Context, who *visitor, cmd command, key domain.IdempotencyKey) (answer, error) {
	a, err := cmd.visit(ctx)
	if err != nil {
		return answer{}, err
	}
	done, err := jsonAnswer(http.StatusOK, h.appointmentView(a, who.summary()))
	if err != nil {
		return answer{}, err
	}
	if err := h.store.EndCommand(ctx, key, done.stored()); err != nil {
		// It is done all the same; a repetition finds the update done and answers then.
		h.log.LogAttrs(ctx, slog.LevelWarn, "a command's answer was not kept",
			slog.String("appointment_id", cmd.appointmentID), slog.String("error", err.Error()))
	}
	if wait, asked := preferredWait(cmd.prefer); asked {
		done = done.with("Preference-Applied", preferenceApplied(wait))
	}
	return done, nil
}

// deferred keeps a command whose outcome is not known yet, and only then says accepted.
func (h *handlers) deferred(ctx context.Context, cmd command, key domain.IdempotencyKey, id string) (answer, error) {
	if err := h.store.DeferCommand(ctx, cmd.appointmentID, cmd.update, id, cmd.argument); err != nil {
		return answer{}, err
	}
	at := location(cmd.appointmentID)
	accepted, err := jsonAnswer(http.StatusAccepted, openapi.Accepted{AppointmentID: cmd.appointmentID, Command: cmd.update, Location: at})
	if err != nil {
		return answer{}, err
	}
	return accepted.with("Location", at), nil
}

// actorIn says in which capacity the caller acts on this visit.
func actorIn(caller domain.Caller, a domain.Appointment) domain.Actor {
	actor := domain.Actor{Kind: domain.ActorPatient, ID: caller.UserID}
	switch {
	case caller.Has(domain.RoleDoctor) && caller.DoctorID != "" && caller.DoctorID == a.DoctorID:
		actor.Kind = domain.ActorDoctor
	case caller.Has(domain.RoleStaff):
		actor.Kind = domain.ActorStaff
	}
	return actor
}
