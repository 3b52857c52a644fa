package kubernetes

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Switch moves all requests to a colour by one patch that tests what it was decided on: if
// anybody has changed the Service since, it is refused and nothing moves. A Service knows
// no weights, so a share is refused rather than rounded.
func (t *Target) Switch(ctx context.Context, in deployment.SwitchInput) (string, error) {
	if in.Share != 100 {
		return "", domain.Errorf(domain.CodeInvalid, "a Service of Kubernetes switches in one step: it cannot send %d %% to a colour", in.Share)
	}
	service, live, err := t.switchOf(ctx, in.Plan.Service)
	if err != nil {
		return "", err
	}
	if switched(service, live, in) {
		return service.ResourceVersion, nil
	}
	if service.ResourceVersion != in.Revision {
		return "", stale(service, live)
	}
	if err := t.serves(ctx, in); err != nil {
		return "", err
	}
	move, err := switchPatch(service, live, in)
	if err != nil {
		return "", err
	}
	now, err := patch[corev1.Service](ctx, t.api, t.core, "services", service.Name, types.JSONPatchType, move, metav1.PatchOptions{FieldManager: fieldManager})
	if apierrors.IsInvalid(err) || apierrors.IsConflict(err) { // a test of the patch failed
		return "", stale(service, live)
	}
	if err != nil {
		return "", t.fault(err)
	}
	return now.ResourceVersion, nil
}

// switched reports whether this very switch, or none, is what is left to do.
func switched(service *corev1.Service, live domain.Colour, in deployment.SwitchInput) bool {
	return live == in.To && (service.ResourceVersion == in.Revision || service.Annotations[annotationSwitchedFrom] == in.Revision)
}

func stale(service *corev1.Service, live domain.Colour) error {
	return domain.Errorf(domain.CodeStale, "somebody has changed the Service %s since the switch was decided on; it selects %s", service.Name, live)
}

// serves refuses a switch to nothing.
func (t *Target) serves(ctx context.Context, in deployment.SwitchInput) error {
	pods, err := t.podsOf(ctx, in.Plan.Service, in.To)
	if err != nil {
		return err
	}
	for _, p := range pods {
		if isReady(&p) && p.DeletionTimestamp == nil {
			return nil
		}
	}
	return domain.Errorf(domain.CodeNotAvailable, "no instance of %s is ready: nobody would answer", ofColour(in.Plan.Service, in.To))
}

// switchPatch tests and sets in one request.
func switchPatch(service *corev1.Service, live domain.Colour, in deployment.SwitchInput) ([]byte, error) {
	annotations := maps.Clone(service.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotationSwitchedFrom] = in.Revision
	colour := "/spec/selector/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(LabelColour)
	return json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/resourceVersion", "value": in.Revision},
		{"op": "test", "path": colour, "value": live},
		{"op": "replace", "path": colour, "value": in.To},
		{"op": "add", "path": "/metadata/annotations", "value": annotations},
	})
}
