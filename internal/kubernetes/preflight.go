package kubernetes

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Preflight finds out, changing nothing, whether the release could be brought up. Only a
// node can tell whether the image exists: Await says so within seconds.
func (t *Target) Preflight(ctx context.Context, in deployment.ColourInput) error {
	if err := feasible(in); err != nil {
		return err
	}
	if err := t.rights(ctx, in); err != nil {
		return err
	}
	if _, _, err := t.switchOf(ctx, in.Plan.Service); err != nil {
		return err
	}
	name := ofColour(in.Plan.Service, in.Colour)
	if _, err := get[corev1.Service](ctx, t.api, t.core, "services", name); err != nil {
		return t.missing(err, "Service", name)
	}
	d, err := t.apply(ctx, in, true)
	if err != nil {
		return err
	}
	return t.room(ctx, &d.Spec.Template.Spec, instances(in.Plan))
}

// imageName is a repository without tag or digest, such as "registry.example:5000/careflow/api".
var imageName = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)

func feasible(in deployment.ColourInput) error {
	if !imageName.MatchString(in.Release.Artifact) || !strings.Contains(in.Release.Artifact, "/") && strings.Contains(in.Release.Artifact, ":") {
		return domain.Errorf(domain.CodeInvalid, "%q is no image without a tag, such as registry.example/careflow", in.Release.Artifact)
	}
	if slices.ContainsFunc(in.Plan.Steps, func(share int) bool { return share != 100 }) {
		return domain.Errorf(domain.CodeInvalid, "a Service of Kubernetes switches in one step: the steps of %s must be 100 alone", in.Plan.Service)
	}
	return nil
}

// needed are the rights of who deploys a service, as the Role in deploy/kubernetes gives
// them.
func needed(service string, colour domain.Colour) []authorizationv1.ResourceAttributes {
	return []authorizationv1.ResourceAttributes{
		{Verb: "get", Resource: "services", Name: named(service)},
		{Verb: "patch", Resource: "services", Name: named(service)},
		{Verb: "get", Resource: "services", Name: ofColour(service, colour)},
		{Verb: "get", Resource: "podtemplates", Name: named(service)},
		{Verb: "list", Resource: "pods"},
		{Verb: "list", Resource: "resourcequotas"},
		{Verb: "get", Group: "apps", Resource: "deployments", Name: ofColour(service, colour)},
		{Verb: "patch", Group: "apps", Resource: "deployments", Name: ofColour(service, colour)},
		{Verb: "create", Group: "apps", Resource: "deployments"},
		{Verb: "get", Group: "batch", Resource: "jobs"},
		{Verb: "create", Group: "batch", Resource: "jobs"},
		{Verb: "delete", Group: "batch", Resource: "jobs"},
	}
}

// rights asks for all of them, so that one answer says everything there is to give.
func (t *Target) rights(ctx context.Context, in deployment.ColourInput) error {
	var lacking []string
	for _, n := range needed(in.Plan.Service, in.Colour) {
		n.Namespace = t.namespace
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &n}}
		if err := t.authorization.Post().Resource("selfsubjectaccessreviews").Body(review).Do(ctx).Into(review); err != nil {
			return t.fault(err)
		}
		if !review.Status.Allowed {
			lacking = append(lacking, strings.TrimSpace(n.Verb+" "+n.Resource+" "+n.Name))
		}
	}
	if len(lacking) > 0 {
		return domain.Errorf(domain.CodeDeployAccess, "the credentials for Kubernetes lack rights in namespace %s: %s", t.namespace, strings.Join(lacking, ", "))
	}
	return nil
}

// room compares what another colour needs with what the quotas of the namespace leave.
// Those that count only some pods are left to the API server.
func (t *Target) room(ctx context.Context, spec *corev1.PodSpec, instances int) error {
	quotas, err := list[corev1.ResourceQuotaList](ctx, t.api, t.core, "resourcequotas", "")
	if err != nil {
		return t.fault(err)
	}
	need := demand(spec, int64(instances))
	for _, q := range quotas.Items {
		if len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
			continue
		}
		for name, hard := range q.Status.Hard {
			wants, counted := need[name]
			if !counted {
				continue
			}
			left := hard.DeepCopy()
			left.Sub(q.Status.Used[name])
			if wants.Cmp(left) > 0 {
				return domain.Errorf(domain.CodeQuota, "the quota %s of namespace %s has no room for another colour: %d instances need %s %s, %s is left",
					q.Name, t.namespace, instances, fmt.Sprint(&wants), name, fmt.Sprint(&left))
			}
		}
	}
	return nil
}

// demand is what instances of a pod take of a quota.
func demand(spec *corev1.PodSpec, instances int64) corev1.ResourceList {
	total := corev1.ResourceList{}
	add := func(name corev1.ResourceName, amount resource.Quantity) {
		sum := total[name]
		for range instances {
			sum.Add(amount)
		}
		total[name] = sum
	}
	add(corev1.ResourcePods, resource.MustParse("1"))
	for _, c := range spec.Containers {
		for name, amount := range c.Resources.Requests {
			add(name, amount) // "cpu" is "requests.cpu" by its short name
			add("requests."+name, amount)
		}
		for name, amount := range c.Resources.Limits {
			add("limits."+name, amount)
		}
	}
	return total
}
