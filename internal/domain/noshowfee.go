package domain

import "time"

// FeeStatus is where the fee for a visit that nobody came to stands.
type FeeStatus string

// The statuses of a no-show fee. While it is noticed or disputed the money is withheld,
// not kept.
const (
	FeeNoticed   FeeStatus = "noticed"   // the patient is told and may object
	FeeDisputed  FeeStatus = "disputed"  // the patient objected: staff decide
	FeeKept      FeeStatus = "kept"      // nobody objected in time, or staff upheld it
	FeeWaived    FeeStatus = "waived"    // goes back
	FeeWithdrawn FeeStatus = "withdrawn" // the visit took place after all
)

// Open reports whether nobody knows yet whether the fee is kept.
func (s FeeStatus) Open() bool { return s == FeeNoticed || s == FeeDisputed }

// NoShowFee is the part of the captured money that the clinic wants to keep for a visit
// that a person marked as not attended. The zero value is no fee.
type NoShowFee struct {
	Status FeeStatus `json:"status"`
	Minor  int64     `json:"minor"` // of the currency of the price
	// Until is when the patient may object at the latest (noticed), or staff decide
	// (disputed), UTC; zero once it is settled.
	Until time.Time `json:"until,omitzero"`
}

// How long people have.
const (
	// DisputePeriod is how long a patient may object, for terms that do not say.
	DisputePeriod = 72 * time.Hour
	// DecisionPeriod is how long staff have to decide about an objection. After it the
	// patient is right.
	DecisionPeriod = 14 * 24 * time.Hour
	// CorrectionPeriod is how long after the end of a visit staff may say that it took
	// place after all, or that nobody came after all.
	CorrectionPeriod = 7 * 24 * time.Hour
)

// DisputeWindow is how long a patient may object to the fee. Visits booked before terms
// named a period have the usual one: they agreed to the fee, and to hear of it first
// takes nothing from them.
func (t Terms) DisputeWindow() time.Duration { return orElse(t.DisputePeriod, DisputePeriod) }

// NoShowFee returns the fee of a visit whose captured money is partly refunded already,
// in minor units: money that has gone back is not taken again.
func (t Terms) NoShowFee(captured, refunded int64) int64 {
	share := Money{Minor: captured, Currency: t.Price.Currency}.Percent(t.NoShowFeeShare).Minor
	return max(0, min(share, captured-refunded))
}

// NoticeCheck says what follows at the end of the dispute period from when the notice
// was sent (zero: never): the fee is kept, the patient gets the rest of a period that
// began late, or the fee is waived, because nobody was told. again is when to look again.
func (t Terms) NoticeCheck(sent, now time.Time) (told bool, again time.Time) {
	if sent.IsZero() {
		return false, time.Time{}
	}
	end := sent.Add(t.DisputeWindow())
	if t.Late(now, end) { // the letter left late, by more than a hiccup
		return true, end
	}
	return true, time.Time{}
}
