package api

import (
	"context"
	"sync"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// fakeCommands carries commands out by a function.
type fakeCommands struct {
	mu      sync.Mutex
	calls   []sentCommand
	carry   func(ctx context.Context, sent sentCommand) (appointment.Outcome, error)
	healthy error
}

type sentCommand struct {
	visit    domain.Appointment
	update   string
	id       string
	argument appointment.Command
	wait     time.Duration
}

func (c *fakeCommands) Command(ctx context.Context, a domain.Appointment, update, updateID string, arg appointment.Command, wait time.Duration) (appointment.Outcome, error) {
	sent := sentCommand{a, update, updateID, arg, wait}
	c.mu.Lock()
	c.calls = append(c.calls, sent)
	carry := c.carry
	c.mu.Unlock()
	if carry == nil {
		return appointment.Outcome{Status: a.Status, Version: a.Version + 1}, nil
	}
	return carry(ctx, sent)
}

func (c *fakeCommands) Healthy(context.Context) error { return c.healthy }

// VerifyMailEvents finds a bounce of the example message.
func (f fakeWebhooks) VerifyMailEvents(_ []byte, signature, _ string, _ time.Time) ([]domain.MailEvent, error) {
	if signature == "bad" {
		return nil, domain.Errorf(domain.CodeUnauthenticated, "no match")
	}
	return []domain.MailEvent{{ID: "sge_1", MessageID: idMessage, DeliveryState: domain.DeliveryState{
		State: domain.DeliveryBounced, Code: "invalid_address", At: now,
	}}}, f.err
}

// fakeWebhooks takes every signature but "bad".
type fakeWebhooks struct{ err error }

func (f fakeWebhooks) VerifyWebhook(_ []byte, header string, _ time.Time) (domain.PaymentEvent, error) {
	if header == "bad" {
		return domain.PaymentEvent{}, domain.Errorf(domain.CodeUnauthenticated, "no match")
	}
	return domain.PaymentEvent{ID: "evt_1", Type: "payment_intent.succeeded", IntentID: "pi_1", AppointmentID: idAppointment, Created: now}, f.err
}
