package oracle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// refunded is a sound world whose visit was cancelled by its doctor, and whose refund the
// bank sent back once: a person had another made.
func refunded() (*World, *Journal) {
	w, j := sound()
	v := w.Visits["v1"]
	cancelled := Event{Kind: "cancelled", From: "confirmed", To: "cancelled", ActorKind: "doctor", Version: 5, At: began.Add(time.Minute)}
	v.Events = append(v.Events[:5], cancelled)
	for _, kind := range []string{"payment_refunded", "refund_failed", "payment_refunded"} {
		v.Events = append(v.Events, Event{Kind: kind, From: "cancelled", To: "cancelled", ActorKind: "system", Version: 5, At: began.Add(61 * time.Second)})
	}
	v.Events = append(v.Events, Event{Kind: "archived", From: "cancelled", To: "archived", ActorKind: "system", Version: 6, At: began.Add(80 * time.Second)})
	number(v)
	v.Version, v.Kept, v.Payments[0].Refunded = 6, 0, 7999
	w.Intents[0].Refunded, w.Intents[0].Refunds = 7999, 1
	for i, kind := range []string{"refund", "refund_failed", "refund"} {
		w.Receipts = append(w.Receipts, Receipt{ClinicID: "c", Number: int64(i + 2), AppointmentID: "v1", Kind: kind, IntentID: "pi_1", Amount: 7999, IssuedAt: began})
	}
	write(w, v, Message{ID: "m5", Kind: "cancelled", Recipient: "patient"}, Message{ID: "m6", Kind: "cancelled", Recipient: "doctor"},
		Message{ID: "m7", Kind: "refunded", Recipient: "patient"}, Message{ID: "m8", Kind: "refunded", Recipient: "patient"})
	w.Cases = map[string]*Case{"pi_1": {ID: "k1", IntentID: "pi_1", AppointmentID: "v1", Kind: "refund_failed", State: "closed", Outcome: "refunded", Version: 4, Events: []CaseEvent{
		{Version: 1, Kind: "opened_refund_failed", State: "open"}, {Version: 2, Kind: "needs_person", State: "needs_person"},
		{Version: 3, Kind: "retried", State: "open"}, {Version: 4, Kind: "closed", State: "closed"},
	}}}
	w.CaseProcesses = map[string][]Process{"pi_1": {{RunID: "k1", State: "Completed"}}}
	j.Deeds = []Deed{{AppointmentID: "v1", IntentID: "pi_1", Name: "fail_refunds"}}
	j.Decisions = []Decision{{CaseID: "k1", IntentID: "pi_1", Name: "retry"}}
	return w, j
}

func number(v *Visit) {
	for i := range v.Events {
		v.Events[i].Seq = i + 1
	}
	v.EventSeq = len(v.Events)
}

// write adds letters that arrived.
func write(w *World, v *Visit, letters ...Message) {
	for _, m := range letters {
		m.Status, m.ForStart, m.Delivery = "sent", v.StartsAt, "delivered"
		if m.SentAt == nil {
			m.SentAt = &v.CreatedAt
		}
		v.Messages = append(v.Messages, m)
		w.Mails = append(w.Mails, arrived(m.ID))
	}
}

func TestARefundThatAPersonHadMadeAgainIsSound(t *testing.T) {
	t.Parallel()
	findings, figures := Judge(refunded())
	require.Empty(t, findings)
	require.Equal(t, 1, figures["cases closed as refund_failed: refunded"])
}

func TestEachRuleOfCasesIsNoticed(t *testing.T) {
	t.Parallel()
	noticesOf(t, refunded, map[string]func(*World, *Journal){
		"case_left_open":            func(w *World, _ *Journal) { w.Cases["pi_1"].State = "retrying" },
		"case_timeline_gap":         func(w *World, _ *Journal) { w.Cases["pi_1"].Events[2].Version = 4 },
		"case_without_process":      func(w *World, _ *Journal) { w.CaseProcesses = nil },
		"case_process_disagrees":    func(w *World, _ *Journal) { w.CaseProcesses["pi_1"][0].State = "Running" },
		"case_process_without_case": func(w *World, _ *Journal) { w.CaseProcesses["pi_9"] = []Process{{State: "Completed"}} },
		"deed_unnoticed":            func(_ *World, j *Journal) { j.Deeds[0].IntentID = "pi_9" },
		"decision_and_case_differ":  func(_ *World, j *Journal) { j.Decisions[0].Name = "resolve" },
		"receipts_do_not_add_up":    func(w *World, _ *Journal) { w.Receipts[2].Amount-- },
		"books_and_ledger_differ":   func(w *World, _ *Journal) { w.Intents[0].Lost = 7999 },
		"money_moved_twice":         func(w *World, _ *Journal) { w.Intents[0].Refunds = 2 },
		"money_against_the_policy": func(_ *World, j *Journal) {
			j.Deeds = append(j.Deeds, Deed{AppointmentID: "v1", Name: "refund", Minor: 1})
		},
		"reconciler_needed": func(w *World, _ *Journal) { w.Reported = []Reported{{Subject: "pi_1", Code: "payment_case_late"}} },
	})
}

func TestMoneyThatAPersonSawToIsNoMatterOfThePolicy(t *testing.T) {
	t.Parallel()
	w, j := refunded()
	v := w.Visits["v1"]
	v.Events = append(v.Events[:8], v.Events[9])
	number(v)
	v.Payments[0].Refunded, w.Intents[0].Refunded, w.Intents[0].Refunds = 0, 0, 0
	w.Receipts = w.Receipts[:3]
	v.Messages, w.Mails = v.Messages[:7], w.Mails[:7]
	w.Cases["pi_1"].Events[2].Kind, w.Cases["pi_1"].Outcome = "resolved", "resolved"
	findings, _ := Judge(w, j)
	require.NotEmpty(t, findings, "nobody resolved it")

	j.Decisions[0].Name = "resolve"
	findings, _ = Judge(w, j)
	require.Empty(t, findings)
}
