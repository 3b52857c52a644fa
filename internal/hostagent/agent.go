package hostagent

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/careflow/careflow/internal/domain"
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
	// MostBundle, MostUnpacked and MostEntries bound a bundle, in bytes and in files and
	// folders.
	MostBundle, MostUnpacked int64
	MostEntries              int

	mu    sync.Mutex
	alone map[string]*sync.Mutex
}

// Bounds of a bundle by default.
const (
	MostBundle   = 2 << 30
	MostUnpacked = 8 << 30
	MostEntries  = 100_000
)

// Progress is told what goes on; it does not block.
type Progress func(what string)

// Prepare fetches the job's release, unless it is there, and says what the host holds. It
// changes nothing that is in use.
func (a *Agent) Prepare(ctx context.Context, job domain.HostJob, progress Progress) (domain.HostState, error) {
	defer a.oneAtATime(job)()
	r, err := a.open(job)
	if err != nil {
		return domain.HostState{}, err
	}
	current, err := r.current()
	if err != nil {
		return domain.HostState{}, err
	}
	if job.Release.Digest != "" {
		if err := a.have(ctx, r, job.Release, progress); err != nil {
			return domain.HostState{}, err
		}
	}
	return domain.HostState{Current: current, Agent: a.Version}, nil
}

// Run carries out one event. It may be called again with the same job: a script runs from its
// beginning then, alone.
func (a *Agent) Run(ctx context.Context, job domain.HostJob, progress Progress) (domain.StepOutcome, error) {
	defer a.oneAtATime(job)()
	r, err := a.open(job)
	if err != nil {
		return domain.StepOutcome{}, err
	}
	switch {
	case job.Event == domain.DownloadBundle && job.Release.Digest != "":
		return domain.StepOutcome{}, a.have(ctx, r, job.Release, progress)
	case job.Event == domain.DownloadBundle:
		return domain.StepOutcome{}, nil
	case job.Event == domain.Install:
		return domain.StepOutcome{}, a.install(r, job.Release.Digest)
	case !job.Event.Scripted():
		return domain.StepOutcome{}, domain.Errorf(domain.CodeInvalid, "%q is no event of an agent", job.Event)
	case job.Event.OfThePrevious():
		return a.runEvent(ctx, r, job.Previous, job, progress)
	}
	outcome, err := a.runEvent(ctx, r, job.Release.Digest, job, progress)
	if err == nil && job.Event == domain.AfterAllowTraffic {
		if err := r.prune(job.Release.Digest, job.Previous); err != nil {
			outcome.Output += fmt.Sprintf("-- old releases are left: %v\n", err) // the deployment is good
		}
	}
	return outcome, err
}

// open checks the names of a job, which become paths, and makes the service's folder.
func (a *Agent) open(job domain.HostJob) (releases, error) {
	for what, name := range map[string]string{"an environment": job.Environment, "a service": job.Service} {
		if err := domain.ValidDeploymentName(what, name); err != nil {
			return releases{}, err
		}
	}
	if job.Release.Digest != "" {
		if err := job.Release.Validate(); err != nil {
			return releases{}, err
		}
	}
	if job.Previous != "" && !domain.ValidDigest(job.Previous) {
		return releases{}, domain.Errorf(domain.CodeInvalid, "%q is no digest", job.Previous)
	}
	r := a.releases(job.Environment, job.Service)
	return r, os.MkdirAll(r.folder, 0o755)
}

// oneAtATime keeps two jobs of one service apart: a try that the deployment has given up
// may still be ending.
func (a *Agent) oneAtATime(job domain.HostJob) (unlock func()) {
	a.mu.Lock()
	if a.alone == nil {
		a.alone = map[string]*sync.Mutex{}
	}
	key := job.Environment + "/" + job.Service
	m := a.alone[key]
	if m == nil {
		m = &sync.Mutex{}
		a.alone[key] = m
	}
	a.mu.Unlock()
	m.Lock()
	return m.Unlock
}
