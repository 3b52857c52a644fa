package domain

import "fmt"

// BuildID names the workers of a release to Temporal, and so in CAREFLOW_WORKER_BUILD_ID:
// twelve hex digits of its digest.
func (r Release) BuildID() string { return BuildIDOf(r.Digest) }

// BuildIDOf is the build ID of a digest, "" of none.
func BuildIDOf(digest string) string {
	const prefix, digits = len("sha256:"), 12
	if !ValidDigest(digest) {
		return ""
	}
	return digest[prefix : prefix+digits]
}

// FleetRoute says which workers get the work of a fleet. A share of the processes, new ones
// and those that follow the newest version, goes to Ramping; pinned ones stay where they
// began.
type FleetRoute struct {
	Current string `json:"current,omitempty"` // build ID; "" for workers without a version
	Ramping string `json:"ramping,omitempty"` // build ID, "" for none
	Share   int    `json:"share,omitempty"`   // percent
}

func (r FleetRoute) String() string {
	current := r.Current
	if current == "" {
		current = "workers without a version"
	}
	if r.Ramping == "" {
		return current
	}
	return fmt.Sprintf("%s, %d %% to %s", current, r.Share, r.Ramping)
}

// FleetLook is what a fleet looks like at an instant.
type FleetLook struct {
	Route FleetRoute `json:"route"`
	// Troubled are processes whose code fails again and again, on whatever version; Stuck are
	// those that need a person.
	Troubled int `json:"troubled"`
	Stuck    int `json:"stuck"`
	// Old and New count the processes that the version before and the release have taken on,
	// and those of them that failed.
	Old TrafficSample `json:"old"`
	New TrafficSample `json:"new"`
	// Pinned are open jobs that end on the old version, and Deployments those of them that
	// are deployments themselves, this one among them.
	Pinned      int `json:"pinned"`
	Deployments int `json:"deployments"`
}

// JudgeFleet compares a fleet with what it was before the release got any work.
func (p WatchPolicy) JudgeFleet(before, now FleetLook) WatchVerdict {
	switch {
	case now.Troubled > before.Troubled:
		return WatchVerdict{Outcome: WatchFailed, Reason: fmt.Sprintf("the code of %d processes fails again and again; before it was %d", now.Troubled, before.Troubled)}
	case now.Stuck > before.Stuck:
		return WatchVerdict{Outcome: WatchFailed, Reason: fmt.Sprintf("%d processes need a person; before it was %d", now.Stuck, before.Stuck)}
	}
	return p.Judge(TrafficWindow{To: before.Old}, TrafficWindow{From: before.New, To: now.New})
}
