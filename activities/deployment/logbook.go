package deployment

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Catalogue keeps what became of deployments, and knows the proven backups.
type Catalogue interface {
	// BeginDeployment makes the row of a deployment, once.
	BeginDeployment(ctx context.Context, n domain.NewDeployment) error
	// StepDeployment keeps a transition and moves the row; a late one changes nothing.
	StepDeployment(ctx context.Context, step domain.DeploymentStep) error
	// NewestVerified returns each target's newest proven restore point, UTC.
	NewestVerified(ctx context.Context) (map[string]time.Time, error)
}

// Logbook are the activities on our own database, on the queue of the workflows: a host
// with the rights to deploy needs none to it.
type Logbook struct{ catalogue Catalogue }

// NewLogbook returns the activities on catalogue.
func NewLogbook(catalogue Catalogue) *Logbook { return &Logbook{catalogue: catalogue} }

// Begin makes the deployment's row.
func (l *Logbook) Begin(ctx context.Context, n domain.NewDeployment) error {
	return fault(l.catalogue.BeginDeployment(ctx, n))
}

// Note keeps a transition.
func (l *Logbook) Note(ctx context.Context, step domain.DeploymentStep) error {
	return fault(l.catalogue.StepDeployment(ctx, step))
}

// Gate is CodeGateClosed unless a proven backup of the database is young enough. It returns
// the restore point.
func (l *Logbook) Gate(ctx context.Context, in GateInput) (time.Time, error) {
	newest, err := l.catalogue.NewestVerified(ctx)
	if err != nil {
		return time.Time{}, fault(err)
	}
	at, ok := newest[in.Database]
	switch age := time.Since(at); {
	case !ok:
		return at, fault(domain.Errorf(domain.CodeGateClosed, "no backup of %s was ever proven: `careflow backup run --target %s` makes one", in.Database, in.Database))
	case age > in.Within:
		return at, fault(domain.Errorf(domain.CodeGateClosed, "the newest proven backup of %s is %s old, and may be %s: `careflow backup run --target %s` makes one",
			in.Database, age.Round(time.Minute), in.Within, in.Database))
	}
	return at, nil
}
