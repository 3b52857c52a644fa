package domain

import (
	"slices"
	"time"
)

// RetentionPolicy says which backups of a target are kept.
type RetentionPolicy struct {
	// Window is how far back every restore point is kept. Default 15 days.
	Window time.Duration
	// MinVerified is how many verified backups are kept at least, however old. Default 3.
	MinVerified int
	// Fresh is how old the newest verified backup may be for anything to be removed:
	// backups that fail in silence must not age the good ones away. Default 26 h.
	Fresh time.Duration
	// Grace is how long a backup lies under its tombstone before its bytes go. Default 3 days.
	Grace time.Duration
}

// DefaultRetention is the policy where nothing is set.
func DefaultRetention() RetentionPolicy {
	return RetentionPolicy{Window: 15 * 24 * time.Hour, MinVerified: 3, Fresh: 26 * time.Hour, Grace: 3 * 24 * time.Hour}
}

// Validate reports a policy that keeps too little to be one.
func (p RetentionPolicy) Validate() error {
	if p.Window < 24*time.Hour || p.MinVerified < 1 || p.Fresh <= 0 || p.Grace < 0 {
		return Errorf(CodeInvalid, "backups are kept for a day or more, one verified backup at least; the freshness is positive and the grace not negative")
	}
	return nil
}

// RestorePoint is a committed backup as the retention sees it.
type RestorePoint struct {
	BackupID   string
	SnapshotAt time.Time // UTC
	Verified   bool
	Held       bool // by a person: never removed
	// BuriedAt is when its tombstone was set, UTC; zero while it has none.
	BuriedAt time.Time
}

// KeepReason is why a backup is kept.
type KeepReason string

// Why a backup is kept, the first that applies.
const (
	KeepHeld     KeepReason = "held"
	KeepWindow   KeepReason = "in_window"
	KeepVerified KeepReason = "newest_verified"
	// KeepEdge is the newest verified one from before the window: without it there is no
	// restore point for the window's first hours.
	KeepEdge  KeepReason = "edge_of_window"
	KeepGrace KeepReason = "in_grace"
)

// RefuseReason is why nothing is removed at all.
type RefuseReason string

// Why nothing is removed.
const (
	RefuseNoneVerified RefuseReason = "none_verified"
	RefuseStale        RefuseReason = "newest_verified_too_old"
	RefuseClock        RefuseReason = "clock_behind_backups"
)

// RetentionDecision says what is to become of each backup. Every one is in exactly one of
// Keep, Bury and Remove; a refusal keeps them all.
type RetentionDecision struct {
	Refused RefuseReason          `json:"refused,omitempty"`
	Keep    map[string]KeepReason `json:"keep,omitempty"`
	// Bury are to get a tombstone, Raise to lose theirs (they are kept again), and Remove
	// to lose their bytes.
	Bury   []string `json:"bury,omitempty"`
	Raise  []string `json:"raise,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// clockSlack is how far a clock may differ from the one that a backup was made by.
const clockSlack = time.Hour

// Decide says what becomes of the backups of one target at now.
func (p RetentionPolicy) Decide(now time.Time, points []RestorePoint) RetentionDecision {
	points = slices.Clone(points)
	slices.SortFunc(points, func(a, b RestorePoint) int { return b.SnapshotAt.Compare(a.SnapshotAt) })
	d := RetentionDecision{Refused: p.refuse(now, points), Keep: map[string]KeepReason{}}
	edge := now.Add(-p.Window)
	verified, atEdge := 0, false
	for _, point := range points {
		reason, keep := KeepReason(""), true
		old := !point.SnapshotAt.After(edge)
		switch {
		case point.Held:
			reason = KeepHeld
		case !old:
			reason = KeepWindow
		case point.Verified && !atEdge:
			reason = KeepEdge
		case point.Verified && verified < p.MinVerified:
			reason = KeepVerified
		default:
			keep = false
		}
		if point.Verified {
			verified++
			atEdge = atEdge || old
		}
		buried := !point.BuriedAt.IsZero()
		switch {
		case keep:
			d.Keep[point.BackupID] = reason
			if buried {
				d.Raise = append(d.Raise, point.BackupID)
			}
		case d.Refused != "":
			d.Keep[point.BackupID] = KeepGrace
		case !buried:
			d.Bury = append(d.Bury, point.BackupID)
		case now.Sub(point.BuriedAt) >= p.Grace:
			d.Remove = append(d.Remove, point.BackupID)
		default:
			d.Keep[point.BackupID] = KeepGrace
		}
	}
	return d
}

// refuse looks at the newest verified backup; points are newest first.
func (p RetentionPolicy) refuse(now time.Time, points []RestorePoint) RefuseReason {
	if len(points) > 0 && points[0].SnapshotAt.Sub(now) > clockSlack {
		return RefuseClock
	}
	i := slices.IndexFunc(points, func(r RestorePoint) bool { return r.Verified && r.BuriedAt.IsZero() })
	switch {
	case i < 0:
		return RefuseNoneVerified
	case now.Sub(points[i].SnapshotAt) > p.Fresh:
		return RefuseStale
	}
	return ""
}
