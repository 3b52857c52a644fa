package letters

import (
	"fmt"
	"strings"
	"time"

	ical "github.com/arran4/golang-ical"

	"github.com/careflow/careflow/internal/domain"
)

// calendar makes the entry of the letters whose news is the time of the visit. All
// letters about one visit share its UID, so that calendars replace and remove the entry
// by SEQUENCE (RFC 5546). Times are those of the visit's place, zone.
func calendar(kind domain.MessageKind, d domain.LetterData, w words, zone *time.Location) (domain.Attachment, bool) {
	method, status := ical.MethodRequest, ical.ObjectStatusConfirmed
	switch kind {
	case domain.MessageConfirmed, domain.MessageMoved:
	case domain.MessageCancelled:
		method, status = ical.MethodCancel, ical.ObjectStatusCancelled
	default:
		return domain.Attachment{}, false
	}
	cal := ical.NewCalendar()
	cal.SetProductId("-//Careflow//Appointments//EN")
	cal.SetMethod(method)
	defineZone(cal, zone, d.StartsAt, d.EndsAt)
	event := cal.AddEvent(d.AppointmentID + "@careflow")
	event.SetDtStampTime(d.WrittenAt.UTC())
	setInstant(event, ical.ComponentPropertyDtStart, d.StartsAt, zone)
	setInstant(event, ical.ComponentPropertyDtEnd, d.EndsAt, zone)
	event.SetSequence(d.Sequence)
	event.SetStatus(status)
	event.SetClass(ical.ClassificationPrivate)
	event.SetSummary(fmt.Sprintf(w.event, d.ClinicName))
	event.SetDescription(d.DoctorName)
	event.SetLocation(place(d, w))
	if link := joinLink(kind, d); link != "" {
		event.SetURL(link)
	}
	if d.OrganizerMail != "" {
		event.SetOrganizer(d.OrganizerMail, ical.WithCN(commonName(d.ClinicName)))
		event.AddAttendee(d.Address, ical.ParticipationStatusAccepted, ical.WithRSVP(false))
	}
	return domain.Attachment{
		Name:        "appointment.ics",
		ContentType: "text/calendar; charset=utf-8; method=" + string(method),
		Content:     []byte(cal.Serialize(ical.WithNewLineWindows)),
	}, true
}

func place(d domain.LetterData, w words) string {
	if d.Mode == domain.Telehealth {
		return w.video
	}
	if d.ClinicAddress == "" {
		return d.ClinicName
	}
	return d.ClinicName + ", " + d.ClinicAddress
}

// commonName writes a name as a property parameter, which has no way to escape quotes
// and separators (RFC 5545, 3.2).
func commonName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\'':
			return '’'
		case strings.ContainsRune(`",;:\`, r) || r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	}, s)
}
