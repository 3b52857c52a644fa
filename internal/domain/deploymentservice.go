package domain

import (
	"slices"
	"strings"
	"time"
)

// DeploymentService is how one service of one environment is deployed. It comes from the
// file of services, and each deployment copies it at its start, so that an edit does not
// change one that is under way. Times are in nanoseconds in JSON.
type DeploymentService struct {
	Environment string             `json:"environment"`
	Service     string             `json:"service"`
	Strategy    DeploymentStrategy `json:"strategy"`
	// Hosts are those of OneAtATime, in the order in which they are deployed to.
	Hosts []string `json:"hosts,omitempty"`
	// Balancer is the host whose agent reaches the load balancer before Hosts. Without one no
	// requests are moved.
	Balancer string `json:"balancer,omitempty"`
	// Fleet is the fleet of WorkerFleet, by the name that its workers have in
	// CAREFLOW_WORKER_DEPLOYMENT.
	Fleet string `json:"fleet,omitempty"`
	// Instances are wanted of each colour, and FrontDoor is where everybody else reaches the
	// service: a switch is confirmed through it, at FrontPath, which is open to everybody.
	Instances int    `json:"instances,omitempty"`
	FrontDoor string `json:"front_door,omitempty"`
	FrontPath string `json:"front_path,omitempty"`
	// ReadyPath answers 200 once an instance takes requests, and every answer carries the
	// release's digest in the header VersionHeader.
	ReadyPath     string `json:"ready_path,omitempty"`
	VersionHeader string `json:"version_header,omitempty"`
	// Database is the target of backups that a release with SchemaExpands changes: it must
	// have been proven within BackupWithin. Such a release is refused where it is empty.
	Database     string        `json:"database,omitempty"`
	BackupWithin time.Duration `json:"backup_within,omitempty"`
	// Steps are the percentages of requests, or of new workflows of a fleet, that the
	// release takes one after the other; the last is 100.
	Steps []int `json:"steps,omitempty"`
	// AvailableWithin bounds the time from bringing up until all instances are ready.
	AvailableWithin time.Duration `json:"available_within"`
	// Approval asks for a person's word before the switch; one that does not come within
	// ApprovalWithin ends the deployment and cleans up. Who began the deployment may give it
	// only where AskerMayApprove says so.
	Approval        bool          `json:"approval"`
	ApprovalWithin  time.Duration `json:"approval_within"`
	AskerMayApprove bool          `json:"asker_may_approve,omitempty"`
	// Smoke are asked of the preview before the switch.
	Smoke []SmokeTest `json:"smoke,omitempty"`
	Watch WatchPolicy `json:"watch"`
	// Warm is how long the old colour is kept ready after the last step.
	Warm time.Duration `json:"warm"`
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

// WithDefaults fills in what a smoke test leaves out: GET, 200, 10 seconds.
func (t SmokeTest) WithDefaults() SmokeTest {
	if t.Within == 0 {
		t.Within = 10 * time.Second
	}
	if t.SQL == "" && t.Method == "" {
		t.Method = "GET"
	}
	if t.SQL == "" && t.Status == 0 {
		t.Status = 200
	}
	return t
}

// Validate reports a smoke test that cannot be asked: CodeInvalid.
func (t SmokeTest) Validate() error {
	switch {
	case t.Name == "":
		return Errorf(CodeInvalid, "a smoke test has a name")
	case t.SQL != "" && (t.Path != "" || t.Body != "" || t.Status != 0):
		return Errorf(CodeInvalid, "a smoke test is an HTTP request or an SQL question")
	case t.SQL == "" && !strings.HasPrefix(t.Path, "/"):
		return Errorf(CodeInvalid, "the path of a smoke test begins with /")
	case t.SQL == "" && !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, t.Method):
		return Errorf(CodeInvalid, "the method of a smoke test is GET, POST, PUT, PATCH or DELETE")
	case t.Within <= 0 || t.Within > time.Minute:
		return Errorf(CodeInvalid, "a smoke test is given from 1ms to 1m")
	}
	return nil
}
