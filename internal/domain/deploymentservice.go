package domain

import "time"

// DeploymentService is how one service of one environment is deployed. It comes from the
// file of services, and each deployment copies it at its start, so that an edit does not
// change one that is under way. Times are in nanoseconds in JSON.
type DeploymentService struct {
	Environment string             `json:"environment"`
	Service     string             `json:"service"`
	Strategy    DeploymentStrategy `json:"strategy"`
	// Hosts are those of OneAtATime, in the order in which they are deployed to.
	Hosts []string `json:"hosts,omitempty"`
	// Instances are wanted of each colour, and FrontDoor is where everybody else reaches the
	// service: a switch is confirmed through it.
	Instances int    `json:"instances,omitempty"`
	FrontDoor string `json:"front_door,omitempty"`
	// Steps are the percentages of requests, or of new workflows of a fleet, that the
	// release takes one after the other; the last is 100.
	Steps []int `json:"steps,omitempty"`
	// AvailableWithin bounds the time from bringing up until all instances are ready.
	AvailableWithin time.Duration `json:"available_within"`
	// Approval asks for a person's word before the switch; one that does not come within
	// ApprovalWithin ends the deployment and cleans up.
	Approval       bool          `json:"approval"`
	ApprovalWithin time.Duration `json:"approval_within"`
	// Smoke are asked of the preview before the switch.
	Smoke []SmokeTest `json:"smoke,omitempty"`
	Watch WatchPolicy `json:"watch"`
	// Warm is how long the old colour is kept ready after the last step.
	Warm time.Duration `json:"warm"`
}

// WatchPolicy says how the release is compared with the one before it while both, or the
// new one alone, take requests.
type WatchPolicy struct {
	// For is how long each step is watched, and Every the pause between two looks.
	For   time.Duration `json:"for"`
	Every time.Duration `json:"every"`
	// Fewest requests make a look conclusive.
	Fewest int `json:"fewest"`
	// MostErrors is the share of requests, from 0 to 1, that may be answered 5xx beyond the
	// old release's share.
	MostErrors float64 `json:"most_errors"`
	// MostSlower is how many times the old release's p95 the new one's may be.
	MostSlower float64 `json:"most_slower"`
}

// SmokeTest is one step of the smoke tests: an HTTP request or an SQL question with what is
// expected. They are data, kept with the release. {{name}} in Path, Body, Headers and SQL
// stands for a value that an earlier step has saved or that the worker's settings hold.
type SmokeTest struct {
	Name    string            `json:"name"`
	Method  string            `json:"method,omitempty"`
	Path    string            `json:"path,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	// Status is the answer that is expected. Within bounds the whole step.
	Status int           `json:"status,omitempty"`
	Within time.Duration `json:"within,omitempty"`
	// Contains must each be in the answer; Save keeps a value of its JSON, by dotted path,
	// under a name.
	Contains []string          `json:"contains,omitempty"`
	Save     map[string]string `json:"save,omitempty"`
	// SQL is a question with one value as its answer, which is Equals.
	SQL    string `json:"sql,omitempty"`
	Equals string `json:"equals,omitempty"`
}

// TrafficSample is what one colour has answered so far: counters, as the process exports
// them. Two samples make a rate.
type TrafficSample struct {
	At       time.Time `json:"at"`
	Requests float64   `json:"requests"`
	Errors   float64   `json:"errors"` // 5xx
	// Counts are how many were answered within each of Seconds, cumulatively; the bounds
	// ascend.
	Seconds []float64 `json:"seconds,omitempty"`
	Counts  []float64 `json:"counts,omitempty"`
}
