package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

// StartDeployment deploys a release, or joins its deployment that is under way.
func (h *handlers) StartDeployment(ctx context.Context, req openapi.StartDeploymentRequestObject) (openapi.StartDeploymentResponseObject, error) {
	ctx, who := begin(ctx)
	body := *req.Body
	in := deployment.Input{
		Environment: body.Environment, Service: body.Service, By: who.caller.UserID, Reason: body.Reason, Smoke: smokeTests(body.Smoke), PassOldScripts: body.PassOldScripts,
		Release: domain.Release{Version: body.Version, Digest: body.Digest, Artifact: body.Artifact, Schema: domain.ReleaseSchema(body.Schema)},
	}
	if err := in.Release.Validate(); err != nil {
		return nil, err
	}
	for _, t := range in.Smoke {
		if err := t.Validate(); err != nil {
			return nil, err
		}
	}
	return h.underKey(ctx, who, "", req.Params.IdempotencyKey, body, func(context.Context, string) (answer, error) {
		id, joined, err := h.startDeployment(ctx, in)
		if err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusAccepted, openapi.DeploymentStarted{ID: id, Joined: joined})
	})
}

func (h *handlers) startDeployment(ctx context.Context, in deployment.Input) (id string, joined bool, err error) {
	services, err := h.deployments.Services(ctx, h.cfg.CommandWait)
	if err != nil {
		return "", false, err
	}
	i := slices.IndexFunc(services, func(s acts.ServiceState) bool {
		return s.Plan.Environment == in.Environment && s.Plan.Service == in.Service
	})
	if i < 0 {
		return "", false, domain.Errorf(domain.CodeNotFound, "There is no such service in that environment: GET /v1/ops/services lists those there are.")
	}
	id, joined, err = h.deployments.Start(ctx, in)
	if err != nil {
		return "", false, err
	}
	if !joined {
		// The process does so too, a moment later: who looks at once finds it.
		err = h.deploymentLog.BeginDeployment(ctx, domain.NewDeployment{
			DeploymentID: id, Environment: in.Environment, Service: in.Service, Strategy: services[i].Plan.Strategy,
			Release: in.Release, By: in.By, Reason: in.Reason, At: h.cfg.Clock().UTC(),
		})
		return id, false, err
	}
	return id, true, h.carries(ctx, id, in.Release)
}

// carries reports whether the deployment under way is of a release, so that who asks for that
// may join it: CodeConflict, naming what it carries.
func (h *handlers) carries(ctx context.Context, id string, release domain.Release) error {
	running, err := h.deploymentLog.Deployment(ctx, id)
	if domain.CodeOf(err) == domain.CodeNotFound || (err == nil && running.State.Ended()) {
		return domain.Errorf(domain.CodeUnavailable, "Another deployment of the service begins or ends at this moment: try again soon.")
	}
	if err == nil && running.Release.Digest != release.Digest {
		err = domain.Errorf(domain.CodeConflict, "Deployment %s of %s is under way, and there is one at a time: wait for it, or abort it.", id, running.Release.Version)
	}
	return err
}

// ApproveDeployment lets it go on to the switch.
func (h *handlers) ApproveDeployment(ctx context.Context, req openapi.ApproveDeploymentRequestObject) (openapi.ApproveDeploymentResponseObject, error) {
	return h.say(ctx, deployment.Approve, req.DeploymentID, req.Params.IdempotencyKey, *req.Body)
}

// PauseDeployment lets the next step wait.
func (h *handlers) PauseDeployment(ctx context.Context, req openapi.PauseDeploymentRequestObject) (openapi.PauseDeploymentResponseObject, error) {
	return h.say(ctx, deployment.Pause, req.DeploymentID, req.Params.IdempotencyKey, *req.Body)
}

// ResumeDeployment lets it go on.
func (h *handlers) ResumeDeployment(ctx context.Context, req openapi.ResumeDeploymentRequestObject) (openapi.ResumeDeploymentResponseObject, error) {
	return h.say(ctx, deployment.Resume, req.DeploymentID, req.Params.IdempotencyKey, *req.Body)
}

// AbortDeployment takes back what it did.
func (h *handlers) AbortDeployment(ctx context.Context, req openapi.AbortDeploymentRequestObject) (openapi.AbortDeploymentResponseObject, error) {
	return h.say(ctx, deployment.Abort, req.DeploymentID, req.Params.IdempotencyKey, *req.Body)
}

// RollbackDeployment gives the old release its requests again.
func (h *handlers) RollbackDeployment(ctx context.Context, req openapi.RollbackDeploymentRequestObject) (openapi.RollbackDeploymentResponseObject, error) {
	return h.say(ctx, deployment.Rollback, req.DeploymentID, req.Params.IdempotencyKey, *req.Body)
}

// say says a word to a deployment, with our signature that it was the caller who said it.
func (h *handlers) say(ctx context.Context, word, id, key string, body openapi.DeploymentWord) (answer, error) {
	ctx, who := begin(ctx)
	r, err := h.deploymentLog.Deployment(ctx, id)
	if err != nil {
		return answer{}, err
	}
	return h.underKey(ctx, who, id, key, body, func(ctx context.Context, updateID string) (answer, error) {
		approval, err := h.approve(who, domain.ApprovalSubject(deployment.WorkflowID(r.Environment, r.Service), id, word), body.Reason)
		if err != nil {
			return answer{}, err
		}
		if err := h.deployments.Say(ctx, r.NewDeployment, word, updateID, approval, h.cfg.CommandWait); err != nil {
			return answer{}, err
		}
		now, err := h.deploymentLog.Deployment(ctx, id)
		if err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusOK, deploymentView(now))
	})
}

func smokeTests(tests []openapi.SmokeTest) []domain.SmokeTest {
	return convert(tests, func(t openapi.SmokeTest) domain.SmokeTest {
		made := domain.SmokeTest{
			Name: t.Name, Method: string(t.Method), Path: t.Path, Headers: t.Headers, Body: t.Body, Status: t.Status,
			Within: time.Duration(t.WithinSeconds) * time.Second, Contains: t.Contains, Save: t.Save, SQL: t.SQL, Equals: t.Equals,
		}
		return made.WithDefaults()
	})
}
