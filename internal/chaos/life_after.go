package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// afterTheMark is what happens to a fee that somebody asked for.
func (v *visit) afterTheMark(ctx context.Context) {
	pause(ctx, v.l.Slow)
	switch v.l.Kind {
	case CameAfterAll:
		v.correct(ctx, "completed")
		return
	case FeeUpheld, FeeWaived:
	default:
		return
	}
	if v.command(ctx, v.patient, "patient", "dispute", map[string]any{"reason_code": "was_there"}).Status != http.StatusOK {
		return // too late, by a fault
	}
	pause(ctx, v.l.Slow)
	decision := "uphold-fee"
	if v.l.Kind == FeeWaived {
		decision = "waive-fee"
	}
	v.command(ctx, v.staff, "staff", decision, map[string]any{"reason_code": "other"})
}

// afterwards is what happens to a visit that was attended.
func (v *visit) afterwards(ctx context.Context) {
	switch v.l.Kind { //nolint:exhaustive // nothing does otherwise
	case AbsentAfterAll:
		pause(ctx, v.l.Slow)
		v.correct(ctx, "no_show")
	case HandRefund:
		const minor = 1234
		v.atProvider(ctx, "refund", map[string]any{"amount": minor}, oracle.Deed{Name: "refund", Minor: minor})
	case DisputeWon, DisputeLost:
		v.disputed(ctx)
	}
}

func (v *visit) correct(ctx context.Context, to string) {
	v.command(ctx, v.staff, "staff", "correct", map[string]any{"status": to, "reason_code": "recorded_by_mistake"})
}

// payAfterTheEnd pays a hold that has run out, while the provider does not let it be
// voided.
func (v *visit) payAfterTheEnd(ctx context.Context) {
	_ = v.vendors.lie(ctx, Fault{Vendor: "stripe", Match: "POST /v1/payment_intents/*/cancel", Mode: "fail", Status: 503, Count: 5}, v.id, "")
	v.await(ctx, "expired", "archived")
	if intent := v.vendors.intentOf(ctx, v.id); intent != "" {
		_ = v.vendors.pay(ctx, intent) // unless it has been voided after all
	}
}

// refundComesBack lets the bank send the refund back, and staff decide about it.
func (v *visit) refundComesBack(ctx context.Context) {
	for ctx.Err() == nil {
		intent := v.vendors.intentOf(ctx, v.id)
		var entry struct {
			Refunds int `json:"refunds"`
		}
		if err := v.vendors.get(ctx, "/_sandbox/payment_intents/"+intent, &entry); err == nil && entry.Refunds > 0 {
			v.atProvider(ctx, "fail_refunds", nil, oracle.Deed{Name: "fail_refunds"})
			break
		}
		if status := v.await(ctx, "cancelled", "archived"); status != "cancelled" && status != "archived" {
			return // it ended in another way
		}
		pause(ctx, time.Second)
	}
	decision, reason := "retry", "payer_reached"
	if v.l.Kind == RefundResolved {
		decision, reason = "resolve", "paid_back_another_way"
	}
	v.decide(ctx, decision, reason)
}

// disputed lets the cardholder object, and the bank decide.
func (v *visit) disputed(ctx context.Context) {
	intent := v.vendors.intentOf(ctx, v.id)
	if err := v.vendors.deed(ctx, intent, "dispute", nil); err != nil {
		return // there was nothing captured, by a fault
	}
	pause(ctx, v.l.Slow+time.Second)
	_ = v.vendors.deed(ctx, intent, "answer_dispute", nil)
	pause(ctx, v.l.Slow)
	won := v.l.Kind == DisputeWon
	v.atProvider(ctx, "decide_dispute", map[string]any{"won": won}, oracle.Deed{Name: string(v.l.Kind)})
}

// atProvider does something at the provider, and notes it when it was done.
func (v *visit) atProvider(ctx context.Context, what string, body any, d oracle.Deed) {
	d.AppointmentID, d.IntentID = v.id, v.vendors.intentOf(ctx, v.id)
	if err := v.vendors.deed(ctx, d.IntentID, what, body); err == nil {
		v.journal.AddDeed(d)
	}
}

// paymentCase is the part of a payment case that staff look at.
type paymentCase struct {
	ID       string `json:"id"`
	IntentID string `json:"intent_id"`
	WaitsFor string `json:"waits_for"`
	Version  int    `json:"version"`
}

// decide waits for a case of the visit that waits for a person, and decides it.
func (v *visit) decide(ctx context.Context, decision, reason string) {
	for ctx.Err() == nil {
		said, err := v.staff.insist(ctx, http.MethodGet, "/v1/payment-cases?state=needs_person&appointment_id="+v.id, nil, "")
		if err != nil {
			return
		}
		var page struct {
			Items []paymentCase `json:"items"`
		}
		_ = json.Unmarshal(said.body, &page)
		for _, c := range page.Items {
			path := "/v1/payment-cases/" + c.ID + "/" + decision
			said, err := v.staff.insist(ctx, http.MethodPost, path, map[string]any{"reason_code": reason}, newKey(), fmt.Sprintf("%q", fmt.Sprint(c.Version)))
			if err == nil && said.status == http.StatusOK {
				v.journal.AddDecision(oracle.Decision{CaseID: c.ID, IntentID: c.IntentID, Name: decision})
				return
			}
		}
		pause(ctx, 1500*time.Millisecond)
	}
}
