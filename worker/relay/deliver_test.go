package relay_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/worker/relay"
	"github.com/careflow/careflow/workflows/appointment"
)

func TestOnlyNewsWakesAProcess(t *testing.T) {
	t.Parallel()
	visit := func(status domain.Status, payment domain.PaymentStatus, captured, refunded int64) domain.Appointment {
		return domain.Appointment{Status: status, Payment: domain.Payment{IntentID: "pi_2", Status: payment, Captured: captured, Refunded: refunded}}
	}
	const (
		authorised = "payment_intent.amount_capturable_updated"
		succeeded  = "payment_intent.succeeded"
		canceled   = "payment_intent.canceled"
		refunded   = "charge.refunded"
	)
	for name, c := range map[string]struct {
		visit  domain.Appointment
		event  string
		intent string
		news   bool
	}{
		"an authorisation":                        {visit(domain.StatusRequested, domain.PaymentAwaitingMethod, 0, 0), authorised, "pi_2", true},
		"an authorisation that we know of":        {visit(domain.StatusPending, domain.PaymentAuthorised, 0, 0), authorised, "pi_2", false},
		"one of a visit that ended meanwhile":     {visit(domain.StatusExpired, domain.PaymentAwaitingMethod, 0, 0), authorised, "pi_2", true},
		"one of an earlier attempt":               {visit(domain.StatusPending, domain.PaymentAuthorised, 0, 0), authorised, "pi_1", true},
		"the echo of our capture":                 {visit(domain.StatusCapturing, domain.PaymentAuthorised, 0, 0), succeeded, "pi_2", false},
		"a capture that we know of":               {visit(domain.StatusConfirmed, domain.PaymentCaptured, 8000, 0), succeeded, "pi_2", false},
		"a capture by hand":                       {visit(domain.StatusPending, domain.PaymentAuthorised, 0, 0), succeeded, "pi_2", true},
		"money on an earlier attempt":             {visit(domain.StatusConfirmed, domain.PaymentCaptured, 8000, 0), succeeded, "pi_1", true},
		"the echo of our void":                    {visit(domain.StatusExpired, domain.PaymentCancelled, 0, 0), canceled, "pi_2", false},
		"a void by hand":                          {visit(domain.StatusPending, domain.PaymentAuthorised, 0, 0), canceled, "pi_2", true},
		"the echo of our refund":                  {visit(domain.StatusCancelled, domain.PaymentCaptured, 8000, 8000), refunded, "pi_2", false},
		"a refund by hand, told without a total":  {visit(domain.StatusCompleted, domain.PaymentCaptured, 8000, 0), refunded, "pi_2", true},
		"a refund that failed":                    {visit(domain.StatusCancelled, domain.PaymentCaptured, 8000, 8000), "charge.refund.updated", "pi_2", true},
		"a dispute":                               {visit(domain.StatusCompleted, domain.PaymentCaptured, 8000, 0), "charge.dispute.created", "pi_2", true},
		"the birth of an intent":                  {visit(domain.StatusRequested, domain.PaymentAwaitingMethod, 0, 0), "payment_intent.created", "pi_2", false},
		"the birth of an intent not recorded yet": {domain.Appointment{Status: domain.StatusRequested}, "payment_intent.created", "pi_9", false},
		"an authorisation not recorded yet":       {domain.Appointment{Status: domain.StatusRequested}, authorised, "pi_9", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, p := newOutbox(), &temporal{}
			c.visit.ID = "a"
			o.visits["a"] = c.visit
			relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
				e := o.add(domain.TopicPaymentHint, "a", domain.WebhookPayload{EventID: "evt", Type: c.event, IntentID: c.intent})
				await(t, o)
				require.True(t, e.done)
				if c.news {
					require.Equal(t, []string{"hint a " + c.event}, p.seen())
				} else {
					require.Empty(t, p.seen())
				}
			})
		})
	}
}

// What people are told to choose at the provider is what somebody here acts on, in some state
// of a visit or of a case.
func TestTheEventsToChooseAreThoseThatAreActedOn(t *testing.T) {
	t.Parallel()
	others := []string{
		"charge.captured", "charge.failed", "charge.succeeded", "charge.updated", "payment_intent.created", "payment_intent.payment_failed",
		"payment_intent.processing", "payment_intent.requires_action", "refund.created",
	}
	for _, kind := range append(others, domain.PaymentEventTypes...) {
		o, p := newOutbox(), &temporal{}
		acted := false
		for i, pay := range []domain.PaymentStatus{domain.PaymentAwaitingMethod, domain.PaymentAuthorised, domain.PaymentCaptured} {
			id := strconv.Itoa(i)
			a := domain.Appointment{ID: id, Status: domain.StatusPending, Payment: domain.Payment{IntentID: "pi", Status: pay}}
			if pay == domain.PaymentCaptured {
				a.Status, a.Payment.Captured, a.Payment.Refunded = domain.StatusCancelled, 8000, 4000
			}
			event := domain.WebhookPayload{EventID: "evt", Type: kind, IntentID: "pi"}
			o.visits[id] = a
			_, matter := domain.IntentNews{Event: event, Visit: a.Status, Recorded: true, CaseOpen: true, Payment: pay}.Case()
			acted = acted || matter
			relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
				o.add(domain.TopicPaymentHint, id, event)
				await(t, o)
			})
		}
		require.Equal(t, slices.Contains(domain.PaymentEventTypes, kind), acted || len(p.seen()) > 0, kind)
	}
}

func TestLettersOfAnAccountAreDeliveredByItsIDUntilItWorks(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	row := o.add(domain.TopicAccountMail, "", struct{}{})
	row.AccountID = "account-1"
	refused := false
	p.answer = func(context.Context, string) error {
		if !refused {
			refused = true
			return errors.New("Temporal is away")
		}
		return nil
	}
	relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
		await(t, o)
		require.Equal(t, []string{"deliver account-1", "deliver account-1"}, p.seen())
		require.Len(t, row.postponed, 1)
		require.Empty(t, row.parked)
	})
}

func TestWhatMatchesNoProcessIsKeptForPeople(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	o.visits["archived"] = domain.Appointment{ID: "archived", Status: domain.StatusArchived}
	relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
		rows := map[*entry]string{
			o.add(domain.TopicPaymentHint, "archived", domain.WebhookPayload{Type: "charge.dispute.created"}): "archived",
			o.add(domain.TopicPaymentHint, "a", "no object"):                                                  "unreadable",
			o.add(domain.TopicCommand, "b", "no object"):                                                      "unreadable",
			o.add(domain.TopicCommand, "c", domain.DeferredCommand{Update: "cancel", Command: []byte(`7`)}):   "unreadable",
			o.add(domain.TopicMessage, "e", "no object"):                                                      "unreadable",
			o.add("carrier_pigeon", "d", nil):                                                                 "unknown_topic",
		}
		last := o.add(domain.TopicMessage, "archived", domain.MessagePayload{MessageID: "m"})
		await(t, o)
		for e, want := range rows {
			require.Equal(t, want, e.parked)
		}
		require.Empty(t, last.parked, "the process saw it when it archived the visit")
		require.Empty(t, p.seen())
	})
}

func TestWhatIsACasesGoesToTheCaseAndNotToTheProcess(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	o.visits["archived"] = domain.Appointment{ID: "archived", Status: domain.StatusArchived}
	failing := true
	p.answer = func(context.Context, string) error {
		defer func() { failing = false }()
		if failing {
			return domain.Errorf(domain.CodeUnavailable, "away")
		}
		return nil
	}
	relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
		e := o.add(domain.TopicPaymentHint, "archived", domain.WebhookPayload{EventID: "evt", Type: "charge.dispute.created", IntentID: "pi_case"})
		await(t, o)
		require.True(t, e.done)
		require.Equal(t, domain.TopicPaymentCase, e.Topic)
		require.Equal(t, []string{"case pi_case charge.dispute.created", "case pi_case charge.dispute.created"}, p.seen(), "kept until it is heard")
		opened := o.add(domain.TopicPaymentCase, "a", domain.WebhookPayload{IntentID: "pi_1"}) // by the process
		unreadable := o.add(domain.TopicPaymentCase, "b", domain.WebhookPayload{})
		await(t, o)
		require.True(t, opened.done)
		require.Equal(t, "unreadable", unreadable.parked)
		require.Equal(t, "case pi_1 ", p.seen()[2])
	})
}

func TestADeferredCommandIsCarriedOutOrRefused(t *testing.T) {
	t.Parallel()
	command := domain.DeferredCommand{Update: appointment.UpdateCancel, UpdateID: "u1", Command: []byte(`{"actor":{"kind":"patient"},"reason_code":"ill"}`)}
	for name, c := range map[string]struct {
		answer error
		again  bool
	}{
		"carried out":              {nil, false},
		"refused: wrong status":    {domain.Errorf(domain.CodeWrongStatus, "no"), false},
		"refused: too late":        {domain.Errorf(domain.CodeTooLate, "no"), false},
		"refused: slot taken":      {domain.Errorf(domain.CodeSlotTaken, "no"), false},
		"without an outcome":       {appointment.ErrPending, true},
		"Temporal is down":         {domain.Errorf(domain.CodeUnavailable, "no"), true},
		"too many":                 {domain.Errorf(domain.CodeTooMany, "no"), true},
		"taken over meanwhile":     {domain.Errorf(domain.CodeSuperseded, "no"), true},
		"something else went awry": {errors.New("boom"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, p := newOutbox(), &temporal{}
			first := true
			p.answer = func(context.Context, string) error {
				if first {
					first = false
					return c.answer
				}
				return nil
			}
			relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
				e := o.add(domain.TopicCommand, "a", command)
				await(t, o)
				require.True(t, e.done)
				require.Equal(t, c.again, len(e.postponed) == 1)
				for _, call := range p.seen() {
					require.Equal(t, "cancel a u1 ill", call, "again under the same update ID")
				}
			})
		})
	}
}

func TestAReceiptThatCannotBeWrittenLeadsToARepetition(t *testing.T) {
	t.Parallel()
	o, p := newOutbox(), &temporal{}
	relaying(t, relay.Config{Lease: 9 * time.Second}, o, p, func(t *testing.T, _ func()) {
		begin := time.Now()
		o.receipt = func(ctx context.Context) {
			if time.Since(begin) < 5*time.Second {
				<-ctx.Done() // the database does not answer
			}
		}
		o.add(domain.TopicStart, "a", nil)
		await(t, o)
		require.Equal(t, []string{"start a", "start a"}, p.seen())
	})
}

func TestAMessageSentAgainWakesItsProcess(t *testing.T) {
	o, p := newOutbox(), &temporal{}
	relaying(t, relay.Config{}, o, p, func(t *testing.T, _ func()) {
		e := o.add(domain.TopicMessage, "a", domain.MessagePayload{MessageID: "m1"})
		await(t, o)
		require.True(t, e.done)
		require.Equal(t, []string{"deliver a m1"}, p.seen())
	})
}
