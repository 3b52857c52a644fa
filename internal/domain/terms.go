package domain

import (
	"encoding/json"
	"time"
)

// Terms are what clinic and patient agreed on when the visit was booked. They are
// copied onto the appointment and never change, whatever happens to the type.
type Terms struct {
	Price Money `json:"price"`
	// BufferBefore and BufferAfter keep the doctor free around the visit.
	BufferBefore Duration `json:"buffer_before"`
	BufferAfter  Duration `json:"buffer_after"`
	// PaymentWindow is how long a held slot waits for its payment, counted from the
	// moment the patient can pay, at most PaymentWindowMax from the booking.
	PaymentWindow    Duration `json:"payment_window"`
	PaymentWindowMax Duration `json:"payment_window_max"`
	// AnswerDeadline is how long the doctor has; AnswerCutoff is how long before the
	// start an answer must have come; CaptureMargin is kept to the lapse of the funds.
	AnswerDeadline Duration `json:"answer_deadline"`
	AnswerCutoff   Duration `json:"answer_cutoff"`
	CaptureMargin  Duration `json:"capture_margin"`
	InstantConfirm bool     `json:"instant_confirm"`
	// Reminders are offsets before the start, longest first.
	Reminders []Duration `json:"reminders"`
	// RefundTiers give back a share by how long before the start a patient cancels.
	RefundTiers []RefundTier `json:"refund_tiers"`
	// NoShowGrace is waited after the end before a visit counts as not attended.
	NoShowGrace    Duration `json:"no_show_grace"`
	NoShowFeeShare int      `json:"no_show_fee_share"` // percent of the captured money
	// DisputePeriod is how long a patient may object to the fee, from the notice. Terms from
	// before it existed have none: see DisputeWindow.
	DisputePeriod   Duration `json:"dispute_period,omitzero"`
	RescheduleLimit int      `json:"reschedule_limit"` // how often a patient may move the visit
	RescheduleUntil Duration `json:"reschedule_until"` // how long before the start at the latest
	Reconfirm       bool     `json:"reconfirm"`        // a moved visit asks the doctor again
	Retention       Duration `json:"retention"`        // from the end to the archive
	// LateAfter is how late a deadline that punishes may fire before it counts as our
	// outage, FreshGrace what people get then. Zero is the constant of the same name.
	LateAfter  Duration `json:"late_after,omitzero"`
	FreshGrace Duration `json:"fresh_grace,omitzero"`
	// Zone is the IANA zone of the visit; ZoneVersion the tz database it was read in.
	Zone        string `json:"zone"`
	ZoneVersion string `json:"zone_version"`
	// Mode is how doctor and patient meet; empty means in person (bookings of older
	// releases).
	Mode VisitMode `json:"mode,omitempty"`
}

// RefundTier says: cancelled at least Before the start, Percent of the price goes back.
type RefundTier struct {
	Before  Duration `json:"before"`
	Percent int      `json:"percent"`
}

// UnmarshalJSON reads a tier from nothing. encoding/json decodes a list into the
// elements that are there already: a type's tier would else inherit what it leaves out
// from the default tier in its place.
func (t *RefundTier) UnmarshalJSON(b []byte) error {
	type plain RefundTier
	var fresh plain
	if err := json.Unmarshal(b, &fresh); err != nil {
		return err
	}
	*t = RefundTier(fresh)
	return nil
}

// DefaultTerms are the clinic-wide defaults that a type may override. The price and
// the zone are not among them.
func DefaultTerms() Terms {
	h := func(n int) Duration { return Duration(time.Duration(n) * time.Hour) }
	return Terms{
		PaymentWindow:    Duration(15 * time.Minute),
		PaymentWindowMax: h(1),
		AnswerDeadline:   h(24),
		AnswerCutoff:     h(2),
		CaptureMargin:    h(12),
		Reminders:        []Duration{h(48), h(24), h(2)},
		RefundTiers:      []RefundTier{{Before: h(24), Percent: 100}, {Before: h(4), Percent: 50}},
		NoShowGrace:      Duration(30 * time.Minute),
		NoShowFeeShare:   100,
		DisputePeriod:    Duration(DisputePeriod),
		RescheduleLimit:  2,
		RescheduleUntil:  h(4),
		Retention:        h(30 * 24),
	}
}

// Validate reports terms that contradict themselves, naming the field.
func (t Terms) Validate() error {
	if err := t.Price.Validate(); err != nil {
		return err
	}
	if t.PaymentWindow <= 0 || t.PaymentWindowMax < t.PaymentWindow {
		return Errorf(CodeInvalid, "payment_window is positive and at most payment_window_max")
	}
	if t.AnswerDeadline <= 0 || t.AnswerCutoff < 0 || t.CaptureMargin < 0 {
		return Errorf(CodeInvalid, "answer_deadline is positive, answer_cutoff and capture_margin are not negative")
	}
	if t.BufferBefore < 0 || t.BufferAfter < 0 || t.NoShowGrace < 0 || t.Retention < 0 {
		return Errorf(CodeInvalid, "buffers, no_show_grace and retention are not negative")
	}
	for _, tier := range t.RefundTiers {
		if tier.Percent < 0 || tier.Percent > 100 || tier.Before < 0 {
			return Errorf(CodeInvalid, "a refund tier gives 0 to 100 percent, counted before the start")
		}
	}
	for i, offset := range t.Reminders {
		if offset < 0 || (i > 0 && offset >= t.Reminders[i-1]) {
			return Errorf(CodeInvalid, "reminders come before the start, each offset once, from the longest to the shortest")
		}
	}
	if t.NoShowFeeShare < 0 || t.NoShowFeeShare > 100 {
		return Errorf(CodeInvalid, "no_show_fee_share is 0 to 100 percent of the captured money")
	}
	if t.DisputePeriod < 0 || t.LateAfter < 0 || t.FreshGrace < 0 {
		return Errorf(CodeInvalid, "dispute_period, late_after and fresh_grace are not negative")
	}
	if t.RescheduleLimit < 0 || t.RescheduleUntil < 0 {
		return Errorf(CodeInvalid, "reschedule_limit and reschedule_until are not negative")
	}
	if _, err := time.LoadLocation(t.Zone); err != nil || t.Zone == "" || t.Zone == "Local" {
		return Errorf(CodeInvalidTimeZone, "%q is not an IANA time zone such as Europe/Berlin", t.Zone)
	}
	return nil
}

// RefundPercent returns the share that goes back when actor cancels at now a visit
// that starts at start: all of it when the clinic cancels, by tier when the patient does.
func (t Terms) RefundPercent(actor ActorKind, now, start time.Time) int {
	if actor != ActorPatient {
		return 100
	}
	best, found := Duration(-1), 0
	left := Duration(start.Sub(now))
	for _, tier := range t.RefundTiers {
		if left >= tier.Before && tier.Before > best {
			best, found = tier.Before, tier.Percent
		}
	}
	return found
}
