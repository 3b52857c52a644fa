package domain

import (
	"fmt"
	"time"
)

// BackupFreshness is how old the newest proven backup of a target is, of those targets
// that an installation expects to be saved.
type BackupFreshness struct {
	Target string
	// NewestAt is the newest proven restore point, UTC; zero where there never was one.
	NewestAt time.Time
	// ExpectedSince is when the target was first expected to be saved, UTC.
	ExpectedSince time.Time
}

// Age is how much would be lost now: one that never had a backup is as old as the wish
// for one.
func (f BackupFreshness) Age(now time.Time) time.Duration { return now.Sub(f.since()) }

// Stale reports whether the newest proven backup is older than limit, see RetentionPolicy.Fresh.
func (f BackupFreshness) Stale(now time.Time, limit time.Duration) bool { return f.Age(now) > limit }

func (f BackupFreshness) since() time.Time {
	if f.NewestAt.IsZero() {
		return f.ExpectedSince
	}
	return f.NewestAt
}

// AlarmBackupStale is the kind of Alarm.
const AlarmBackupStale = "backup_stale"

// Alarm is one for each time that a target goes stale: a proven backup in between makes
// the next one another.
func (f BackupFreshness) Alarm(now time.Time, limit time.Duration) Alarm {
	detail := fmt.Sprintf("the newest proven backup is of %s, which is more than %s ago", f.NewestAt.UTC().Format("2006-01-02 15:04 UTC"), limit)
	if f.NewestAt.IsZero() {
		detail = fmt.Sprintf("no backup was ever proven, for more than %s", limit)
	}
	return Alarm{
		Key:  fmt.Sprintf("%s-%s-%d", AlarmBackupStale, f.Target, f.since().Unix()),
		Kind: AlarmBackupStale, Subject: f.Target, Code: "stale", Detail: detail, At: now.UTC(),
	}
}
