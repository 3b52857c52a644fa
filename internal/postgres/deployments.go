package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// BeginDeployment makes the row of a deployment that begins; it is no error when there is
// one.
func (s *Catalogue) BeginDeployment(ctx context.Context, n domain.NewDeployment) error {
	err := s.q.BeginDeployment(ctx, db.BeginDeploymentParams{
		ID: n.DeploymentID, Environment: n.Environment, Service: n.Service, Strategy: string(n.Strategy),
		Version: n.Release.Version, Digest: n.Release.Digest, Artifact: n.Release.Artifact, Schema: string(n.Release.Schema),
		RequestedBy: optional(n.By), Reason: n.Reason, StartedAt: n.At,
	})
	if err != nil {
		return fmt.Errorf("beginning a deployment's row: %w", err)
	}
	return nil
}

// StepDeployment keeps a transition, and moves the deployment's row to it. The same one
// again, and one that comes late, change nothing that has ended.
func (s *Catalogue) StepDeployment(ctx context.Context, step domain.DeploymentStep) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		seq := int32(step.Seq) //nolint:gosec // some hundreds at most
		err := q.KeepStep(ctx, db.KeepStepParams{
			DeploymentID: step.DeploymentID, Seq: seq, Name: step.Name, Host: step.Host, Digest: step.Digest, State: string(step.State),
			SaidBy: optional(step.By), Reason: step.Reason, StartedAt: step.Started, EndedAt: optionalTime(step.Ended),
			ExitCode: int32(step.ExitCode), Output: step.Output, //nolint:gosec // a process's
			ErrorCode: string(step.Error), ErrorDetail: step.Detail,
		})
		if err != nil {
			return fmt.Errorf("keeping a deployment's step: %w", err)
		}
		err = q.StepDeployment(ctx, db.StepDeploymentParams{
			ID: step.DeploymentID, Seq: seq, State: string(step.State), Step: step.Name, Previous: step.Previous,
			ErrorCode: string(step.Error), ErrorDetail: step.Detail, Ended: step.State.Ended(), At: laterOf(step.Started, step.Ended),
		})
		if err != nil {
			return fmt.Errorf("moving a deployment's row: %w", err)
		}
		return nil
	})
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Deployment returns one deployment with its steps, without their output; CodeNotFound
// where there is none.
func (s *Catalogue) Deployment(ctx context.Context, id string) (domain.DeploymentRecord, error) {
	row, err := s.q.DeploymentByID(ctx, id)
	if err != nil {
		return domain.DeploymentRecord{}, missing(err, "deployment")
	}
	r := deploymentRecord(row)
	steps, err := s.q.DeploymentSteps(ctx, id)
	if err != nil {
		return r, fmt.Errorf("reading a deployment's steps: %w", err)
	}
	for _, step := range steps {
		r.Steps = append(r.Steps, deploymentStep(db.DeploymentStep{
			DeploymentID: id, Seq: step.Seq, Name: step.Name, Host: step.Host, Digest: step.Digest, State: step.State, SaidBy: step.SaidBy,
			Reason: step.Reason, StartedAt: step.StartedAt, EndedAt: step.EndedAt, ExitCode: step.ExitCode,
			ErrorCode: step.ErrorCode, ErrorDetail: step.ErrorDetail,
		}))
	}
	return r, nil
}

// DeploymentStep returns one step with what it printed; CodeNotFound where there is none.
func (s *Catalogue) DeploymentStep(ctx context.Context, id string, seq int) (domain.DeploymentStep, error) {
	row, err := s.q.DeploymentStep(ctx, db.DeploymentStepParams{DeploymentID: id, Seq: int32(seq)}) //nolint:gosec // the contract bounds it
	if err != nil {
		return domain.DeploymentStep{}, missing(err, "step of a deployment")
	}
	return deploymentStep(row), nil
}

// Deployments lists deployments without their steps, the newest first.
func (s *Catalogue) Deployments(ctx context.Context, f domain.DeploymentFilter) ([]domain.DeploymentRecord, error) {
	rows, err := s.q.Deployments(ctx, db.DeploymentsParams{
		Environment: f.Environment, Service: f.Service, State: string(f.State),
		BeforeAt: optionalTime(f.BeforeAt), BeforeID: cmp.Or(f.BeforeID, noBackup), MaxRows: int32(f.Limit), //nolint:gosec // a page
	})
	if err != nil {
		return nil, fmt.Errorf("listing deployments: %w", err)
	}
	list := make([]domain.DeploymentRecord, 0, len(rows))
	for _, row := range rows {
		list = append(list, deploymentRecord(row))
	}
	return list, nil
}

func deploymentRecord(row db.Deployment) domain.DeploymentRecord {
	return domain.DeploymentRecord{
		NewDeployment: domain.NewDeployment{
			DeploymentID: row.ID, Environment: row.Environment, Service: row.Service, Strategy: domain.DeploymentStrategy(row.Strategy),
			Release: domain.Release{Version: row.Version, Digest: row.Digest, Artifact: row.Artifact, Schema: domain.ReleaseSchema(row.Schema)},
			By:      deref(row.RequestedBy), Reason: row.Reason, At: row.StartedAt.UTC(),
		},
		State: domain.DeploymentState(row.State), Step: row.Step, Previous: row.Previous,
		Error: domain.Code(row.ErrorCode), Detail: row.ErrorDetail, EndedAt: utc(row.EndedAt),
	}
}

func deploymentStep(row db.DeploymentStep) domain.DeploymentStep {
	return domain.DeploymentStep{
		DeploymentID: row.DeploymentID, Seq: int(row.Seq), Name: row.Name, Host: row.Host, Digest: row.Digest,
		State: domain.DeploymentState(row.State), By: deref(row.SaidBy), Reason: row.Reason,
		Started: row.StartedAt.UTC(), Ended: utc(row.EndedAt),
		StepOutcome: domain.StepOutcome{ExitCode: int(row.ExitCode), Output: row.Output},
		Error:       domain.Code(row.ErrorCode), Detail: row.ErrorDetail,
	}
}
