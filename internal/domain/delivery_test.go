package domain_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// Whatever order the events of a message arrive in, and however often, the state in the
// end is the same.
func TestTheOrderOfEventsDoesNotMatter(t *testing.T) {
	at := func(seconds int) time.Time { return time.Date(2026, 3, 1, 9, 0, seconds, 0, time.UTC) }
	for name, c := range map[string]struct {
		events []domain.DeliveryState
		want   domain.DeliveryState
	}{
		"delivered": {
			[]domain.DeliveryState{{domain.DeliveryProcessed, "", at(1)}, {domain.DeliveryDeferred, "", at(2)}, {domain.DeliveryDelivered, "", at(9)}},
			domain.DeliveryState{State: domain.DeliveryDelivered, At: at(9)},
		},
		"a late bounce": {
			[]domain.DeliveryState{{domain.DeliveryDelivered, "", at(3)}, {domain.DeliveryBounced, "technical", at(5)}, {domain.DeliveryProcessed, "", at(1)}},
			domain.DeliveryState{State: domain.DeliveryBounced, Code: "technical", At: at(5)},
		},
		"the last delay counts": {
			[]domain.DeliveryState{{domain.DeliveryDeferred, "", at(3)}, {domain.DeliveryDeferred, "", at(7)}, {domain.DeliveryDeferred, "", at(5)}},
			domain.DeliveryState{State: domain.DeliveryDeferred, At: at(7)},
		},
		"spam": {
			[]domain.DeliveryState{{domain.DeliverySpam, "", at(3)}, {domain.DeliveryDelivered, "", at(7)}},
			domain.DeliveryState{State: domain.DeliverySpam, At: at(3)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				events := append(append([]domain.DeliveryState{}, c.events...), c.events...)
				rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
				var state domain.DeliveryState
				for _, e := range events {
					if e.Supersedes(state) {
						state = e
					}
				}
				require.Equal(t, c.want, state)
			}
		})
	}
}

func TestWhichMessagesAreSentAgain(t *testing.T) {
	start := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	before, after := start.Add(-time.Hour), start.Add(time.Minute)
	lost := func(kind domain.MessageKind, problem string) domain.Message {
		return domain.Message{Kind: kind, Status: domain.MessageSent, Problem: problem, ForStart: start}
	}
	moved := lost(domain.MessageConfirmed, "bounced")
	moved.ForStart = start.Add(-24 * time.Hour)
	again := lost(domain.MessageReceipt, "bounced")
	again.ResentAs = "m2"
	pending := lost(domain.MessageReceipt, "")
	pending.Status = domain.MessagePending
	spam := lost(domain.MessageReceipt, "spam_report")
	spam.Delivery.State = domain.DeliverySpam
	for name, c := range map[string]struct {
		m      domain.Message
		status domain.Status
		now    time.Time
		want   domain.Code
	}{
		"a reminder that bounced":         {lost(domain.MessageReminder, "bounced"), domain.StatusConfirmed, before, ""},
		"a reminder after the start":      {lost(domain.MessageReminder, "bounced"), domain.StatusConfirmed, after, domain.CodeTooLate},
		"a reminder of a cancelled one":   {lost(domain.MessageReminder, "unknown"), domain.StatusCancelled, before, domain.CodeWrongStatus},
		"a time that is no more":          {moved, domain.StatusConfirmed, before, domain.CodeConflict},
		"a cancellation, after the end":   {lost(domain.MessageCancelled, "failed"), domain.StatusCancelled, after, ""},
		"a receipt, after the end":        {lost(domain.MessageReceipt, "dropped"), domain.StatusCompleted, after, ""},
		"anything of an archived visit":   {lost(domain.MessageReceipt, "dropped"), domain.StatusArchived, after, domain.CodeWrongStatus},
		"a request that was answered":     {lost(domain.MessageRequestToDoctor, "failed"), domain.StatusConfirmed, before, domain.CodeWrongStatus},
		"one that arrived":                {lost(domain.MessageReceipt, ""), domain.StatusConfirmed, before, domain.CodeConflict},
		"one that was sent again":         {again, domain.StatusConfirmed, before, domain.CodeConflict},
		"one that is on its way":          {pending, domain.StatusConfirmed, before, domain.CodeConflict},
		"one that was called spam":        {spam, domain.StatusConfirmed, before, domain.CodeConflict},
		"a skipped confirmation, in time": {lost(domain.MessageConfirmed, "skipped"), domain.StatusConfirmed, before, ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, domain.CodeOf(domain.MayResend(c.m, c.status, start, c.now)))
		})
	}
}

func TestWhereAVideoVisitIsHeldIsAnHTTPSAddress(t *testing.T) {
	typ := domain.AppointmentType{
		Name: "Video", Mode: domain.Telehealth, Terms: domain.DefaultTerms(), Rules: domain.SlotRules{
			Duration: domain.Duration(30 * time.Minute), Step: domain.Duration(30 * time.Minute), BookingWindow: domain.Duration(90 * 24 * time.Hour),
		},
	}
	for link, ok := range map[string]bool{
		"": true, "https://video.example/room": true, "http://video.example/room": false, "javascript:alert(1)": false,
		"https://user:secret@video.example/": false, "https://": false, "video.example": false,
	} {
		typ.JoinURL = link
		require.Equal(t, ok, typ.ValidateSetup() == nil, "%q", link)
	}
	typ.Mode, typ.JoinURL = domain.InPerson, "https://video.example/room"
	require.ErrorContains(t, typ.ValidateSetup(), "telehealth")
}
