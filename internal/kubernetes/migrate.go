package kubernetes

import (
	"context"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Migrate runs the release once as a Job that changes the database. The Job bears the
// digest in its name: asked again, it is the same one, and one that failed is replaced.
func (t *Target) Migrate(ctx context.Context, in deployment.ColourInput) (domain.StepOutcome, error) {
	wish, err := t.migration(ctx, in)
	if err != nil {
		return domain.StepOutcome{}, err
	}
	ticker := time.NewTicker(t.every)
	defer ticker.Stop()
	for began := false; ; {
		job, err := get[batchv1.Job](ctx, t.api, t.batch, "jobs", wish.Name)
		switch {
		case apierrors.IsNotFound(err):
			err := t.batch.Post().Namespace(t.namespace).Resource("jobs").
				VersionedParams(&metav1.CreateOptions{FieldManager: fieldManager}, parameters).Body(wish).Do(ctx).Error()
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return domain.StepOutcome{}, t.fault(err)
			}
			began = true
		case err != nil:
			return domain.StepOutcome{}, t.fault(err)
		case has(job, batchv1.JobComplete):
			return t.printedBy(ctx, job)
		case has(job, batchv1.JobFailed) && began:
			outcome, err := t.printedBy(ctx, job)
			if err != nil {
				return outcome, err
			}
			return outcome, domain.Errorf(domain.CodeHookFailed, "the migration of release %s failed", in.Release.Version).WithDetail(outcome.Output)
		case has(job, batchv1.JobFailed): // at another try
			foreground := metav1.DeletePropagationForeground
			err := t.batch.Delete().Namespace(t.namespace).Resource("jobs").Name(job.Name).
				Body(&metav1.DeleteOptions{PropagationPolicy: &foreground}).Do(ctx).Error()
			if err != nil && !apierrors.IsNotFound(err) {
				return domain.StepOutcome{}, t.fault(err)
			}
		default:
			if err := t.stuck(ctx, job); err != nil {
				return domain.StepOutcome{}, err
			}
			began = true
		}
		select {
		case <-ctx.Done():
			return domain.StepOutcome{}, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func (t *Target) migration(ctx context.Context, in deployment.ColourInput) (*batchv1.Job, error) {
	name := named(in.Plan.Service) + "-migrate"
	template, err := t.template(ctx, name)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return nil, domain.Errorf(domain.CodeInvalid, "the release changes the database, and there is no PodTemplate %s in namespace %s that says how", name, t.namespace)
	}
	if err != nil {
		return nil, err
	}
	pod := withRelease(template, in.Release)
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	once, day := int32(0), int32(24*60*60)
	digest := strings.TrimPrefix(in.Release.Digest, "sha256:")
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name + "-" + digest[:min(16, len(digest))],
			Labels:      map[string]string{labelName: application, labelComponent: in.Plan.Service + "-migrate"},
			Annotations: map[string]string{AnnotationDigest: in.Release.Digest, AnnotationVersion: in.Release.Version},
		},
		// A migration that fails is looked at by people, not tried again in the dark.
		Spec: batchv1.JobSpec{BackoffLimit: &once, TTLSecondsAfterFinished: &day, Template: pod},
	}, nil
}

func has(job *batchv1.Job, condition batchv1.JobConditionType) bool {
	for _, c := range job.Status.Conditions {
		if c.Type == condition {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func (t *Target) podsOfJob(ctx context.Context, job *batchv1.Job) ([]corev1.Pod, error) {
	return t.podsWith(ctx, labels.Set{batchv1.JobNameLabel: job.Name})
}

// stuck says why a migration does not even start.
func (t *Target) stuck(ctx context.Context, job *batchv1.Job) error {
	pods, err := t.podsOfJob(ctx, job)
	if err != nil {
		return err
	}
	for _, p := range pods {
		if err := t.ailment(&p, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// printedBy is how the migration ended and what it printed last, as far as its pod's
// status tells.
func (t *Target) printedBy(ctx context.Context, job *batchv1.Job) (domain.StepOutcome, error) {
	pods, err := t.podsOfJob(ctx, job)
	if err != nil {
		return domain.StepOutcome{}, err
	}
	var outcome domain.StepOutcome
	for _, p := range pods {
		for _, c := range p.Status.ContainerStatuses {
			if c.State.Terminated != nil {
				outcome = domain.StepOutcome{ExitCode: int(c.State.Terminated.ExitCode), Output: printed(c.State.Terminated)}
			}
		}
	}
	return outcome, nil
}
