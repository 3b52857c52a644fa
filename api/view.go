package api

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones are a promise to patients: never those of a bare container

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// audience is what a visitor may see of an appointment.
type audience struct {
	payer  bool // how to pay
	reason bool // what the patient wrote
	notes  bool // what the doctor wrote
	staff  bool // what went wrong inside
	join   bool // where a video visit is held
}

// summary is the audience of lists and of answers that are kept for replays: those hold
// no secrets and no clinical text, whoever asks.
func (v *visitor) summary() audience {
	return audience{staff: v.caller.Has(domain.RoleStaff, domain.RoleAdmin)}
}

// fullRecord is the audience of one appointment's own answer. Who only administers sees
// no clinical text.
func (v *visitor) fullRecord(a domain.Appointment) audience {
	to := v.summary()
	to.payer = v.caller.UserID == a.BookedBy
	// Whose visit it is, on either side; who only arranges it has no business in there.
	to.join = v.caller.UserID == a.AccountID || (v.caller.DoctorID == a.DoctorID && a.DoctorID != "")
	to.reason = v.caller.Has(domain.RolePatient, domain.RoleCaregiver, domain.RoleDoctor, domain.RoleStaff)
	to.notes = v.caller.Has(domain.RoleDoctor) && v.caller.DoctorID == a.DoctorID && a.DoctorID != ""
	return to
}

func (h *handlers) appointmentView(a domain.Appointment, to audience) openapi.Appointment {
	in := zone(a.Terms.Zone)
	view := openapi.Appointment{
		ID: a.ID, Status: openapi.Status(a.Status), Version: a.Version,
		DoctorID: a.DoctorID, DoctorName: a.DoctorName, PatientID: a.PatientID, TypeID: a.TypeID, TypeName: a.TypeName,
		BookedBy: a.BookedBy, StartsAt: a.Visit.Start.In(in), EndsAt: a.Visit.End.In(in),
		LocalTime: wallClock(a.Local, a.Visit.Start.In(in)), TimeZone: a.Terms.Zone, Mode: openapi.VisitMode(a.Terms.Mode),
		Terms: termsView(a.Terms), Payment: h.paymentView(a, to), Reschedules: a.Reschedules,
		CancelledBy: openapi.ActorKind(a.CancelledBy), ReasonCode: a.ReasonCode,
		CreatedAt: a.CreatedAt.In(in), UpdatedAt: a.UpdatedAt.In(in), EndedAt: local(a.EndedAt, in),
	}
	view.NoShowFee = feeView(a, in)
	switch a.Status {
	case domain.StatusRequested:
		view.PayBy = local(a.PayBy, in)
	case domain.StatusPending:
		view.AnswerBy = local(a.AnswerBy, in)
	case domain.StatusConfirmed:
		view.CheckInBy = a.Terms.VisitOver(a.Visit.End).In(in)
		if a.OverBy.After(view.CheckInBy) {
			view.CheckInBy = a.OverBy.In(in)
		}
	case domain.StatusCapturing, domain.StatusCheckedIn, domain.StatusCompleted, domain.StatusDeclined,
		domain.StatusCancelled, domain.StatusExpired, domain.StatusNoShow, domain.StatusArchived:
	}
	if to.staff {
		view.Stuck, view.PaymentCaseID = string(a.Stuck), a.CaseID
	}
	if to.join && (a.Status == domain.StatusConfirmed || a.Status == domain.StatusCheckedIn) {
		view.JoinURL = a.JoinURL
	}
	if to.reason {
		view.Reason = a.Reason
	}
	if to.notes {
		view.Notes = a.Notes
	}
	return view
}

// feeView shows what is asked for a visit that nobody came to, and who acts until when.
func feeView(a domain.Appointment, in *time.Location) openapi.NoShowFee {
	if a.Fee.Status == "" {
		return openapi.NoShowFee{}
	}
	view := openapi.NoShowFee{Status: openapi.FeeStatus(a.Fee.Status), Amount: money(a.Fee.Minor, a.Terms.Price.Currency)}
	switch a.Fee.Status {
	case domain.FeeNoticed:
		view.DisputeBy = local(a.Fee.Until, in)
	case domain.FeeDisputed:
		view.DecideBy = local(a.Fee.Until, in)
	case domain.FeeKept, domain.FeeWaived, domain.FeeWithdrawn:
	}
	return view
}

// paymentView shows the payment. What it takes to pay is shown to the payer alone, and
// only while there is something to pay: a link that outlives its hold takes money for
// nothing.
func (h *handlers) paymentView(a domain.Appointment, to audience) openapi.Payment {
	p := a.Payment
	if p.Status == "" {
		return openapi.Payment{}
	}
	view := openapi.Payment{
		Status: openapi.PaymentStatus(p.Status), Amount: money(p.Amount.Minor, p.Amount.Currency),
		Captured: money(p.Captured, p.Amount.Currency), Refunded: money(p.Refunded, p.Amount.Currency),
	}
	if to.payer && a.Status == domain.StatusRequested && p.ClientSecret != "" {
		view.ClientSecret, view.PublishableKey = p.ClientSecret, h.cfg.PublishableKey
		view.PayURL = strings.ReplaceAll(h.cfg.PayURL, "{intent}", p.IntentID)
		if view.PayURL == "" {
			view.PayURL = h.links.Pay(a.ID, a.Generation, a.Visit.End)
		}
	}
	return view
}

// clock is a local time without an offset.
const clock = "2006-01-02T15:04:05"

// wallClock is the promised local time without its offset, which stands in starts_at;
// where no promise is kept, the zone's time of today's rules.
func wallClock(promised string, start time.Time) string {
	if t, err := time.Parse(time.RFC3339, promised); err == nil {
		return t.Format(clock)
	}
	return start.Format(clock)
}

func local(t time.Time, in *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(in)
}

var zones sync.Map // name → *time.Location

// zone returns the location of an IANA name, UTC for one that is not known.
func zone(name string) *time.Location {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, loc)
	return loc
}
