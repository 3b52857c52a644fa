package domain

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// DeploymentStrategy is how a release takes the place of the one before it.
type DeploymentStrategy string

// The strategies.
const (
	// BlueGreen brings the release up beside the live one and moves a switch.
	BlueGreen DeploymentStrategy = "blue_green"
	// OneAtATime goes from host to host, with the lifecycle events of each.
	OneAtATime DeploymentStrategy = "one_at_a_time"
	// WorkerFleet ramps a version of Temporal workers up.
	WorkerFleet DeploymentStrategy = "worker_fleet"
	// Train is several services in an order, each by its own strategy.
	Train DeploymentStrategy = "train"
)

// Release is what is deployed: named by its digest, which is all that is ever compared.
type Release struct {
	Version string `json:"version"` // for people, such as "1.8.0"
	Digest  string `json:"digest"`  // "sha256:" and 64 hex digits of image or bundle
	// Artifact is where it is found: an image without a tag, or the URL or path of a bundle.
	Artifact string `json:"artifact"`
	// Schema is what the release does to the database.
	Schema ReleaseSchema `json:"schema,omitempty"`
}

// ReleaseSchema says what a release does to the database before it starts.
type ReleaseSchema string

// What a release does to the database.
const (
	// SchemaSame changes nothing.
	SchemaSame ReleaseSchema = ""
	// SchemaExpands only adds: the release before it goes on working beside it and after a
	// rollback.
	SchemaExpands ReleaseSchema = "expands"
	// SchemaBreaks is refused: take it apart into a release that expands and a later one
	// that contracts.
	SchemaBreaks ReleaseSchema = "breaks"
)

// Colour is one of the two places of a blue/green service.
type Colour string

// The colours.
const (
	Blue  Colour = "blue"
	Green Colour = "green"
)

// Other returns the other colour.
func (c Colour) Other() Colour {
	if c == Blue {
		return Green
	}
	return Blue
}

// ColourState is what one colour holds.
type ColourState struct {
	Digest  string `json:"digest,omitempty"` // "" where nothing was ever brought up
	Version string `json:"version,omitempty"`
	// Artifact is where the release was found: it can be brought up again from there.
	Artifact string `json:"artifact,omitempty"`
	Ready    int    `json:"ready"`  // instances that take requests
	Wanted   int    `json:"wanted"` // instances that should
	// Preview is where it can be reached past the switch, such as "http://10.0.0.7:8080".
	Preview string `json:"preview,omitempty"`
	// Instances are where each one is reached: what they count is added up.
	Instances []string `json:"instances,omitempty"`
}

// Release is what the colour holds; its Digest is empty where that is nothing.
func (s ColourState) Release() Release {
	return Release{Version: s.Version, Digest: s.Digest, Artifact: s.Artifact}
}

// Whole reports whether the colour holds the release and every instance takes requests.
func (s ColourState) Whole(digest string) bool {
	return s.Digest == digest && s.Wanted > 0 && s.Ready >= s.Wanted
}

// ColoursState is what a blue/green service looks like.
type ColoursState struct {
	// Live takes at least half of the requests.
	Live Colour `json:"live"`
	// Share is the percentage of requests that go to the colour that is not live; 0 but
	// while a switch goes in steps.
	Share int `json:"share,omitempty"`
	// Revision changes whenever anybody changes the switch: a switch names the revision
	// that it was decided on.
	Revision string                 `json:"revision"`
	Colours  map[Colour]ColourState `json:"colours"`
}

// ShareOf is the percentage of requests that a colour gets.
func (s ColoursState) ShareOf(c Colour) int {
	if c == s.Live {
		return 100 - s.Share
	}
	return s.Share
}

// DeploymentState is how far a deployment has come.
type DeploymentState string

// The states of a deployment.
const (
	DeploymentRunning    DeploymentState = "running"
	DeploymentWaiting    DeploymentState = "waiting_for_approval"
	DeploymentPaused     DeploymentState = "paused" // by a person, by drift or by an inconclusive watch
	DeploymentWarm       DeploymentState = "warm"   // done; the old one is kept ready for a rollback
	DeploymentRolling    DeploymentState = "rolling_back"
	DeploymentSucceeded  DeploymentState = "succeeded"
	DeploymentRolledBack DeploymentState = "rolled_back" // the old release is back, or never left
	DeploymentAborted    DeploymentState = "aborted"     // by a person or an approval that did not come; nothing was switched
	DeploymentFailed     DeploymentState = "failed"      // before anything was switched
)

// Ended reports whether nothing more will happen.
func (s DeploymentState) Ended() bool {
	return slices.Contains([]DeploymentState{DeploymentSucceeded, DeploymentRolledBack, DeploymentAborted, DeploymentFailed}, s)
}

// DeploymentRecord is what became of a deployment, as the database keeps it.
type DeploymentRecord struct {
	NewDeployment
	State DeploymentState
	Step  string // the newest step
	// Previous is the digest that was live before; "" where there was none, or nobody has
	// looked yet.
	Previous string
	Error    Code
	Detail   string
	EndedAt  time.Time // zero while it goes on
	// Steps are all of them, without their output, where one deployment is read.
	Steps []DeploymentStep
}

// DeploymentFilter says which deployments to list, and where to go on.
type DeploymentFilter struct {
	Environment, Service string
	State                DeploymentState
	BeforeAt             time.Time
	BeforeID             string
	Limit                int
}

// NewDeployment is a deployment that begins.
type NewDeployment struct {
	DeploymentID string             `json:"deployment_id"` // the first run ID of its workflow
	Environment  string             `json:"environment"`
	Service      string             `json:"service"`
	Strategy     DeploymentStrategy `json:"strategy"`
	Release      Release            `json:"release"`
	By           string             `json:"by"`     // user ID, or "" for a train's
	Reason       string             `json:"reason"` // what the person wrote
	At           time.Time          `json:"at"`     // UTC
}

// DeploymentStep is one transition of a deployment, kept for ever: who, why, what, how long,
// and what it printed.
type DeploymentStep struct {
	DeploymentID string `json:"deployment_id"`
	// Seq counts the steps of a deployment from 1; the same one again changes nothing.
	Seq    int             `json:"seq"`
	Name   string          `json:"name"`           // such as "switch", "BeforeInstall"
	Host   string          `json:"host,omitempty"` // where it ran, if on one host
	Digest string          `json:"digest,omitempty"`
	State  DeploymentState `json:"state"` // the deployment's, after it
	// Previous is the digest that was live before, on the step that finds it out.
	Previous string    `json:"previous,omitempty"`
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Started  time.Time `json:"started"` // UTC
	// Ended is zero while the step is under way.
	Ended time.Time `json:"ended"`
	StepOutcome
	// Error and Detail say what went wrong; Detail is safe to show.
	Error  Code   `json:"error,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// StepOutcome is what a step came to.
type StepOutcome struct {
	ExitCode int `json:"exit_code"`
	// Output is the last 64 KiB of what it printed.
	Output string `json:"output,omitempty"`
}

// MostOutput bounds what is kept of what a step printed, in bytes.
const MostOutput = 64 << 10

var (
	deploymentName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)
	releaseDigest  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// ValidDeploymentName reports whether name can name an environment, a service or a host: it
// is part of workflow IDs and task queues.
func ValidDeploymentName(what, name string) error {
	if !deploymentName.MatchString(name) {
		return Errorf(CodeInvalid, "%s is named by lower-case letters, digits and -, at most 31, beginning with a letter; %q is not", what, name)
	}
	return nil
}

// withPassword reports a URL that holds credentials. It parses none: a workflow asks, whose
// code the check for determinism has to follow.
func withPassword(artifact string) bool {
	_, host, isURL := strings.Cut(artifact, "://")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	return isURL && strings.Contains(host, "@")
}

// Validate reports a release that cannot be deployed: CodeInvalid.
func (r Release) Validate() error {
	switch {
	case !releaseDigest.MatchString(r.Digest):
		return Errorf(CodeInvalid, "a release is named by its digest, sha256: and 64 hex digits, not by a tag")
	case r.Version == "" || len(r.Version) > 100 || strings.ContainsAny(r.Version, " \n\t"):
		return Errorf(CodeInvalid, "a release has a version, at most 100 characters and no spaces")
	case r.Artifact == "" || len(r.Artifact) > 500:
		return Errorf(CodeInvalid, "a release says where its image or bundle is found, in at most 500 characters")
	case withPassword(r.Artifact):
		return Errorf(CodeInvalid, "the place of a release is kept and shown, and holds a user's name or password: give the hosts their credentials instead")
	case r.Schema != SchemaSame && r.Schema != SchemaExpands && r.Schema != SchemaBreaks:
		return Errorf(CodeInvalid, "what a release does to the database is expands, breaks, or nothing; %q is not known", r.Schema)
	case r.Schema == SchemaBreaks:
		return Errorf(CodeInvalid, "this release breaks the one before it: take it apart into one that only adds to the database and a later one that removes")
	}
	return nil
}
