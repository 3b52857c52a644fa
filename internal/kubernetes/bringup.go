package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// VariableDigest tells a process its own release's digest, which it answers with.
const VariableDigest = "CAREFLOW_RELEASE"

// BringUp begins to run the release in the colour. A colour that runs it already is left
// as it is: on the way back, that is the release with the settings that it worked with.
func (t *Target) BringUp(ctx context.Context, in deployment.ColourInput) error {
	service, live, err := t.switchOf(ctx, in.Plan.Service)
	if err != nil {
		return err
	}
	name := ofColour(in.Plan.Service, in.Colour)
	now, err := get[appsv1.Deployment](ctx, t.api, t.apps, "deployments", name)
	if err != nil && !apierrors.IsNotFound(err) {
		return t.fault(err)
	}
	runs := err == nil && digestOf(now) == in.Release.Digest && wanted(now) > 0
	switch {
	case live == in.Colour && err == nil && wanted(now) > 0 && !runs:
		return domain.Errorf(domain.CodeConflict, "%s takes requests: the Service %s selects it", name, service.Name)
	case runs && wanted(now) >= instances(in.Plan):
		return nil
	case runs:
		return t.scale(ctx, name, instances(in.Plan))
	}
	_, err = t.apply(ctx, in, false)
	return err
}

// apply writes the Deployment of a colour by server-side apply: what it holds is ours,
// whoever wrote it last.
func (t *Target) apply(ctx context.Context, in deployment.ColourInput, dryRun bool) (*appsv1.Deployment, error) {
	template, err := t.template(ctx, named(in.Plan.Service))
	if err != nil {
		return nil, err
	}
	wish, err := manifest(in, template)
	if err != nil {
		return nil, err
	}
	force := true
	options := metav1.PatchOptions{FieldManager: fieldManager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	d, err := patch[appsv1.Deployment](ctx, t.api, t.apps, "deployments", ofColour(in.Plan.Service, in.Colour), types.ApplyPatchType, wish, options)
	return d, t.fault(err)
}

func (t *Target) template(ctx context.Context, name string) (*corev1.PodTemplateSpec, error) {
	p, err := get[corev1.PodTemplate](ctx, t.api, t.core, "podtemplates", name)
	if err != nil {
		return nil, t.missing(err, "PodTemplate", name)
	}
	if len(p.Template.Spec.Containers) == 0 {
		return nil, domain.Errorf(domain.CodeInvalid, "the PodTemplate %s has no container", name)
	}
	return &p.Template, nil
}

// manifest is the Deployment of a colour: the template with the release in its first
// container.
func manifest(in deployment.ColourInput, template *corev1.PodTemplateSpec) ([]byte, error) {
	labels := selector(in.Plan.Service, in.Colour)
	replicas := int32(instances(in.Plan)) //nolint:gosec // G115: a few
	none, all := intstr.FromInt32(0), intstr.FromString("100%")
	d := appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{
			Name: ofColour(in.Plan.Service, in.Colour), Labels: labels,
			Annotations: map[string]string{
				AnnotationDigest: in.Release.Digest, AnnotationVersion: in.Release.Version, AnnotationArtifact: in.Release.Artifact,
			},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: withRelease(template, in.Release),
			// Whoever edits a live colour by hand must not stop what serves.
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &none, MaxSurge: &all},
			},
		},
	}
	d.Spec.Template.Labels = maps.Clone(d.Spec.Template.Labels)
	if d.Spec.Template.Labels == nil {
		d.Spec.Template.Labels = map[string]string{}
	}
	maps.Copy(d.Spec.Template.Labels, labels)
	if in.Plan.AvailableWithin > 0 {
		within := int32(max(in.Plan.AvailableWithin/time.Second, 1)) //nolint:gosec // G115: minutes
		d.Spec.ProgressDeadlineSeconds = &within
	}
	return wire(d)
}

// withRelease is the template with the release in its first container.
func withRelease(template *corev1.PodTemplateSpec, r domain.Release) corev1.PodTemplateSpec {
	t := *template.DeepCopy()
	c := &t.Spec.Containers[0]
	c.Image = r.Artifact + "@" + r.Digest
	kept := c.Env[:0]
	for _, v := range c.Env {
		if v.Name != VariableDigest {
			kept = append(kept, v)
		}
	}
	c.Env = append(kept, corev1.EnvVar{Name: VariableDigest, Value: r.Digest})
	return t
}

// wire is an object as it is applied, without the fields that only the server writes.
func wire(object any) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	return json.Marshal(fields)
}

func instances(s domain.DeploymentService) int { return max(s.Instances, 1) }

func (t *Target) scale(ctx context.Context, name string, to int) error {
	_, err := patch[appsv1.Deployment](ctx, t.api, t.apps, "deployments", name, types.MergePatchType,
		fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, to), metav1.PatchOptions{FieldManager: fieldManager})
	return t.fault(err)
}

// Retire stops the instances of a colour; its Deployment stays, so that people see what
// it held.
func (t *Target) Retire(ctx context.Context, s domain.DeploymentService, colour domain.Colour) error {
	service, live, err := t.switchOf(ctx, s.Service)
	if err != nil {
		return err
	}
	name := ofColour(s.Service, colour)
	if live == colour {
		return domain.Errorf(domain.CodeConflict, "%s takes requests: the Service %s selects it", name, service.Name)
	}
	if err := t.scale(ctx, name, 0); domain.CodeOf(err) != domain.CodeNotFound {
		return err
	}
	return nil // it never was
}
