package oracle

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// sound is a world in which one visit was booked, paid, confirmed, attended and archived.
func sound() (*World, *Journal) {
	start := began.Add(2 * time.Minute)
	v := &Visit{
		ID: "v1", DoctorID: "d1", PatientID: "p1", Status: "archived", Version: 7, EventSeq: 8, StartsAt: start, EndsAt: start.Add(time.Minute),
		Kept: 7999, RunID: "r1", CreatedAt: began,
		Payments: []Payment{{IntentID: "pi_1", Generation: 1, Status: "captured", Captured: 7999}},
	}
	v.Terms.Price.Minor = 7999
	v.Terms.RefundTiers = append(v.Terms.RefundTiers, struct {
		Before  Span  `json:"before"`
		Percent int64 `json:"percent"`
	}{Span(time.Minute), 50})
	version := 1
	for i, e := range []Event{
		{Kind: "booked", From: "requested", To: "requested", ActorKind: "patient"},
		{Kind: "payment_opened", From: "requested", To: "requested", ActorKind: "system"},
		{Kind: "authorised", From: "requested", To: "pending", ActorKind: "system"},
		{Kind: "accepted", From: "pending", To: "capturing", ActorKind: "doctor"},
		{Kind: "captured", From: "capturing", To: "confirmed", ActorKind: "system"},
		{Kind: "checked_in", From: "confirmed", To: "checked_in", ActorKind: "staff"},
		{Kind: "completed", From: "checked_in", To: "completed", ActorKind: "doctor"},
		{Kind: "archived", From: "completed", To: "archived", ActorKind: "system"},
	} {
		if i > 1 {
			version++
		}
		e.Seq, e.Version, e.At = i+1, version, began.Add(time.Duration(i)*10*time.Second)
		v.Events = append(v.Events, e)
	}
	w := &World{
		Visits:    map[string]*Visit{"v1": v},
		Intents:   []Intent{{ID: "pi_1", AppointmentID: "v1", Generation: 1, Status: "succeeded", Captured: 7999, Charges: 1, Captures: 1}},
		Receipts:  []Receipt{{ClinicID: "c", Number: 1, AppointmentID: "v1", Kind: "payment", IntentID: "pi_1", Amount: 7999, IssuedAt: began}},
		Processes: map[string][]Process{"v1": {{RunID: "r1", State: "Completed", Status: "archived"}}},
	}
	for _, m := range []Message{
		{ID: "m1", Kind: "request_received", Recipient: "patient"}, {ID: "m2", Kind: "request_to_doctor", Recipient: "doctor"},
		{ID: "m3", Kind: "confirmed", Recipient: "patient"}, {ID: "m4", Kind: "receipt", Recipient: "patient"},
	} {
		m.Status, m.ForStart, m.Delivery = "sent", start, "delivered"
		v.Messages = append(v.Messages, m)
		w.Mails = append(w.Mails, arrived(m.ID))
	}
	j := &Journal{
		Bookings: []*Booking{{AppointmentID: "v1", DoctorID: "d1", PatientID: "p1", StartsAt: start, Status: http.StatusCreated}},
		Commands: []*Command{{AppointmentID: "v1", Name: "confirm", By: "doctor", Status: http.StatusOK}},
	}
	return w, j
}

// arrived is a mail of which the provider has told that it was delivered.
func arrived(messageID string) Mail {
	return Mail{MessageID: messageID, ReceivedAt: began, Events: []MailEvent{{Event: "processed", Told: true}, {Event: "delivered", Told: true}}}
}

func TestASoundWorldHasNoFindings(t *testing.T) {
	t.Parallel()
	findings, figures := Judge(sound())
	require.Empty(t, findings)
	require.Equal(t, 1, figures["ended as completed"])
}

// Each rule notices its breach.
func TestEachRuleIsNoticed(t *testing.T) {
	t.Parallel()
	noticesOf(t, sound, map[string]func(*World, *Journal){
		"accepted_booking_lost": func(_ *World, j *Journal) {
			j.Bookings = append(j.Bookings, &Booking{AppointmentID: "v2", Status: http.StatusCreated})
		},
		"visit_nobody_booked":         func(_ *World, j *Journal) { j.Bookings = nil },
		"no_process":                  func(w *World, _ *Journal) { delete(w.Processes, "v1") },
		"several_processes":           func(w *World, _ *Journal) { w.Processes["v1"] = append(w.Processes["v1"], w.Processes["v1"][0]) },
		"process_not_claimed":         func(w *World, _ *Journal) { w.Processes["v1"][0].RunID = "r2" },
		"process_disagrees":           func(w *World, _ *Journal) { w.Processes["v1"][0].State = "Running" },
		"reconciler_needed":           func(w *World, _ *Journal) { w.Reported = []Reported{{AppointmentID: "v1", Code: "process_missing"}} },
		"fact_moved_the_visit":        func(w *World, _ *Journal) { w.Visits["v1"].Events[1].Version = 2 },
		"command_and_timeline_differ": func(_ *World, j *Journal) { j.Commands[0].Name = "decline" },
		"api_disagrees":               func(w *World, _ *Journal) { w.Visits["v1"].Seen = &Seen{Status: "pending"} },
		"timeline_gap":                func(w *World, _ *Journal) { w.Visits["v1"].EventSeq++ },
		"no_such_step": func(w *World, _ *Journal) {
			w.Visits["v1"].Events[6].To, w.Visits["v1"].Events[7].From = "declined", "declined"
		},
		"row_disagrees_with_timeline": func(w *World, _ *Journal) { w.Visits["v1"].Version++ },
		"kept_against_the_policy":     func(w *World, _ *Journal) { w.Visits["v1"].Kept-- },
		"money_against_the_policy":    func(w *World, _ *Journal) { w.Intents[0].Refunded = 1 },
		"books_and_ledger_differ":     func(w *World, _ *Journal) { w.Visits["v1"].Payments[0].Captured-- },
		"money_held_after_the_end":    func(w *World, _ *Journal) { w.Intents[0].Held = 1 },
		"money_moved_twice":           func(w *World, _ *Journal) { w.Intents[0].Captures = 2 },
		"payment_opened_twice": func(w *World, _ *Journal) {
			w.Intents = append(w.Intents, Intent{ID: "pi_2", AppointmentID: "v1", Generation: 1})
		},
		"payment_unknown_to_books":    func(w *World, _ *Journal) { w.Visits["v1"].Payments = nil },
		"payment_unknown_to_provider": func(w *World, _ *Journal) { w.Intents = nil },
		"payment_of_no_visit":         func(w *World, _ *Journal) { w.Intents = append(w.Intents, Intent{ID: "pi_3", AppointmentID: "v9"}) },
		"receipt_gap":                 func(w *World, _ *Journal) { w.Receipts[0].Number = 2 },
		"receipts_do_not_add_up":      func(w *World, _ *Journal) { w.Receipts = nil },
		"letter_not_owed_right":       func(w *World, _ *Journal) { w.Visits["v1"].Messages = w.Visits["v1"].Messages[:3] },
		"letter_nobody_owes":          func(w *World, _ *Journal) { w.Mails = append(w.Mails, Mail{MessageID: "m9"}) },
		"letter_never_left":           func(w *World, _ *Journal) { w.Mails = w.Mails[:3] },
		"letter_twice":                func(w *World, _ *Journal) { w.Mails = append(w.Mails, w.Mails[0]) },
		"letter_not_sent":             func(w *World, _ *Journal) { w.Visits["v1"].Messages[3].Status = "skipped" },
		"letter_failed":               func(w *World, _ *Journal) { w.Visits["v1"].Messages[3].Status = "failed" },
		"reminder_missing": func(w *World, _ *Journal) {
			v := w.Visits["v1"]
			v.Terms.Reminders = []Span{Span(30 * time.Second)}
			v.Events[5].At = v.StartsAt.Add(time.Second)
		},
		"delivery_not_heard": func(w *World, _ *Journal) { w.Visits["v1"].Messages[0].Delivery = "processed" },
		"stuck":              func(w *World, _ *Journal) { w.Visits["v1"].Stuck = "version_conflict" },
		"stuck_silently":     func(w *World, _ *Journal) { w.Outbox = []OutboxRow{{AppointmentID: "v1", Topic: "start"}} },
		"slot_sold_twice": func(w *World, j *Journal) {
			twin := *w.Visits["v1"]
			twin.ID, twin.PatientID = "v2", "p2"
			w.Visits["v2"] = &twin
			j.Bookings = append(j.Bookings, &Booking{AppointmentID: "v2", DoctorID: "d1", PatientID: "p2", StartsAt: twin.StartsAt, Status: http.StatusCreated})
		},
	})
}

func TestWhoPaidAfterTheEndIsTold(t *testing.T) {
	t.Parallel()
	late := func() (*World, *Journal) {
		w, j := sound()
		v := w.Visits["v1"]
		v.Payments = append(v.Payments, Payment{IntentID: "pi_2", Generation: 2, Status: "cancelled"})
		w.Intents = append(w.Intents, Intent{ID: "pi_2", AppointmentID: "v1", Generation: 2, Status: "canceled", Voided: 7999, Charges: 1})
		return w, j
	}
	noticesOf(t, late, map[string]func(*World, *Journal){"letter_not_owed_right": func(*World, *Journal) {}})
	w, j := late()
	write(w, w.Visits["v1"], Message{ID: "m5", Kind: "payment_released", Recipient: "patient"})
	findings, figures := Judge(w, j)
	require.Empty(t, findings)
	require.Equal(t, 1, figures["letters about late money"])
	noticesOf(t, sound, map[string]func(*World, *Journal){"letter_nobody_owes": func(w *World, _ *Journal) {
		write(w, w.Visits["v1"], Message{ID: "m5", Kind: "payment_released", Recipient: "patient"})
	}})
}

// noticesOf checks that each breach of a sound world is found under its rule.
func noticesOf(t *testing.T, sound func() (*World, *Journal), breaches map[string]func(*World, *Journal)) {
	t.Helper()
	for rule, breach := range breaches {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			w, j := sound()
			breach(w, j)
			findings, _ := Judge(w, j)
			rules := map[string]bool{}
			for _, f := range findings {
				rules[f.Rule] = true
			}
			require.Contains(t, rules, rule)
		})
	}
}

func TestAProcessThatHadToBeReplacedIsAFindingAndNothingElse(t *testing.T) {
	t.Parallel()
	w, j := sound()
	v := w.Visits["v1"]
	last := v.Events[7]
	v.Events = append(v.Events, Event{Seq: 9, Version: last.Version, Kind: replaced, From: "archived", To: "archived", ActorKind: "system", At: last.At})
	v.EventSeq++
	findings, _ := Judge(w, j)
	require.Len(t, findings, 1)
	require.Equal(t, "reconciler_needed", findings[0].Rule)
}

func TestADoubleLetterIsAllowedWhereItsOutcomeWasUnknownAndCounted(t *testing.T) {
	t.Parallel()
	w, j := sound()
	w.Mails = append(w.Mails, w.Mails[0])
	w.Visits["v1"].Messages[0].Unknowns = 1
	findings, figures := Judge(w, j)
	require.Empty(t, findings)
	require.Equal(t, 1, figures["letters that arrived twice"])
}

func TestARefundIsJudgedByTheTierOfItsMoment(t *testing.T) {
	t.Parallel()
	w, j := sound()
	v := w.Visits["v1"]
	e := &v.Events[6]
	e.Kind, e.To, e.From, e.ActorKind = "cancelled", "cancelled", "confirmed", "patient"
	v.Events = append(v.Events[:5], *e, v.Events[7])
	v.Events[6].From = "cancelled"
	for i := range v.Events {
		v.Events[i].Seq = i + 1
	}
	v.Events[5].Version, v.Events[6].Version, v.Version, v.EventSeq = 5, 6, 6, 7
	v.Messages = append(v.Messages,
		Message{ID: "m5", Kind: "cancelled", Recipient: "patient", Status: "sent", Delivery: "delivered"},
		Message{ID: "m6", Kind: "cancelled", Recipient: "doctor", Status: "sent", Delivery: "delivered"})
	w.Mails = append(w.Mails, arrived("m5"), arrived("m6"))
	v.Kept, v.Payments[0].Refunded, w.Intents[0].Refunded = 3999, 4000, 4000 // half of 7999, rounded up
	w.Receipts = append(w.Receipts, Receipt{ClinicID: "c", Number: 2, AppointmentID: "v1", Kind: "refund", IntentID: "pi_1", Amount: 4000, IssuedAt: v.Events[5].At})
	findings, _ := Judge(w, j)
	require.Empty(t, findings)

	v.Events[5].At = v.StartsAt.Add(-59 * time.Second) // too late for any
	findings, _ = Judge(w, j)
	require.NotEmpty(t, findings)
}
