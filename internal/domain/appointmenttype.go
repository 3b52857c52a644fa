package domain

import (
	"net/url"
	"strings"
	"time"
)

// VisitMode is how doctor and patient meet.
type VisitMode string

// The modes of a visit.
const (
	InPerson   VisitMode = "in_person"
	Telehealth VisitMode = "telehealth"
)

// AppointmentType is a kind of visit one doctor offers.
type AppointmentType struct {
	ID       string
	DoctorID string
	Version  int // counts the edits, from 1
	Name     string
	Mode     VisitMode
	Active   bool // an inactive one takes no bookings; booked visits stay
	Rules    SlotRules
	// JoinURL is where telehealth visits are held, https; "" while the clinic has not said.
	JoinURL string
	// OwnPrice is nil where the doctor's consultation fee applies.
	OwnPrice *Money
	// Terms hold the effective price (the type's, or the doctor's consultation fee)
	// and the doctor's zone: what a booking would copy.
	Terms Terms
}

// maxPaymentWindow is the longest that an unpaid booking keeps a slot from others.
const maxPaymentWindow = 60 * time.Minute

// ValidateSetup reports a type that cannot be saved: beyond terms that contradict
// themselves, those that would surprise a patient or never offer a slot. Price and zone
// of the terms are judged where there are any.
func (a AppointmentType) ValidateSetup() error {
	if strings.TrimSpace(a.Name) == "" {
		return Errorf(CodeInvalid, "an appointment type has a name")
	}
	if a.Mode != InPerson && a.Mode != Telehealth {
		return Errorf(CodeInvalid, "mode is %s or %s", InPerson, Telehealth)
	}
	if err := a.validJoinURL(); err != nil {
		return err
	}
	r, t := a.Rules, a.Terms
	if r.Duration <= 0 || r.Step <= 0 || r.Duration.Std() > 24*time.Hour || r.Step.Std() > 24*time.Hour {
		return Errorf(CodeInvalid, "duration and slot_step are positive and at most a day")
	}
	if r.MinimumNotice < 0 || r.BookingWindow <= 0 || r.MinimumNotice >= r.BookingWindow {
		return Errorf(CodeInvalid, "minimum_notice is shorter than booking_window: else no slot is ever offered")
	}
	if !t.InstantConfirm && t.AnswerCutoff >= r.BookingWindow {
		return Errorf(CodeInvalid, "answer_cutoff is shorter than booking_window: else no slot is ever offered")
	}
	if t.PaymentWindowMax.Std() > maxPaymentWindow {
		return Errorf(CodeInvalid, "payment_window_max is at most 60 minutes: an unpaid booking keeps the slot from others")
	}
	if a.OwnPrice != nil {
		if err := a.OwnPrice.Validate(); err != nil {
			return err
		}
	}
	for i, tier := range t.RefundTiers {
		for _, other := range t.RefundTiers[:i] {
			if other.Before == tier.Before {
				return Errorf(CodeInvalid, "refund_tiers: each time before the start is there once")
			}
			if (tier.Before > other.Before) != (tier.Percent > other.Percent) && tier.Percent != other.Percent {
				return Errorf(CodeInvalid, "refund_tiers: who cancels earlier gets no less back")
			}
		}
	}
	// What is judged beside price and zone, which are the doctor's where the type has none.
	t.Price, t.Zone = Money{Currency: "EUR"}, "UTC"
	return t.Validate()
}

func (a AppointmentType) validJoinURL() error {
	if a.JoinURL == "" {
		return nil
	}
	if a.Mode != Telehealth {
		return Errorf(CodeInvalid, "join_url belongs to telehealth types: leave it out, or set mode to telehealth")
	}
	if u, err := url.Parse(a.JoinURL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return Errorf(CodeInvalid, "join_url is an https:// address without a user name")
	}
	return nil
}
