package hostagent

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/releases"
)

// Agent carries out jobs on its host. Errors are *domain.Error: CodeNoArtifact for a bundle
// that is not there, not what its digest says or no release; CodeHookFailed for a script
// that failed or hung; CodeDeployAccess for what the host does not allow; CodeQuota where
// it has no room; CodeUnavailable may pass.
type Agent struct {
	// Root is the folder of all releases.
	Root string
	// Files are the folders in which releases may place links to their files.
	Files []string
	// Version is told to the deployment.
	Version string

	mu    sync.Mutex
	alone map[string]*sync.Mutex
}

// inPlace is the name of the link to the release in place.
const inPlace = "current"

// service is what one service has on the host.
type service struct{ releases.Store }

// Prepare fetches the job's release, unless it is there, and says what the host holds. It
// changes nothing that is in use.
func (a *Agent) Prepare(ctx context.Context, job domain.HostJob) (domain.HostState, error) {
	s, unlock, err := a.open(job)
	if err != nil {
		return domain.HostState{}, err
	}
	defer unlock()
	current, _, _, err := s.Linked(inPlace)
	if err != nil {
		return domain.HostState{}, domain.Errorf(domain.CodeConflict, "%s is not the link to a release that it should be", s.link()).Because(err)
	}
	return domain.HostState{Current: current, Agent: a.Version}, s.have(ctx, job.Release)
}

// Run carries out one event. It may be called again with the same job: a script runs from
// its beginning then, alone.
func (a *Agent) Run(ctx context.Context, job domain.HostJob) (domain.StepOutcome, error) {
	s, unlock, err := a.open(job)
	if err != nil {
		return domain.StepOutcome{}, err
	}
	defer unlock()
	switch {
	case job.Event == domain.DownloadBundle:
		return domain.StepOutcome{}, s.have(ctx, job.Release)
	case job.Event == domain.Install:
		return domain.StepOutcome{}, a.install(ctx, s, job.Release)
	case !job.Event.Scripted():
		return domain.StepOutcome{}, domain.Errorf(domain.CodeInvalid, "%q is no event of an agent", job.Event)
	case job.Event.OfThePrevious():
		return s.runEvent(ctx, job.Previous, job)
	}
	outcome, err := s.runEvent(ctx, job.Release.Digest, job)
	if err == nil && job.Event == domain.AfterAllowTraffic {
		if err := s.Prune(ctx); err != nil { // the deployment is good all the same
			outcome.Output += fmt.Sprintf("-- old releases are left: %v\n", err)
		}
	}
	return outcome, err
}

// open checks the names of a job, which become paths, and keeps other jobs of the service
// away: a try that the deployment has given up may still be ending.
func (a *Agent) open(job domain.HostJob) (s service, unlock func(), err error) {
	for what, name := range map[string]string{"an environment": job.Environment, "a service": job.Service} {
		if err := domain.ValidDeploymentName(what, name); err != nil {
			return s, nil, err
		}
	}
	if job.Release.Digest != "" {
		if err := job.Release.Validate(); err != nil {
			return s, nil, err
		}
	}
	s.Folder = filepath.Join(a.Root, job.Environment, job.Service)
	a.mu.Lock()
	if a.alone == nil {
		a.alone = map[string]*sync.Mutex{}
	}
	m := a.alone[s.Folder]
	if m == nil {
		m = &sync.Mutex{}
		a.alone[s.Folder] = m
	}
	a.mu.Unlock()
	m.Lock()
	return s, m.Unlock, nil
}

// have makes sure that a release is on the host, and one that can be carried out.
func (s service) have(ctx context.Context, r domain.Release) error {
	if r.Digest == "" {
		return nil
	}
	folder, err := s.Fetch(ctx, r)
	if err == nil {
		_, err = readSpec(folder)
	}
	return err
}

func (s service) link() string { return filepath.Join(s.Folder, inPlace) }
