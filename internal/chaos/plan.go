package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Size is how big a run is.
type Size struct {
	// Lives is how many visits are begun, races not counted.
	Lives int
	// Faults is how long things go wrong; visits are begun throughout.
	Faults time.Duration
	// Lead is how far ahead visits are wanted at least; 70 s unless set. Shorter ones make a
	// shorter run, of which fewer visits reach their reminders and tiers of refunds.
	Lead time.Duration
}

// leads are the bounds of how far ahead visits are wanted.
func (s Size) leads() (low, high time.Duration) {
	if s.Lead == 0 {
		s.Lead = 70 * time.Second
	}
	return s.Lead, s.Lead * 13 / 7
}

// Plan is everything a seed decides.
type Plan struct {
	Seed   uint64
	Size   Size
	Lives  []Life
	Faults []Fault
	// Doctors and Patients are how many there are.
	Doctors, Patients int
}

// Kind is a way a visit is meant to go. Faults may turn it into another.
type Kind string

// The kinds of visits.
const (
	Attended       Kind = "attended"        // paid, confirmed, checked in, completed
	NeverCompleted Kind = "never_completed" // checked in, and nobody says that it is over
	NoShow         Kind = "no_show"         // nobody comes, nobody says so
	NoShowMarked   Kind = "no_show_marked"  // nobody comes, and a person keeps the fee
	Abandoned      Kind = "abandoned"       // never paid
	PaidLate       Kind = "paid_late"       // paid about when the window ends
	CancelUnpaid   Kind = "cancel_unpaid"
	CancelPending  Kind = "cancel_pending"
	CancelFull     Kind = "cancel_full" // by the patient, early enough for everything
	CancelHalf     Kind = "cancel_half" // in the tier of a half
	CancelNone     Kind = "cancel_none" // too late for any refund
	CancelByClinic Kind = "cancel_by_clinic"
	Declined       Kind = "declined"
	NoAnswer       Kind = "no_answer" // the doctor stays silent
	MovedPending   Kind = "moved_pending"
	MovedConfirmed Kind = "moved_confirmed"
	RefusedCapture Kind = "refused_capture" // the bank refuses the capture, the patient pays anew
	Lapsed         Kind = "lapsed"          // the authorisation runs out before the answer
	Free           Kind = "free"
	FreeCancelled  Kind = "free_cancelled"
	Instant        Kind = "instant" // confirmed without an answer
	Race           Kind = "race"    // several want the same slot at the same instant
	MoveRace       Kind = "move_race"
	AnyDoctor      Kind = "any_doctor"     // whoever is free, and attended
	FeeUpheld      Kind = "fee_upheld"     // the patient objects to the fee, staff uphold it
	FeeWaived      Kind = "fee_waived"     // the patient objects, staff give it back
	CameAfterAll   Kind = "came_after_all" // marked as not attended by mistake
	AbsentAfterAll Kind = "absent_after_all"
	LateMoney      Kind = "late_money"     // paid after the end, while voids fail
	RefundRetried  Kind = "refund_retried" // the bank sends a refund back, staff try again
	RefundResolved Kind = "refund_resolved"
	HandRefund     Kind = "hand_refund" // staff refund at the provider, past us
	DisputeWon     Kind = "dispute_won"
	DisputeLost    Kind = "dispute_lost"
	CancelByLink   Kind = "cancel_by_link" // on the page behind the link of a letter
	MoveByLink     Kind = "move_by_link"
	LinkTwice      Kind = "link_twice"   // the same letter in two windows, at the same instant
	LettersLost    Kind = "letters_lost" // the patient's address bounces for a while
)

// mix says how often each kind comes, out of the sum.
var mix = []struct {
	kind   Kind
	weight int
}{
	{Attended, 14}, {NeverCompleted, 5}, {NoShow, 6}, {NoShowMarked, 6}, {Abandoned, 6}, {PaidLate, 6},
	{CancelUnpaid, 4}, {CancelPending, 6}, {CancelFull, 5}, {CancelHalf, 5}, {CancelNone, 5}, {CancelByClinic, 6},
	{Declined, 7}, {NoAnswer, 5}, {MovedPending, 6}, {MovedConfirmed, 7}, {RefusedCapture, 6}, {Lapsed, 4},
	{Free, 5}, {FreeCancelled, 4}, {Instant, 6}, {Race, 8}, {MoveRace, 4},
	{AnyDoctor, 6}, {FeeUpheld, 4}, {FeeWaived, 4}, {CameAfterAll, 4}, {AbsentAfterAll, 4},
	{LateMoney, 5}, {RefundRetried, 5}, {RefundResolved, 3}, {HandRefund, 4}, {DisputeWon, 3}, {DisputeLost, 3},
	{CancelByLink, 5}, {MoveByLink, 5}, {LinkTwice, 4}, {LettersLost, 6},
}

// patient are the kinds that wait for the visit itself, the longest last.
var patient = []Kind{CancelHalf, CancelNone, CameAfterAll, FeeUpheld, FeeWaived, NoShowMarked, NoShow, NeverCompleted}

// Life is one visit, or one race for a slot.
type Life struct {
	N       int
	Kind    Kind
	Begins  time.Duration // after the start of the run
	Patient int
	Rivals  []int // further patients of a race
	Doctor  int
	Lead    time.Duration // how far ahead the visit is wanted
	Slow    time.Duration // how long people take between two steps
	Again   bool          // sends each command twice, as an impatient client would
	Watch   bool          // the patient watches the timeline grow
}

// NewPlan returns what the seed decides.
func NewPlan(seed uint64, size Size) Plan {
	p := Plan{Seed: seed, Size: size, Doctors: max(12, size.Lives/2), Patients: max(12, size.Lives)}
	// Streams of their own: another way to choose faults leaves the visits as they are.
	p.Lives = planLives(stream(seed, 1), p)
	outages := planOutages(stream(seed, 4), size.Faults)
	p.Lives = append(p.Lives, planSilences(stream(seed, 5), outages, p)...)
	p.Patients += ofTheirOwn(p.Lives, p.Patients)
	p.Faults = slices.Concat(without(planSignals(stream(seed, 2), size.Faults), outages), planLies(stream(seed, 3), size.Faults), outages)
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return p
}

// stream is one of a seed's sources of chance.
func stream(seed, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, n)) //nolint:gosec // repeatable on purpose
}

func planLives(r *rand.Rand, p Plan) []Life {
	var kinds []Kind
	for _, m := range mix {
		for range m.weight {
			kinds = append(kinds, m.kind)
		}
	}
	lives := make([]Life, 0, p.Size.Lives)
	low, high := p.Size.leads()
	for n := range p.Size.Lives {
		kind := kinds[r.IntN(len(kinds))]
		if n < len(mix) {
			kind = mix[n].kind // each kind at least once, where there is room
		}
		l := Life{
			N: n, Kind: kind, Patient: r.IntN(p.Patients), Doctor: r.IntN(p.Doctors),
			Lead: between(r, low, high), Slow: between(r, 0, 3*time.Second), Again: r.IntN(4) == 0, Watch: r.IntN(3) == 0,
		}
		if kind == Race || kind == MoveRace {
			for range 5 {
				l.Rivals = append(l.Rivals, r.IntN(p.Patients))
			}
		}
		lives = append(lives, l)
	}
	r.Shuffle(len(lives), func(i, j int) { lives[i], lives[j] = lives[j], lives[i] })
	// Those that wait for the day of the visit come first: so it falls into the faults too.
	slices.SortStableFunc(lives, func(a, b Life) int { return slices.Index(patient, b.Kind) - slices.Index(patient, a.Kind) })
	for i := range lives {
		lives[i].Begins = p.Size.Faults * time.Duration(i) / time.Duration(len(lives))
	}
	return lives
}

// ofTheirOwn gives those whose letters come back an account that nobody else has: what
// arrives there depends on one life. It returns how many there are, numbered from first.
func ofTheirOwn(lives []Life, first int) (n int) {
	for i := range lives {
		if lives[i].Kind == LettersLost {
			lives[i].Patient = first + n
			n++
		}
	}
	return n
}

// untilSilence is about how long after its begin a visit's doctor has let the deadline of
// the answer pass: booking and paying takes some seconds, and the terms give 25 more.
const untilSilence = 29 * time.Second

// planSilences adds visits whose doctors' deadlines fall into the outages: nobody is to
// lose a visit by those.
func planSilences(r *rand.Rand, outages []Fault, p Plan) []Life {
	var lives []Life
	low, high := p.Size.leads()
	for _, o := range outages {
		for n := range 4 {
			lives = append(lives, Life{
				N: len(p.Lives) + len(lives), Kind: NoAnswer, Begins: o.At - untilSilence + time.Duration(n)*time.Second, Patient: r.IntN(p.Patients), Doctor: r.IntN(p.Doctors), Lead: between(r, low, high),
			})
		}
	}
	return lives
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}
