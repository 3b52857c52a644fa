package domain

import "time"

// Alarm is news that the people who run an installation must hear of: once for each Key.
// It holds nothing personal.
type Alarm struct {
	Key     string    `json:"key"`
	Kind    string    `json:"kind"`    // backup_failed, backup_rejected, ...
	Subject string    `json:"subject"` // what it is about, such as the target of a backup
	Ref     string    `json:"ref,omitempty"`
	Code    Code      `json:"code,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	At      time.Time `json:"at"` // UTC
}

// AlarmState is how far an alarm has come.
type AlarmState string

// The states of an alarm.
const (
	AlarmPending AlarmState = "pending"
	AlarmSent    AlarmState = "sent"
	AlarmUnsent  AlarmState = "unsent" // nobody is named to be told, or the mail was refused
)

// KeptAlarm is how far an alarm has come.
type KeptAlarm struct {
	ID    string
	State AlarmState
	// Told are the addresses that it was sent to.
	Told []string
}
