package oracle

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// absent is a sound world whose visit nobody came to: a person asked for the fee, the
// patient was told and did not object, and two fifths of the money are kept.
func absent() (*World, *Journal) {
	w, j := sound()
	v := w.Visits["v1"]
	v.Terms.NoShowFeeShare, v.Terms.DisputePeriod = 40, Span(25*time.Second)
	marked, kept := v.StartsAt.Add(2*time.Second), v.StartsAt.Add(28*time.Second)
	v.Events = append(v.Events[:5],
		Event{Kind: "not_attended", From: "confirmed", To: "no_show", ActorKind: "staff", Version: 5, At: marked},
		Event{Kind: "payment_refunded", From: "no_show", To: "no_show", ActorKind: "system", Version: 5, At: marked.Add(time.Second)},
		Event{Kind: "fee_kept", From: "no_show", To: "no_show", ActorKind: "system", Version: 6, At: kept},
		Event{Kind: "archived", From: "no_show", To: "archived", ActorKind: "system", Version: 7, At: kept.Add(12 * time.Second)})
	number(v)
	v.Version, v.Kept, v.Payments[0].Refunded = 7, 3200, 4799
	w.Intents[0].Refunded, w.Intents[0].Refunds = 4799, 1
	w.Receipts = append(w.Receipts, Receipt{ClinicID: "c", Number: 2, AppointmentID: "v1", Kind: "refund", IntentID: "pi_1", Amount: 4799, IssuedAt: marked.Add(time.Second)})
	told := marked.Add(time.Second)
	write(w, v, Message{ID: "m5", Kind: "no_show_fee_notice", Recipient: "patient", SentAt: &told},
		Message{ID: "m6", Kind: "refunded", Recipient: "patient"}, Message{ID: "m7", Kind: "no_show_fee_kept", Recipient: "patient"})
	j.Commands = append(j.Commands, &Command{AppointmentID: "v1", Name: "no-show", By: "staff", Status: http.StatusOK})
	return w, j
}

func TestAFeeAfterNoticeIsSound(t *testing.T) {
	t.Parallel()
	findings, figures := Judge(absent())
	require.Empty(t, findings)
	require.Equal(t, 1, figures["fees: fee_kept by system"])
}

func TestANoticeMayBeOvertakenByAnObjectionOnly(t *testing.T) {
	t.Parallel()
	dropped := func(w *World) {
		v := w.Visits["v1"]
		v.Events[7].Kind, v.Events[7].ActorKind, v.Kept = "fee_waived", "staff", 0
		v.Payments[0].Refunded, w.Intents[0].Refunded, w.Receipts[1].Amount = 7999, 7999, 7999
		v.Messages[6].Kind = "no_show_fee_waived"
	}
	skip := func(w *World) {
		w.Visits["v1"].Messages[4].Status, w.Visits["v1"].Messages[4].SentAt = "skipped", nil
		w.Mails = append(w.Mails[:4], w.Mails[5:]...)
	}
	w, j := absent()
	dropped(w)
	skip(w)
	findings, _ := Judge(w, j)
	require.Empty(t, findings)
	noticesOf(t, absent, map[string]func(*World, *Journal){"letter_not_sent": func(w *World, _ *Journal) { skip(w) }})
}

func TestEachRuleOfFeesIsNoticed(t *testing.T) {
	t.Parallel()
	noticesOf(t, absent, map[string]func(*World, *Journal){
		"fee_kept_without_notice": func(w *World, _ *Journal) { w.Visits["v1"].Messages[4].SentAt = nil },
		"fee_kept_too_soon": func(w *World, _ *Journal) {
			w.Visits["v1"].Events[7].At = w.Visits["v1"].Events[5].At.Add(24 * time.Second)
		},
		"fee_nobody_asked_for": func(w *World, _ *Journal) { w.Visits["v1"].Events[5].ActorKind = "system" },
		"fee_kept_against_objection": func(w *World, _ *Journal) {
			w.Visits["v1"].Events[6].Kind = "fee_disputed"
		},
		"fee_left_open":            func(w *World, _ *Journal) { w.Visits["v1"].Events[7].Kind = "deadline_extended" },
		"letter_not_owed_right":    func(w *World, _ *Journal) { w.Visits["v1"].Messages = w.Visits["v1"].Messages[:6] },
		"kept_against_the_policy":  func(w *World, _ *Journal) { w.Visits["v1"].Events[7].Kind = "fee_waived" },
		"money_against_the_policy": func(w *World, _ *Journal) { w.Intents[0].Refunded = 7999 },
	})
}

func TestAVisitThatTookPlaceAfterAllKeepsWhatIsStillThere(t *testing.T) {
	t.Parallel()
	w, j := absent()
	v := w.Visits["v1"]
	v.Events[7] = Event{Seq: 8, Kind: "corrected", From: "no_show", To: "completed", ActorKind: "staff", Version: 6, At: v.Events[7].At}
	v.Events[8].From = "completed"
	v.Messages[6].Kind = "corrected"
	findings, _ := Judge(w, j)
	require.Empty(t, findings, "3200 of 7999 had not gone back")
}
