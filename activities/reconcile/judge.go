package reconcile

import (
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// verdict is what to do about a visit. The zero verdict is to leave it alone.
type verdict struct {
	replace bool
	// terminate the open run first: only on a person's word.
	terminate bool
	report    domain.FindingCode
}

// oftenReplaced is how many replacements within a day the reconciler tries by itself: a
// process that dies again each time needs a person, not another try.
const oftenReplaced = 3

// judge compares a row that stands still with its process. It decides for replacing only
// where the process is certainly dead, the row is certainly the process's own work and the
// cause may have passed; everything else that is odd is reported.
func judge(v domain.StandingVisit, p domain.Process, now time.Time, still time.Duration) verdict {
	rested := now.Sub(p.Since) >= still
	switch p.State {
	case domain.ProcessRunning:
		return judgeRunning(v, p, rested)
	case domain.ProcessCompleted:
		if !rested {
			return verdict{}
		}
		return verdict{report: domain.FindingProcessCompleted}
	case domain.ProcessMissing, domain.ProcessDead:
	}
	switch {
	case p.State == domain.ProcessDead && !rested:
		return verdict{}
	case !v.InTimeline:
		return verdict{report: domain.FindingVersionConflict}
	case !mayHavePassed(v.Stuck):
		return verdict{report: domain.FindingCode(v.Stuck)}
	case v.Replaced >= oftenReplaced:
		return verdict{report: domain.FindingReplacedOften}
	}
	return verdict{replace: true}
}

func judgeRunning(v domain.StandingVisit, p domain.Process, rested bool) verdict {
	switch {
	case !rested:
		return verdict{}
	case v.RunID == "":
		return verdict{report: domain.FindingNotClaimed}
	case behind(v, p):
		return verdict{report: domain.FindingVersionConflict}
	case v.Stuck != "":
		return verdict{report: domain.FindingCode(v.Stuck)}
	}
	return verdict{}
}

// behind reports whether an open run shows another visit than the row has. Each
// transition changes one of the two or leaves nothing that a process could do wrong.
func behind(v domain.StandingVisit, p domain.Process) bool {
	if p.Status != "" && p.Status != v.Status {
		return true
	}
	return !p.StartsAt.IsZero() && !p.StartsAt.Truncate(time.Millisecond).Equal(v.StartsAt.Truncate(time.Millisecond))
}

// judgeRetry is judge on the word of a person, who has looked at the visit: whatever the
// cause was, a process that does not carry the visit is replaced from the row. An open run
// is ended for that only when the row has not changed for a moment: right after a change
// the process need not know of it yet.
func judgeRetry(v domain.StandingVisit, p domain.Process, now time.Time) verdict {
	switch {
	case v.Status == domain.StatusArchived:
		return verdict{}
	case p.State == domain.ProcessRunning && (behind(v, p) || v.Stuck != ""):
		if now.Sub(v.ChangedAt) < settling {
			return verdict{report: domain.FindingVersionConflict}
		}
		return verdict{replace: true, terminate: true}
	case p.State == domain.ProcessRunning && v.RunID == "":
		return verdict{report: domain.FindingNotClaimed}
	case p.State == domain.ProcessRunning:
		return verdict{}
	}
	return verdict{replace: true}
}

// settling is how long a process may take to learn of its own transition.
const settling = 15 * time.Second

// mayHavePassed reports whether the fault that a process died of may be gone: faults of
// networks, vendors and ours, and a row that moved on without its process. A vendor's final
// no to a request of ours, or money that cannot be given back, does not pass by itself.
func mayHavePassed(code domain.Code) bool {
	switch code {
	case "", domain.CodeUnavailable, domain.CodeVendorUnavailable, domain.CodeOutcomeUnknown, domain.CodeInternal,
		domain.CodeTooMany, domain.CodeStuck, "version_conflict", "process_cancelled":
		return true
	default:
		return false
	}
}
