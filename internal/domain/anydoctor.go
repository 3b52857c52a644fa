package domain

import (
	"cmp"
	"slices"
	"time"
)

// AnyDoctor says whom a patient would see who does not ask for one doctor. Every field
// that is set narrows the choice.
type AnyDoctor struct {
	Speciality string // the whole of it, whatever its case and accents
	DoctorIDs  []string
	TypeIDs    []string
	Language   string // BCP 47: "de" is also spoken by who speaks "de-AT"
	TypeName   string // the whole of it, whatever its case and accents
	Mode       VisitMode
	Duration   time.Duration // of the visit; zero is any
	MaxPrice   *Money        // leaves out what costs more, or is priced in another currency
}

// MaxCandidates is how many doctors' kinds of visit one search or booking considers.
const MaxCandidates = 200

// Bookable reports whether the choice says what the visit is about: a search may look at
// the whole clinic, a booking would end up with anybody.
func (a AnyDoctor) Bookable() bool {
	return a.Speciality != "" || a.TypeName != "" || len(a.DoctorIDs) > 0 || len(a.TypeIDs) > 0
}

// JointSlot is a start at which at least one of several doctors is free. Prices and
// Durations are those of the visits that can start then, each once, smallest first.
type JointSlot struct {
	Start     time.Time
	Doctors   int
	Prices    []Money
	Durations []Duration
}

// JointSlots lists the starts within span at which any of the candidates is free, oldest
// first and at most limit; more says that others follow. It reads the candidates a day at
// a time, so that a page costs no more than the days it shows.
func JointSlots(candidates []Availability, span Window, limit int, now time.Time) (slots []JointSlot, more bool, err error) {
	const step = 24 * time.Hour
	for from := span.Start; from.Before(span.End); from = from.Add(step) {
		part := Window{Start: from, End: from.Add(step)}
		if part.End.After(span.End) {
			part.End = span.End
		}
		found, err := jointSlots(candidates, part, now)
		if err != nil {
			return nil, false, err
		}
		slots = append(slots, found...)
		if len(slots) > limit {
			return slots[:limit], true, nil
		}
	}
	return slots, false, nil
}

func jointSlots(candidates []Availability, span Window, now time.Time) ([]JointSlot, error) {
	type offered struct {
		JointSlot
		doctors map[string]bool
	}
	byStart := map[int64]*offered{}
	for _, c := range candidates {
		free, err := Slots(c.Schedule, c.Type.Rules, c.Type.Terms, c.Busy, span, now)
		if err != nil {
			return nil, err
		}
		for _, slot := range free {
			o := byStart[slot.Start.UnixNano()]
			if o == nil {
				o = &offered{JointSlot: JointSlot{Start: slot.Start}, doctors: map[string]bool{}}
				byStart[slot.Start.UnixNano()] = o
			}
			o.doctors[c.Type.DoctorID] = true
			o.Doctors = len(o.doctors)
			o.Prices = insertOnce(o.Prices, c.Type.Terms.Price, compareMoney)
			o.Durations = insertOnce(o.Durations, c.Type.Rules.Duration, cmp.Compare)
		}
	}
	slots := make([]JointSlot, 0, len(byStart))
	for _, o := range byStart {
		slots = append(slots, o.JointSlot)
	}
	slices.SortFunc(slots, func(a, b JointSlot) int { return a.Start.Compare(b.Start) })
	return slots, nil
}

func insertOnce[T any](sorted []T, v T, compare func(a, b T) int) []T {
	at, known := slices.BinarySearchFunc(sorted, v, compare)
	if known {
		return sorted
	}
	return slices.Insert(sorted, at, v)
}

func compareMoney(a, b Money) int {
	return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Minor, b.Minor))
}

// SharedZone is the IANA zone in which several doctors' times are told: theirs where they
// share one, else UTC.
func SharedZone(candidates []Availability) string {
	for i, c := range candidates {
		if c.Schedule.Zone != candidates[0].Schedule.Zone {
			return "UTC"
		}
		if i == len(candidates)-1 {
			return c.Schedule.Zone
		}
	}
	return "UTC"
}

// Candidate is a doctor's kind of visit that an any-doctor booking may take. Visits is how
// many the doctor has on the local day of the visit.
type Candidate struct {
	DoctorID, TypeID string
	Price            Money
	Visits           int
}

// FairOrder sorts candidates as they are tried: who has the fewest visits that day first.
// Between equals the doctor's ID decides, and of one doctor's own kinds of visit the price,
// the lowest first, then the ID: the same question gets the same order.
func FairOrder(candidates []Candidate) {
	slices.SortFunc(candidates, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Visits, b.Visits), cmp.Compare(a.DoctorID, b.DoctorID),
			compareMoney(a.Price, b.Price), cmp.Compare(a.TypeID, b.TypeID))
	})
}

// LocalDay is the whole local day of an instant in the schedule's zone.
func (s Schedule) LocalDay(t time.Time) (Window, error) {
	loc, err := time.LoadLocation(s.Zone)
	if err != nil {
		return Window{}, Errorf(CodeInvalidTimeZone, "%q is not an IANA time zone", s.Zone).Because(err)
	}
	y, m, d := t.In(loc).Date()
	return Window{Start: time.Date(y, m, d, 0, 0, 0, 0, loc).UTC(), End: time.Date(y, m, d+1, 0, 0, 0, 0, loc).UTC()}, nil
}
