package chaos

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Fault is something that goes wrong for a while.
type Fault struct {
	At    time.Duration
	Kind  FaultKind
	Part  string        // a part of the stack; empty for a vendor's fault
	Lasts time.Duration // of a stop or an outage
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
	// Outage stops all parts together for longer than the terms let a deadline be late.
	Outage FaultKind = "outage"
)

// Parts of the stack as its supervisor calls them. The relay lives in the worker.
const (
	API      = "api"
	Worker   = "worker"
	Saver    = "backup-worker"
	Temporal = "Temporal"
	Postgres = "PostgreSQL"
)

// supervisorPause is kept between two kills of a part without which nothing works: the
// supervisor gives the stack up when such a part dies five times in a row, each time
// within half a minute.
const supervisorPause = 32 * time.Second

// planSignals kills and stops parts, mostly the product's own, with pauses in which
// something can happen.
func planSignals(r *rand.Rand, length time.Duration) []Fault {
	parts := []string{API, API, Worker, Worker, Worker, Saver, Saver, Temporal, Postgres}
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

// outageEvery is how much of a run has one outage: visits need time between two, and a
// shorter run has none.
const outageEvery = time.Minute

// planOutages keeps everything down at once, somewhere in the middle of each stretch of a
// run: deadlines fall due of which nobody could tell in time.
func planOutages(r *rand.Rand, length time.Duration) []Fault {
	var faults []Fault
	for from := time.Duration(0); from+outageEvery <= length; from += outageEvery {
		faults = append(faults, Fault{Kind: Outage, At: from + between(r, outageEvery/2, outageEvery*7/10), Lasts: between(r, lateAfter+7*time.Second, lateAfter+14*time.Second)})
	}
	return faults
}

// without leaves out the signals that come during an outage: they would bring parts back.
func without(signals, outages []Fault) []Fault {
	return slices.DeleteFunc(signals, func(f Fault) bool {
		return slices.ContainsFunc(outages, func(o Fault) bool { return f.At > o.At-time.Second && f.At < o.At+o.Lasts+time.Second })
	})
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
