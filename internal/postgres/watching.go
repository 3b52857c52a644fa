package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// TimelinesAfter returns up to limit new lines of many timelines by one query. after holds
// the number of the last line seen, by appointment.
func (s *Store) TimelinesAfter(ctx context.Context, after map[string]int, limit int) ([]domain.TimelineEvent, error) {
	params := db.TimelinesAfterParams{MaxRows: int32(limit)} //nolint:gosec // a bound
	for id, seq := range after {
		params.Ids, params.AfterSeqs = append(params.Ids, id), append(params.AfterSeqs, int32(seq)) //nolint:gosec // a count
	}
	rows, err := s.q.TimelinesAfter(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("reading what is new: %w", err)
	}
	events := make([]domain.TimelineEvent, 0, len(rows))
	for _, r := range rows {
		events = append(events, domain.TimelineEvent{AppointmentID: r.AppointmentID, Event: domain.Event{
			Seq: int(r.Seq), Version: int(r.Version), Transition: r.TransitionID, Kind: r.Kind, From: domain.Status(r.FromStatus),
			To: domain.Status(r.ToStatus), Actor: domain.Actor{Kind: domain.ActorKind(r.ActorKind), ID: r.ActorID},
			ReasonCode: r.ReasonCode, At: r.At.UTC(),
		}})
	}
	return events, nil
}

// SessionCallers returns whom sessions speak for now, as SessionCaller does, by session;
// those that ended are missing.
func (s *Store) SessionCallers(ctx context.Context, ids []string, now time.Time) (map[string]domain.Caller, error) {
	rows, err := s.q.SessionCallers(ctx, db.SessionCallersParams{Ids: ids, Now: now})
	if err != nil {
		return nil, fmt.Errorf("looking at sessions: %w", err)
	}
	callers := make(map[string]domain.Caller, len(rows))
	for _, r := range rows {
		callers[r.SessionID] = domain.Caller{UserID: r.ID, Roles: rolesOf(r.Roles), DoctorID: r.DoctorID, SessionID: r.SessionID}
	}
	return callers, nil
}
