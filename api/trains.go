package api

import (
	"context"
	"net/http"
	"slices"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

// StartTrain deploys several services in an order, or joins the train that is under way.
func (h *handlers) StartTrain(ctx context.Context, req openapi.StartTrainRequestObject) (openapi.StartTrainResponseObject, error) {
	ctx, who := begin(ctx)
	body := *req.Body
	in := deployment.TrainInput{Environment: body.Environment, OneApproval: body.OneApproval, By: who.caller.UserID, Reason: body.Reason}
	for _, s := range body.Stops {
		stop := deployment.TrainStop{
			Service: s.Service, PassOldScripts: s.PassOldScripts,
			Release: domain.Release{Version: s.Version, Digest: s.Digest, Artifact: s.Artifact, Schema: domain.ReleaseSchema(s.Schema)},
		}
		if err := stop.Release.Validate(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(in.Stops, func(other deployment.TrainStop) bool { return other.Service == s.Service }) {
			return nil, domain.Errorf(domain.CodeInvalid, "%s is on the train twice.", s.Service)
		}
		in.Stops = append(in.Stops, stop)
	}
	return h.underKey(ctx, who, "", req.Params.IdempotencyKey, body, func(context.Context, string) (answer, error) {
		id, joined, err := h.startTrain(ctx, in)
		if err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusAccepted, openapi.DeploymentStarted{ID: id, Joined: joined})
	})
}

func (h *handlers) startTrain(ctx context.Context, in deployment.TrainInput) (id string, joined bool, err error) {
	services, err := h.deployments.Services(ctx, h.cfg.CommandWait)
	if err != nil {
		return "", false, err
	}
	for _, stop := range in.Stops {
		if !slices.ContainsFunc(services, func(s acts.ServiceState) bool {
			return s.Plan.Environment == in.Environment && s.Plan.Service == stop.Service
		}) {
			return "", false, domain.Errorf(domain.CodeNotFound, "There is no service %s in that environment: GET /v1/ops/services lists those there are.", stop.Service)
		}
	}
	id, joined, err = h.deployments.StartTrain(ctx, in)
	if err != nil {
		return "", false, err
	}
	if joined {
		return id, true, h.carries(ctx, id, in.Release())
	}
	// The process does so too, a moment later: who looks at once finds it.
	return id, false, h.deploymentLog.BeginDeployment(ctx, domain.NewDeployment{
		DeploymentID: id, Environment: in.Environment, Service: deployment.TrainService, Strategy: domain.Train,
		Release: in.Release(), By: in.By, Reason: in.Reason, At: h.cfg.Clock().UTC(),
	})
}
