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
	// BackupsOf lists the backups of a target that were not removed.
	BackupsOf(ctx context.Context, target string) ([]domain.BackupRecord, error)
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
	backups, err := l.catalogue.BackupsOf(ctx, in.Database)
	if err != nil {
		return time.Time{}, fault(err)
	}
	var at time.Time
	for _, b := range backups {
		if b.State == domain.BackupVerified && b.BuriedAt.IsZero() && b.SnapshotAt.After(at) {
			at = b.SnapshotAt
		}
	}
	switch age := time.Since(at); {
	case at.IsZero():
		return at, fault(domain.Errorf(domain.CodeGateClosed, "no backup of %s was ever proven: `careflow backup run --target %s` makes one", in.Database, in.Database))
	case age > in.Within:
		return at, fault(domain.Errorf(domain.CodeGateClosed, "the newest proven backup of %s is %s old, and may be %s: `careflow backup run --target %s` makes one",
			in.Database, age.Round(time.Minute), in.Within, in.Database))
	}
	return at, nil
}
