package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// Exit codes of following a deployment, for pipelines.
const (
	exitDeployFailed     exitCode = 3
	exitDeployRolledBack exitCode = 4
	exitDeployAborted    exitCode = 5
	exitDeployTimeout    exitCode = 6
)

// follow shows each step where people read errors, and the end as every command does.
func (f *following) follow(ctx context.Context, r *remote, p *demoPerson, id string) error {
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	told, missing := map[int]string{}, time.Now().Add(10*time.Second)
	for {
		var d openapi.Deployment
		status, err := p.do(ctx, http.MethodGet, deploymentPath(id), nil, &d)
		switch {
		case ctx.Err() != nil && f.timeout > 0:
			return exitDeployTimeout
		case status == http.StatusUnauthorized: // a deployment may take longer than an access token lives
			again, err := r.login(ctx)
			if err != nil {
				return err
			}
			p = again
		case status == http.StatusNotFound && time.Now().Before(missing): // its row comes a moment later
		case err != nil:
			return err
		default:
			tellSteps(r.in.errors, told, d)
			if f.over(d) {
				if err := show(r, d, tableOfDeployment); err != nil {
					return err
				}
				return failureOfDeployment(d)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

func (f *following) over(d openapi.Deployment) bool {
	state := domain.DeploymentState(d.State)
	return state.Ended() || (f.until == "live" && state == domain.DeploymentWarm)
}

// tellSteps tells each step when it begins and when it has ended.
func tellSteps(w io.Writer, told map[int]string, d openapi.Deployment) {
	for _, s := range d.Steps {
		line := fmt.Sprintf("%s  %-22s", s.StartedAt.Format(time.TimeOnly), s.Name)
		if s.Host != "" {
			line += " " + s.Host
		}
		switch {
		case s.ErrorCode != "":
			line += fmt.Sprintf(" FAILED %s: %s", s.ErrorCode, s.ErrorDetail)
		case s.EndedAt.IsZero():
			line += " …"
		case s.EndedAt.After(s.StartedAt):
			line += " " + s.EndedAt.Sub(s.StartedAt).Round(10*time.Millisecond).String()
		}
		if s.Reason != "" {
			line += "  " + s.Reason
		}
		if told[s.Seq] != line {
			told[s.Seq] = line
			_, _ = fmt.Fprintln(w, line)
		}
	}
}

func failureOfDeployment(d openapi.Deployment) error {
	switch domain.DeploymentState(d.State) { //nolint:exhaustive // the others are no failures
	case domain.DeploymentFailed:
		return exitDeployFailed
	case domain.DeploymentRolledBack:
		return exitDeployRolledBack
	case domain.DeploymentAborted:
		return exitDeployAborted
	}
	return nil
}

func rowsOfDeployments(w io.Writer, items ...openapi.Deployment) {
	row(w, "ID", "ENVIRONMENT", "SERVICE", "VERSION", "DIGEST", "STATE", "STEP", "STARTED", "ENDED", "FAULT")
	for _, d := range items {
		row(w, d.ID, d.Environment, d.Service, d.Version, d.Digest, d.State, d.Step, d.StartedAt, d.EndedAt, d.ErrorCode)
	}
}

func tableOfDeployment(w io.Writer, d openapi.Deployment) {
	rowsOfDeployments(w, d)
	row(w)
	row(w, "STEP", "NAME", "HOST", "STATE", "STARTED", "TOOK", "BY", "REASON", "FAULT")
	for _, s := range d.Steps {
		took := ""
		if !s.EndedAt.IsZero() {
			took = s.EndedAt.Sub(s.StartedAt).Round(time.Millisecond).String()
		}
		row(w, s.Seq, s.Name, s.Host, s.State, s.StartedAt, took, s.By, s.Reason, s.ErrorCode)
	}
	if d.ErrorDetail != "" {
		row(w, "fault", d.ErrorDetail)
	}
}
