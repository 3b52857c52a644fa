package deployfile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Defaults of what a service does not say.
const (
	defaultFrontPath     = "/.well-known/jwks.json"
	defaultReadyPath     = "/readyz"
	defaultVersionHeader = "X-Careflow-Release"
	defaultBackupWithin  = 24 * time.Hour
	defaultAvailable     = 5 * time.Minute
	defaultApproval      = 4 * time.Hour
	defaultWarm          = time.Hour
	defaultMetric        = "careflow_http_request_duration_seconds"
)

// service fills in the defaults and checks.
func (s service) service() (Service, error) {
	made := Service{Target: s.Target, DeploymentService: domain.DeploymentService{
		Environment: s.Environment, Service: s.Service, Strategy: s.Strategy, Hosts: s.Hosts, Balancer: s.Balancer, Fleet: s.Fleet,
		Instances: cmp.Or(s.Instances, 1), FrontDoor: s.FrontDoor, FrontPath: cmp.Or(s.FrontPath, defaultFrontPath),
		ReadyPath: cmp.Or(s.ReadyPath, defaultReadyPath), VersionHeader: cmp.Or(s.VersionHeader, defaultVersionHeader),
		Database: s.Database, BackupWithin: cmp.Or(s.BackupWithin, defaultBackupWithin),
		Steps: s.Steps, AvailableWithin: cmp.Or(s.Available, defaultAvailable), Warm: defaultWarm, Watch: s.Watch.policy(),
	}}
	if len(made.Steps) == 0 {
		made.Steps = []int{100}
	}
	if s.Approval != nil {
		made.Approval, made.ApprovalWithin, made.AskerMayApprove = true, cmp.Or(s.Approval.Within, defaultApproval), s.Approval.Asker
	}
	if s.Warm != nil {
		made.Warm = *s.Warm
	}
	tests, err := s.smokeTests()
	made.Smoke = tests
	return made, errors.Join(err, s.place(&made), check(made))
}

// place takes the section of the target, and only that.
func (s service) place(made *Service) error {
	if s.Strategy != domain.BlueGreen {
		return nil
	}
	switch {
	case s.Target == Host && !s.Host.IsZero() && s.Kubernetes.IsZero():
		made.Place = s.Host
	case s.Target == Kubernetes && !s.Kubernetes.IsZero() && s.Host.IsZero():
		made.Place = s.Kubernetes
	default:
		return errors.New("target is host or kubernetes, and the section of that name says where")
	}
	return nil
}

func (w *watch) policy() domain.WatchPolicy {
	if w == nil {
		w = &watch{}
	}
	p := domain.WatchPolicy{
		For: cmp.Or(w.For, 5*time.Minute), Every: cmp.Or(w.Every, 10*time.Second), Fewest: cmp.Or(w.Fewest, 100),
		MostErrors: 0.01, MostSlower: cmp.Or(w.MostSlower, 2), FastEnough: cmp.Or(w.FastEnough, 50*time.Millisecond),
		PassInconclusive: w.PassInconclusive, MetricsPath: cmp.Or(w.MetricsPath, "/metrics"),
		Metric: cmp.Or(w.Metric, defaultMetric), StatusLabel: cmp.Or(w.StatusLabel, "status"),
	}
	if w.MostErrors != nil {
		p.MostErrors = *w.MostErrors
	}
	return p
}

// check is the rules, one an if.
func check(s Service) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	faults = append(faults, domain.ValidDeploymentName("an environment", s.Environment), domain.ValidDeploymentName("a service", s.Service))
	if !slices.Contains([]domain.DeploymentStrategy{domain.BlueGreen, domain.OneAtATime, domain.WorkerFleet}, s.Strategy) {
		fault("strategy is blue_green, one_at_a_time or worker_fleet, not %q", s.Strategy)
	}
	if !slices.IsSorted(s.Steps) || s.Steps[0] < 1 || s.Steps[len(s.Steps)-1] != 100 {
		fault("steps are percentages that rise to 100")
	}
	if s.Strategy == domain.BlueGreen {
		if u, err := url.Parse(s.FrontDoor); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			fault("front_door is the URL at which everybody reaches the service")
		}
	}
	if s.Service == string(domain.Train) {
		fault("no service is called train: that is several of them")
	}
	if s.Strategy == domain.WorkerFleet && (s.Fleet == "" || strings.Contains(s.Fleet, ".")) {
		fault("fleet is what its workers have in CAREFLOW_WORKER_DEPLOYMENT")
	}
	if s.Balancer != "" {
		faults = append(faults, domain.ValidDeploymentName("a balancer", s.Balancer))
	}
	for _, host := range s.Hosts {
		faults = append(faults, domain.ValidDeploymentName("a host", host))
	}
	if s.Strategy == domain.OneAtATime && len(s.Hosts) == 0 {
		fault("hosts are missing")
	}
	if s.Warm < 0 || s.Warm > 7*24*time.Hour {
		fault("warm is from 0s to a week")
	}
	if s.Watch.MostErrors < 0 || s.Watch.MostErrors > 1 {
		fault("most_errors is a share from 0 to 1")
	}
	for _, d := range []time.Duration{s.AvailableWithin, s.BackupWithin, s.Watch.Every} {
		if d <= 0 {
			fault("a time is not positive")
		}
	}
	return errors.Join(faults...)
}

// smokeTests are those of the service, or of the file that it names.
func (s service) smokeTests() ([]domain.SmokeTest, error) {
	tests := s.Smoke
	if s.SmokeFile != "" {
		text, err := os.ReadFile(s.SmokeFile)
		if err != nil {
			return nil, fmt.Errorf("smoke_file: %w", err)
		}
		return ParseSmoke(text)
	}
	return smokeTests(tests)
}

// ParseSmoke reads a file of smoke tests, which a release may bring along.
func ParseSmoke(text []byte) ([]domain.SmokeTest, error) {
	var f struct {
		Smoke []smoke `yaml:"smoke"`
	}
	if err := strict(text, &f); err != nil {
		return nil, fmt.Errorf("the smoke tests: %w", err)
	}
	return smokeTests(f.Smoke)
}

func smokeTests(tests []smoke) ([]domain.SmokeTest, error) {
	var list []domain.SmokeTest
	for i, t := range tests {
		made := domain.SmokeTest{
			Name: t.Name, Method: t.Method, Path: t.Path, Headers: t.Headers, Body: t.Body, Status: t.Status,
			Within: t.Within, Contains: t.Contains, Save: t.Save, SQL: t.SQL, Equals: t.Equals,
		}.WithDefaults()
		if err := made.Validate(); err != nil {
			return nil, fmt.Errorf("smoke test %d (%s): %w", i+1, t.Name, err)
		}
		list = append(list, made)
	}
	return list, nil
}
