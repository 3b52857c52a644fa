package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Await waits until the colour consists of ready instances of the release and nothing
// else. It gives up as soon as the cause is known, rather than when time is over.
func (t *Target) Await(ctx context.Context, in deployment.ColourInput, progress func(ready, wanted int)) error {
	ticker := time.NewTicker(t.every)
	defer ticker.Stop()
	for {
		done, err := t.look(ctx, in, progress)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return cmp.Or(t.neverCame(ctx, in), context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// neverCame is CodeNoArtifact where the image has not come by the time that Await had: a slow
// registry may have kept an instance from saying so for good.
func (t *Target) neverCame(ctx context.Context, in deployment.ColourInput) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	pods, err := t.podsOf(ctx, in.Plan.Service, in.Colour)
	if err != nil {
		return nil // then only that time is over is known
	}
	if w := unpulled(ofRelease(pods, in.Release)); w != nil {
		return domain.Errorf(domain.CodeNoArtifact, "the image could not be had in time: %s", short(w.Message))
	}
	return nil
}

// look reports whether the colour is whole, or why it will not be.
func (t *Target) look(ctx context.Context, in deployment.ColourInput, progress func(ready, wanted int)) (bool, error) {
	name := ofColour(in.Plan.Service, in.Colour)
	d, err := get[appsv1.Deployment](ctx, t.api, t.apps, "deployments", name)
	if err != nil {
		return false, t.missing(err, "Deployment", name)
	}
	if digestOf(d) != in.Release.Digest {
		return false, domain.Errorf(domain.CodeConflict, "somebody has put another image into the Deployment %s", name)
	}
	ready := int(min(d.Status.UpdatedReplicas, d.Status.AvailableReplicas))
	progress(ready, wanted(d))
	if whole(d) {
		return true, nil
	}
	if d.Status.ObservedGeneration < d.Generation {
		return false, nil // what the status says is about before
	}
	pods, err := t.podsOf(ctx, in.Plan.Service, in.Colour)
	if err != nil {
		return false, err
	}
	return false, t.cause(d, ofRelease(pods, in.Release), time.Now())
}

// whole reports whether there are as many available instances as wanted, all of the newest
// template, and none of an older one.
func whole(d *appsv1.Deployment) bool {
	n := int32(wanted(d)) //nolint:gosec // G115: a few
	s := d.Status
	return s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == n && s.AvailableReplicas == n && s.Replicas == n
}

// ofRelease leaves out pods of what the colour held before.
func ofRelease(pods []corev1.Pod, r domain.Release) []corev1.Pod {
	var own []corev1.Pod
	for _, p := range pods {
		if p.DeletionTimestamp == nil && len(p.Spec.Containers) > 0 && strings.HasSuffix(p.Spec.Containers[0].Image, "@"+r.Digest) {
			own = append(own, p)
		}
	}
	return own
}

// cause finds out why a colour will not become whole; nil is for one that still may.
func (t *Target) cause(d *appsv1.Deployment, pods []corev1.Pod, now time.Time) error {
	for _, p := range pods {
		if err := t.ailment(&p, now); err != nil {
			return err
		}
	}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue && isQuota(c.Message):
			return domain.Errorf(domain.CodeQuota, "the quota of namespace %s has no room: %s", t.namespace, short(c.Message))
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			return domain.Errorf(domain.CodeNotAvailable, "Kubernetes makes no instance: %s", short(c.Message))
		case c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded":
			if w := unpulled(pods); w != nil { // a slow registry may have kept it from saying so for good
				return domain.Errorf(domain.CodeNoArtifact, "the image could not be had by the progress deadline: %s", short(w.Message))
			}
			return domain.Errorf(domain.CodeNotAvailable, "%d of %d instances are ready after the progress deadline; %s",
				d.Status.AvailableReplicas, wanted(d), doing(pods))
		}
	}
	return nil
}

// restartsThatTell is after how many restarts a release counts as one that crashes: once
// may be a neighbour that was not there yet.
const restartsThatTell = 2

// ailment is what keeps one pod from becoming ready, if waiting does not help.
func (t *Target) ailment(p *corev1.Pod, now time.Time) error {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable &&
			now.Sub(c.LastTransitionTime.Time) >= t.unschedulableFor {
			return domain.Errorf(domain.CodeNotAvailable, "no node takes instance %s: %s", p.Name, short(c.Message))
		}
	}
	for _, c := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
		if w := c.State.Waiting; w != nil {
			switch w.Reason {
			case "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
				return domain.Errorf(domain.CodeNoArtifact, "the image %s cannot be had: %s", c.Image, short(w.Message))
			case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
				return domain.Errorf(domain.CodeNotAvailable, "instance %s cannot be started: %s", p.Name, short(w.Message))
			}
		}
		if last := c.LastTerminationState.Terminated; last != nil && c.RestartCount >= restartsThatTell {
			return domain.Errorf(domain.CodeNotAvailable, "the release crashes: instance %s was started %d times and ended with exit code %d (%s)",
				p.Name, c.RestartCount+1, last.ExitCode, last.Reason).WithDetail(printed(last))
		}
	}
	return nil
}

// unpulled is what an instance says that has tried to get its image, and not got it yet.
func unpulled(pods []corev1.Pod) *corev1.ContainerStateWaiting {
	for _, p := range pods {
		for _, c := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
			if w := c.State.Waiting; w != nil && w.Reason == "ErrImagePull" {
				return w
			}
		}
	}
	return nil
}

// printed is the last that a container has printed, where its template asks for that
// (terminationMessagePolicy: FallbackToLogsOnError).
func printed(t *corev1.ContainerStateTerminated) string {
	if len(t.Message) > domain.MostOutput {
		return strings.ToValidUTF8(t.Message[len(t.Message)-domain.MostOutput:], "")
	}
	return t.Message
}

// doing says what pods are at, for those who wonder why they are not ready.
func doing(pods []corev1.Pod) string {
	var says []string
	for _, p := range pods {
		if isReady(&p) {
			continue
		}
		what := string(p.Status.Phase)
		for _, c := range p.Status.ContainerStatuses {
			switch {
			case c.State.Waiting != nil:
				what = c.State.Waiting.Reason
			case c.State.Running != nil:
				what = "running, its readiness probe fails"
			}
		}
		says = append(says, fmt.Sprintf("%s is %s", p.Name, what))
	}
	if len(says) == 0 {
		return "there is no instance"
	}
	return strings.Join(says, ", ")
}

func short(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
