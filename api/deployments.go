package api

import (
	"context"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListServices lists what can be deployed and what is live.
func (h *handlers) ListServices(ctx context.Context, _ openapi.ListServicesRequestObject) (openapi.ListServicesResponseObject, error) {
	ctx, _ = begin(ctx)
	list, err := h.deployments.Services(ctx, h.cfg.CommandWait)
	if err != nil {
		return nil, err
	}
	return openapi.ListServices200JSONResponse{Items: convert(list, serviceView)}, nil
}

// ListDeployments lists deployments and what became of them.
func (h *handlers) ListDeployments(ctx context.Context, req openapi.ListDeploymentsRequestObject) (openapi.ListDeploymentsResponseObject, error) {
	ctx, _ = begin(ctx)
	p := req.Params
	f := domain.DeploymentFilter{
		Environment: p.Environment, Service: p.Service, State: domain.DeploymentState(p.State), Limit: p.Limit + 1, // one more tells whether there is another page
	}
	if p.Cursor != "" {
		var err error
		if f.BeforeAt, f.BeforeID, err = decodeCursor(p.Cursor); err != nil {
			return nil, err
		}
	}
	rows, err := h.deploymentLog.Deployments(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, next := cutPage(rows, p.Limit, func(r domain.DeploymentRecord) string { return encodePosition(r.At, r.DeploymentID) })
	return openapi.ListDeployments200JSONResponse{NextCursor: next, Items: convert(rows, deploymentView)}, nil
}

// GetDeployment shows one deployment with its steps.
func (h *handlers) GetDeployment(ctx context.Context, req openapi.GetDeploymentRequestObject) (openapi.GetDeploymentResponseObject, error) {
	ctx, _ = begin(ctx)
	r, err := h.deploymentLog.Deployment(ctx, req.DeploymentID)
	return openapi.GetDeployment200JSONResponse(deploymentView(r)), err
}

// GetDeploymentStep shows one step with what it printed.
func (h *handlers) GetDeploymentStep(ctx context.Context, req openapi.GetDeploymentStepRequestObject) (openapi.GetDeploymentStepResponseObject, error) {
	ctx, _ = begin(ctx)
	s, err := h.deploymentLog.DeploymentStep(ctx, req.DeploymentID, req.Seq)
	return openapi.GetDeploymentStep200JSONResponse(stepView(s)), err
}

func deploymentView(r domain.DeploymentRecord) openapi.Deployment {
	return openapi.Deployment{
		ID: r.DeploymentID, Environment: r.Environment, Service: r.Service, Strategy: string(r.Strategy), Version: r.Release.Version,
		Digest: r.Release.Digest, Artifact: r.Release.Artifact, Schema: string(r.Release.Schema), RequestedBy: r.By, Reason: r.Reason,
		State: openapi.DeploymentState(r.State), Step: r.Step, PreviousDigest: r.Previous, ErrorCode: string(r.Error), ErrorDetail: r.Detail,
		StartedAt: r.At, EndedAt: r.EndedAt, Steps: convert(r.Steps, stepView),
	}
}

func stepView(s domain.DeploymentStep) openapi.DeploymentStep {
	return openapi.DeploymentStep{
		Seq: s.Seq, Name: s.Name, Host: s.Host, Digest: s.Digest, State: openapi.DeploymentState(s.State), By: s.By, Reason: s.Reason,
		StartedAt: s.Started, EndedAt: s.Ended, ExitCode: s.ExitCode, Output: s.Output, ErrorCode: string(s.Error), ErrorDetail: s.Detail,
	}
}

func serviceView(s acts.ServiceState) openapi.Service {
	view := openapi.Service{
		Environment: s.Plan.Environment, Service: s.Plan.Service, Strategy: string(s.Plan.Strategy), FrontDoor: s.Plan.FrontDoor,
		Approval: s.Plan.Approval, Live: openapi.ServiceLive(s.State.Live), Share: s.State.Share, Revision: s.State.Revision,
		Colours: []openapi.ColourState{}, ErrorCode: string(s.Error), ErrorDetail: s.Detail,
	}
	for _, colour := range []domain.Colour{domain.Blue, domain.Green} {
		if c, ok := s.State.Colours[colour]; ok {
			view.Colours = append(view.Colours, openapi.ColourState{
				Colour: openapi.ColourStateColour(colour), Digest: c.Digest, Version: c.Version, Ready: c.Ready, Wanted: c.Wanted, Preview: c.Preview,
			})
		}
	}
	return view
}
