package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// fakeLedger is what became of messages, in memory.
type fakeLedger struct {
	mailEvents map[string]domain.MailEvent
	troubled   []domain.Message // newest first
	asked      []domain.MessageFilter
	resent     []string // message and update ID
	resendErr  error
	looks      int // at all timelines together
}

func (s *fakeStore) AcceptMailEvents(_ context.Context, events []domain.MailEvent) ([]domain.AcceptedMailEvent, error) {
	defer s.lock()()
	if s.err != nil {
		return nil, s.err
	}
	if s.mailEvents == nil {
		s.mailEvents = map[string]domain.MailEvent{}
	}
	var accepted []domain.AcceptedMailEvent
	for _, e := range events {
		_, known := s.mailEvents[e.ID]
		s.mailEvents[e.ID] = e
		accepted = append(accepted, domain.AcceptedMailEvent{
			MailEvent: e, Fresh: !known, Ledger: domain.LedgerAppointments, AppointmentID: idAppointment, Kind: domain.MessageReminder,
		})
	}
	return accepted, nil
}

func (s *fakeStore) TroubledMessages(_ context.Context, f domain.MessageFilter, p domain.Page) ([]domain.Message, error) {
	defer s.lock()()
	s.asked = append(s.asked, f)
	var rows []domain.Message
	for _, m := range s.troubled {
		if (p.AfterID == "" || m.CreatedAt.Before(p.AfterTime)) && len(rows) < p.Limit {
			rows = append(rows, m)
		}
	}
	return rows, s.err
}

func (s *fakeStore) ResendMessage(_ context.Context, appointmentID, messageID, id string, _ domain.Actor, _ time.Time) (domain.Message, error) {
	defer s.lock()()
	s.resent = append(s.resent, messageID+" "+id)
	return domain.Message{
		ID: domain.NewID(), AppointmentID: appointmentID, Kind: domain.MessageReminder, Recipient: domain.RecipientPatient,
		Status: domain.MessagePending, CreatedAt: now, ResendOf: messageID,
	}, firstError(s.resendErr, s.err)
}

func (s *fakeStore) TimelinesAfter(_ context.Context, after map[string]int, limit int) ([]domain.TimelineEvent, error) {
	defer s.lock()()
	s.looks++
	var events []domain.TimelineEvent
	for id, seq := range after {
		for _, e := range s.events[id] {
			if e.Seq > seq && len(events) < limit {
				events = append(events, domain.TimelineEvent{AppointmentID: id, Event: e})
			}
		}
	}
	return events, s.err
}

func (s *fakeStore) SessionCallers(_ context.Context, ids []string, _ time.Time) (map[string]domain.Caller, error) {
	defer s.lock()()
	callers := map[string]domain.Caller{}
	for _, id := range ids {
		if c, ok := s.callers[id]; ok {
			callers[id] = c
		}
	}
	return callers, s.err
}
