package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// zonePage is how many visits are compared with their zones' rules at a time.
const zonePage = 1000

// MovedVisits returns the visits to come whose local time is no longer what was promised,
// because the rules of their zone have changed since they were booked: at most limit, by
// ID. Visits that were booked under this build's tz database are not looked at. now is UTC.
func (s *Store) MovedVisits(ctx context.Context, now time.Time, limit int) ([]domain.Finding, error) {
	var findings []domain.Finding
	after := "00000000-0000-0000-0000-000000000000"
	for {
		rows, err := s.q.VisitsOfOtherZoneRules(ctx, db.VisitsOfOtherZoneRulesParams{
			Now: now, ZoneVersion: domain.ZoneVersion(), AfterID: after, MaxRows: zonePage,
		})
		if err != nil {
			return nil, fmt.Errorf("reading visits of other zone rules: %w", err)
		}
		for _, r := range rows {
			after = r.ID
			detail, moved := domain.LocalTimeMoved(r.LocalStart, r.StartsAt, r.Zone)
			if !moved {
				continue
			}
			findings = append(findings, domain.Finding{
				Subject: "appointment/" + r.ID, Code: domain.FindingLocalTimeMoved, AppointmentID: r.ID, Detail: detail,
			})
			if len(findings) == limit {
				return findings, nil
			}
		}
		if len(rows) < zonePage {
			return findings, nil
		}
	}
}
