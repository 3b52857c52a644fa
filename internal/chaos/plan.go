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
}

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
}

// Fault is something that goes wrong for a while.
type Fault struct {
	At    time.Duration
	Kind  FaultKind
	Part  string        // a part of the stack; empty for a vendor's fault
	Lasts time.Duration // of a stop
	// Vendor faults: what the sandbox is told.
	Vendor, Match, Mode string
	Status, Count       int
	Latency             time.Duration
}

// FaultKind is a sort of fault.
type FaultKind string

// The sorts of faults.
const (
	Kill   FaultKind = "kill"   // kill -9; the stack's supervisor starts it again
	Stop   FaultKind = "stop"   // SIGSTOP, and SIGCONT later
	Lie    FaultKind = "lie"    // a vendor answers wrongly
	Resend FaultKind = "resend" // the provider sends every owed webhook again at once
)

// Parts of the stack as its supervisor calls them. The relay lives in the worker.
const (
	API      = "api"
	Worker   = "worker"
	Temporal = "Temporal"
	Postgres = "PostgreSQL"
)

// supervisorPause is kept between two kills of a part without which nothing works: the
// supervisor gives the stack up when such a part dies five times in a row, each time
// within half a minute.
const supervisorPause = 32 * time.Second

// NewPlan returns what the seed decides.
func NewPlan(seed uint64, size Size) Plan {
	p := Plan{Seed: seed, Size: size, Doctors: max(6, size.Lives/4), Patients: max(12, size.Lives*2/3)}
	// Streams of their own: another way to choose faults leaves the visits as they are.
	p.Lives = planLives(stream(seed, 1), p)
	p.Faults = append(planSignals(stream(seed, 2), size.Faults), planLies(stream(seed, 3), size.Faults)...)
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
	for n := range p.Size.Lives {
		kind := kinds[r.IntN(len(kinds))]
		if n < len(mix) {
			kind = mix[n].kind // each kind at least once, where there is room
		}
		l := Life{
			N: n, Kind: kind, Patient: r.IntN(p.Patients), Doctor: r.IntN(p.Doctors),
			Lead: between(r, 70*time.Second, 130*time.Second), Slow: between(r, 0, 3*time.Second), Again: r.IntN(4) == 0,
		}
		if kind == Race || kind == MoveRace {
			for range 5 {
				l.Rivals = append(l.Rivals, r.IntN(p.Patients))
			}
		}
		lives = append(lives, l)
	}
	r.Shuffle(len(lives), func(i, j int) { lives[i], lives[j] = lives[j], lives[i] })
	for i := range lives {
		lives[i].Begins = p.Size.Faults * time.Duration(i) / time.Duration(len(lives))
	}
	return lives
}

// planSignals kills and stops parts, mostly the product's own, with pauses in which
// something can happen.
func planSignals(r *rand.Rand, length time.Duration) []Fault {
	parts := []string{API, API, Worker, Worker, Worker, Temporal, Postgres}
	var faults []Fault
	killed := map[string]time.Duration{}
	for at := between(r, 3*time.Second, 8*time.Second); at < length; at += between(r, 3*time.Second, 11*time.Second) {
		f := Fault{At: at, Kind: Kill, Part: parts[r.IntN(len(parts))]}
		last, before := killed[f.Part]
		vital := f.Part == Temporal || f.Part == Postgres
		if r.IntN(3) == 0 || vital && before && at-last < supervisorPause {
			f.Kind, f.Lasts = Stop, between(r, time.Second, 12*time.Second)
		} else {
			killed[f.Part] = at
		}
		faults = append(faults, f)
	}
	return faults
}

// lies are the faults of vendors a plan chooses from.
var lies = []Fault{
	{Vendor: "stripe", Match: "POST /v1/payment_intents", Mode: "drop_after"},
	{Vendor: "stripe", Match: "POST /v1/payment_intents", Mode: "fail_after", Status: 500},
	{Vendor: "stripe", Match: "POST /v1/payment_intents/*/capture", Mode: "drop_after"},
	{Vendor: "stripe", Match: "POST /v1/payment_intents/*/capture", Mode: "fail", Status: 500},
	{Vendor: "stripe", Match: "POST /v1/payment_intents/*/capture", Mode: "fail_after", Status: 500},
	{Vendor: "stripe", Match: "POST /v1/payment_intents/*/cancel", Mode: "drop_after"},
	{Vendor: "stripe", Match: "POST /v1/payment_intents/*/cancel", Mode: "fail", Status: 500},
	{Vendor: "stripe", Match: "POST /v1/refunds", Mode: "drop_after"},
	{Vendor: "stripe", Match: "POST /v1/refunds", Mode: "fail_after", Status: 500},
	{Vendor: "stripe", Match: "POST /v1/refunds", Mode: "fail", Status: 500},
	{Vendor: "stripe", Mode: "fail", Status: 429},
	{Vendor: "stripe", Mode: "fail", Status: 503},
	{Vendor: "stripe", Mode: "drop"},
	{Vendor: "stripe", Mode: "latency", Latency: 4 * time.Second},
	{Vendor: "sendgrid", Mode: "fail", Status: 500},
	{Vendor: "sendgrid", Mode: "fail", Status: 429},
	{Vendor: "sendgrid", Mode: "drop"},
	{Vendor: "sendgrid", Mode: "drop_after"},
	{Vendor: "sendgrid", Mode: "fail_after", Status: 500},
	{Vendor: "sendgrid", Mode: "latency", Latency: 3 * time.Second},
	{Vendor: "webhook", Match: "payment_intent.*", Mode: "lost"},
	{Vendor: "webhook", Mode: "doubled"},
	{Vendor: "webhook", Mode: "late", Latency: 8 * time.Second},
	{Vendor: "webhook", Mode: "reordered"},
}

// planLies tells each lie once at least, in an order of the seed's, and then more.
func planLies(r *rand.Rand, length time.Duration) []Fault {
	const apart = 1500 * time.Millisecond
	var faults []Fault
	for at := time.Second; at < length; {
		for _, i := range r.Perm(len(lies)) {
			f := lies[i]
			f.Kind, f.At, f.Count = Lie, at, 1+r.IntN(4)
			faults = append(faults, f)
			at += between(r, apart, 2*apart)
			if r.IntN(10) == 0 {
				faults = append(faults, Fault{At: at, Kind: Resend})
			}
		}
	}
	return slices.DeleteFunc(faults, func(f Fault) bool { return f.At >= length })
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}
