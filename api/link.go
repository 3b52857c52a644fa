package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/api/pages"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
	"github.com/careflow/careflow/internal/links"
)

// What the pages behind the links of letters share. Who holds a link acts as the account
// that got the letter, on this visit only.

// followed is a visit reached by a link.
type followed struct {
	domain.LinkedVisit
	token string
	link  links.Link
	now   time.Time
}

// follow verifies a link and reads its visit, which is audited. From here on the reader's
// language is known.
func (h *handlers) follow(ctx context.Context, who *visitor, token string, purpose links.Purpose) (followed, error) {
	now := h.cfg.Clock().UTC()
	link, err := h.links.Verify(token, purpose, now)
	if err != nil {
		return followed{}, err
	}
	v, err := h.store.LinkedVisit(ctx, link.AppointmentID, who.requestID)
	if err != nil {
		return followed{}, err
	}
	who.caller = domain.Caller{UserID: v.AccountID}
	if v.Locale != "" {
		who.locale = v.Locale
	}
	return followed{LinkedVisit: v, token: token, link: link, now: now}, nil
}

// shown is a document about the visit.
func (f followed) shown(name string, status int, data any) pages.Document {
	return pages.Document{Name: name, Status: status, Clinic: f.ClinicName, Data: data}
}

// zone is the reader's.
func (f followed) zone() *time.Location { return zone(f.Zone) }

// fact is a line of the page's list: the key of its label, and its value.
type fact struct{ Label, Value string }

// facts are what letters may name too: clinic, doctor and time.
func (f followed) facts(who *visitor) []fact {
	list := []fact{{"fact.when", letters.When(who.locale, f.Visit.Start, f.Visit.End, f.zone())}}
	if in := zone(f.Terms.Zone); letters.Differ(f.Visit.Start, f.zone(), in) || letters.Differ(f.Visit.End, f.zone(), in) {
		list = append(list, fact{"fact.where_when", letters.When(who.locale, f.Visit.Start, f.Visit.End, in)})
	}
	list = append(list, fact{"fact.doctor", f.DoctorName}, fact{"fact.clinic", f.ClinicName})
	if f.ClinicAddress != "" {
		list = append(list, fact{"fact.address", f.ClinicAddress})
	}
	return list
}
