package postgres_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// sent is a visit with one message that the provider took.
func (c clinic) sent(t *testing.T, kind domain.MessageKind) (id, messageID string) {
	t.Helper()
	id = c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, kind)
	due := c.next(t, id, now)
	c.settle(t, due, domain.MessageSent, "", false)
	return id, due.ID
}

func mailEvent(messageID string, state domain.Delivery, code string, at time.Time) domain.MailEvent {
	return domain.MailEvent{ID: "sge_" + domain.NewID(), MessageID: messageID, DeliveryState: domain.DeliveryState{State: state, Code: code, At: at}}
}

func TestEventsOfTheMailProviderAreKeptOnceAndInAnyOrder(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, message := c.sent(t, domain.MessageReceipt)
	events := []domain.MailEvent{
		mailEvent(message, domain.DeliveryProcessed, "", now), mailEvent(message, domain.DeliveryDelivered, "", now.Add(time.Second)),
		mailEvent(message, domain.DeliveryBounced, "mailbox_unavailable", now.Add(2*time.Second)),
	}
	rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	// Two posts with the same events at the same time: none waits for the other in vain.
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			_, err := c.AcceptMailEvents(t.Context(), events)
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	accepted, err := c.AcceptMailEvents(t.Context(), events)
	require.NoError(t, err)
	for _, e := range accepted {
		require.False(t, e.Fresh)
		require.Equal(t, id, e.AppointmentID)
	}
	require.Equal(t, 3, c.count(t, "mail_events WHERE ledger = 'appointments'"))
	m := c.ledger(t, id)[0]
	require.Equal(t, domain.DeliveryState{State: domain.DeliveryBounced, Code: "mailbox_unavailable", At: now.Add(2 * time.Second)}, m.Delivery)
	require.Equal(t, "bounced", m.Problem)
	require.Equal(t, domain.MessageSent, m.Status, "that the provider took it stays true")
}

func TestEventsOfNoMessageOfOursAreKept(t *testing.T) {
	t.Parallel()
	c := open(t)
	accepted, err := c.AcceptMailEvents(t.Context(), []domain.MailEvent{
		mailEvent(domain.NewID(), domain.DeliveryBounced, "technical", now), mailEvent("", domain.DeliveryDelivered, "", now),
		mailEvent("somebody@example.org", domain.DeliveryDelivered, "", now),
	})
	require.NoError(t, err)
	require.Len(t, accepted, 3)
	for _, e := range accepted {
		require.True(t, e.Fresh)
		require.Equal(t, domain.LedgerNone, e.Ledger)
	}
	require.Equal(t, 3, c.count(t, "mail_events WHERE ledger = ''"))
	require.Zero(t, c.count(t, "mail_events WHERE mail_events::text LIKE '%@%'"), "what is no ID of ours may be anybody's address")
}

func TestAMessageOfUnknownFateThatArrivedIsNoProblem(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, domain.MessageRequestReceived)
	due := c.next(t, id, now)
	c.settle(t, due, domain.MessageUnknown, "no_reply", true)
	require.Equal(t, "unknown", c.ledger(t, id)[0].Problem)
	_, err := c.AcceptMailEvents(t.Context(), []domain.MailEvent{mailEvent(due.ID, domain.DeliveryDelivered, "", now)})
	require.NoError(t, err)
	require.Empty(t, c.ledger(t, id)[0].Problem)
}

func TestALostMessageIsSentAgainInItsTurn(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, message := c.sent(t, domain.MessageReceipt)
	resend := func(key string) (domain.Message, error) {
		return c.ResendMessage(t.Context(), id, message, key, domain.Actor{Kind: domain.ActorStaff, ID: "s"}, now)
	}
	_, err := resend("k1")
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "it did not fail")
	_, err = c.AcceptMailEvents(t.Context(), []domain.MailEvent{mailEvent(message, domain.DeliveryDropped, "bounced_address", now)})
	require.NoError(t, err)
	c.owe(t, id, domain.StatusConfirmed, domain.MessageConfirmed)

	again, err := resend("k1")
	require.NoError(t, err)
	require.Equal(t, message, again.ResendOf)
	require.Equal(t, domain.MessagePending, again.Status)
	same, err := resend("k1")
	require.NoError(t, err)
	require.Equal(t, again.ID, same.ID, "the same key is the same message")
	_, err = resend("k2")
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "it was sent again already")

	require.Equal(t, again.ID, c.ledger(t, id)[0].ResentAs)
	require.Equal(t, "confirmed", string(c.next(t, id, now).Kind), "what was owed before comes before")
	require.Equal(t, 1, c.count(t, "outbox WHERE topic = 'message' AND appointment_id = $1", id))
	events := c.timeline(t, id)
	require.Equal(t, "message_resent", events[len(events)-1].Kind)
	require.Equal(t, "s", events[len(events)-1].Actor.ID)
	require.Equal(t, c.row(t, id).Version, events[len(events)-1].Version, "nothing about the visit moved")
}

// Nobody else hands over what an archived visit owes: its process is told, each time it
// asks.
func TestAnArchivedVisitTellsOfALetterThatWasAskedForUntilThen(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, message := c.sent(t, domain.MessageReceipt)
	c.move(t, id, domain.StatusDeclined)
	_, err := c.AcceptMailEvents(t.Context(), []domain.MailEvent{mailEvent(message, domain.DeliveryDropped, "bounced_address", now)})
	require.NoError(t, err)
	_, err = c.ResendMessage(t.Context(), id, message, "k", domain.System(), now)
	require.NoError(t, err)

	archive := c.step(t, id, domain.StatusArchived)
	for range 2 {
		result, err := c.Transition(t.Context(), archive)
		require.NoError(t, err)
		require.True(t, result.LettersOwed)
	}
	c.settle(t, c.next(t, id, now), domain.MessageSent, "", false)
	result, err := c.Transition(t.Context(), archive)
	require.NoError(t, err)
	require.False(t, result.LettersOwed)
}

func TestAMessageIsSentAgainForItsOwnVisitOnly(t *testing.T) {
	t.Parallel()
	c := open(t)
	_, message := c.sent(t, domain.MessageReceipt)
	other := c.book(t, patient, visit(nine.Add(time.Hour)))
	_, err := c.ResendMessage(t.Context(), other, message, "k", domain.System(), now)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	_, err = c.ResendMessage(t.Context(), domain.NewID(), message, "k", domain.System(), now)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestWhatWentWrongIsListedNewestFirst(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, domain.MessageRequestReceived, domain.MessageReceipt, domain.MessageRefunded, domain.MessageDeclined)
	for _, status := range []domain.MessageStatus{domain.MessageFailed, domain.MessageSent, domain.MessageUnknown, domain.MessageSkipped} {
		c.settle(t, c.next(t, id, now), status, "x", false)
	}
	all := []string{"failed", "unknown", "skipped", "bounced"}
	list := func(f domain.MessageFilter, p domain.Page) []domain.Message {
		rows, err := c.TroubledMessages(t.Context(), f, p)
		require.NoError(t, err)
		return rows
	}
	rows := list(domain.MessageFilter{Problems: all}, domain.Page{Limit: 10})
	require.Len(t, rows, 3, "the one that was sent is none of them")
	var seen []string
	for page := (domain.Page{Limit: 1}); ; {
		next := list(domain.MessageFilter{Problems: all}, page)
		if len(next) == 0 {
			break
		}
		seen = append(seen, next[0].ID)
		page.AfterTime, page.AfterID = next[0].CreatedAt, next[0].ID
	}
	require.Equal(t, []string{rows[0].ID, rows[1].ID, rows[2].ID}, seen)
	require.Len(t, list(domain.MessageFilter{Problems: []string{"failed"}}, domain.Page{Limit: 10}), 1)
	require.Len(t, list(domain.MessageFilter{Problems: all, Kind: "refunded"}, domain.Page{Limit: 10}), 1)
	require.Empty(t, list(domain.MessageFilter{Problems: all, Recipient: "doctor"}, domain.Page{Limit: 10}))
	require.Empty(t, list(domain.MessageFilter{Problems: all, Until: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}, domain.Page{Limit: 10}))
}

func TestTheNewsOfManyTimelinesComesInOneQuery(t *testing.T) {
	t.Parallel()
	c := open(t)
	a, b := c.book(t, patient, visit(nine)), c.book(t, patient, visit(nine.Add(time.Hour)))
	c.move(t, a, domain.StatusPending, domain.StatusConfirmed)
	news, err := c.TimelinesAfter(t.Context(), map[string]int{a: 1, b: 0}, 100)
	require.NoError(t, err)
	got := map[string][]int{}
	for _, e := range news {
		got[e.AppointmentID] = append(got[e.AppointmentID], e.Seq)
	}
	require.Equal(t, map[string][]int{a: {2, 3}, b: {1}}, got)
	require.Equal(t, 2, c.timeline(t, a)[1].Seq)
}

func TestATypeKeepsItsModeInTheTermsAndItsLinkOutOfThem(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, "UPDATE appointment_types SET mode = 'telehealth', join_url = 'https://video.example/ada' WHERE id = $1", visit(nine).TypeID)
	id := c.book(t, patient, visit(nine))
	require.Equal(t, domain.Telehealth, c.row(t, id).Terms.Mode)
	require.NotContains(t, one[string](t, c, "SELECT terms::text FROM appointments WHERE id = $1", id), "video.example")
	c.exec(t, "UPDATE appointment_types SET mode = 'in_person', join_url = '' WHERE id = $1", visit(nine).TypeID)
	require.Equal(t, domain.Telehealth, c.row(t, id).Terms.Mode, "what was agreed on stays")
	c.exec(t, "UPDATE appointment_types SET mode = 'telehealth', join_url = 'https://video.example/ada' WHERE id = $1", visit(nine).TypeID)
	c.owe(t, id, domain.StatusPending, domain.MessageRequestReceived)
	letter := c.next(t, id, now).Letter
	require.Equal(t, domain.Telehealth, letter.Mode)
	require.Empty(t, letter.JoinURL, "nobody joins a visit that is not confirmed")
	c.owe(t, id, domain.StatusConfirmed, domain.MessageConfirmed)
	c.settle(t, &domain.DueMessage{Message: domain.Message{ID: letter.MessageID}}, domain.MessageSent, "", false)
	require.Equal(t, "https://video.example/ada", c.next(t, id, now).Letter.JoinURL)
}

func TestEventsOfLettersAboutAccountsMoveTheirLedger(t *testing.T) {
	t.Parallel()
	c := open(t)
	message := domain.NewID()
	c.exec(t, `INSERT INTO account_messages (id, account_id, kind, status, created_at) VALUES ($1, $2, 'verify_email', 'sent', now())`, message, patient.UserID)
	accepted, err := c.AcceptMailEvents(t.Context(), []domain.MailEvent{
		mailEvent(message, domain.DeliveryBounced, "invalid_address", now), mailEvent(message, domain.DeliveryProcessed, "", now.Add(time.Second)),
	})
	require.NoError(t, err)
	require.Equal(t, domain.LedgerAccounts, accepted[0].Ledger)
	require.Empty(t, accepted[0].AppointmentID)
	require.Equal(t, "verify_email", string(accepted[0].Kind))
	require.Equal(t, "bounced invalid_address", one[string](t, c, "SELECT delivery || ' ' || delivery_code FROM account_messages WHERE id = $1", message))
	require.Equal(t, 2, c.count(t, "mail_events WHERE ledger = 'accounts'"))
}
