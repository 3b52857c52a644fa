package postgres

import (
	"context"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// roleLink marks the reading of a record through a link of a letter in the audit.
const roleLink = "link"

// LinkedVisit returns a visit for the page behind a link, without clinical text, and notes
// the access: that of the account whose letter had the link. CodeNotFound when there is
// none. The caller has verified the link.
func (s *Store) LinkedVisit(ctx context.Context, id, requestID string) (domain.LinkedVisit, error) {
	var row db.AppointmentByIDRow
	var facts db.LinkedVisitRow
	err := s.inTx(ctx, func(q *db.Queries) error {
		var err error
		if row, err = q.AppointmentByID(ctx, scopedParams(domain.Scope{All: true}, id)); err != nil {
			return missing(err, "appointment")
		}
		if facts, err = q.LinkedVisit(ctx, id); err != nil {
			return missing(err, "appointment")
		}
		return q.NoteAccess(ctx, db.NoteAccessParams{
			AppointmentID: id, UserID: facts.AccountID, Roles: []string{roleLink}, RequestID: requestID,
		})
	})
	if err != nil {
		return domain.LinkedVisit{}, err
	}
	a, err := s.appointmentOfRow(row)
	return domain.LinkedVisit{
		Appointment: a, AccountID: facts.AccountID, Locale: facts.Locale, Zone: facts.TimeZone,
		ClinicName: facts.ClinicName, ClinicAddress: facts.ClinicAddress,
	}, err
}
