package kubernetes

import (
	"context"
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/careflow/careflow/internal/domain"
)

// fault is the one place that says what an error of the API server means.
func (t *Target) fault(err error) error {
	var known *domain.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case apierrors.IsUnauthorized(err):
		return domain.Errorf(domain.CodeDeployAccess, "Kubernetes does not accept the credentials: they are wrong, or no longer valid").Because(err)
	case apierrors.IsForbidden(err) && isQuota(err.Error()):
		return domain.Errorf(domain.CodeQuota, "the quota of namespace %s has no room: %s", t.namespace, oneLine(err)).Because(err)
	case apierrors.IsForbidden(err):
		return domain.Errorf(domain.CodeDeployAccess, "the credentials for Kubernetes lack a right: %s", oneLine(err)).Because(err)
	case apierrors.IsNotFound(err):
		return domain.Errorf(domain.CodeNotFound, "Kubernetes does not have it: %s", oneLine(err)).Because(err)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return domain.Errorf(domain.CodeInvalid, "Kubernetes refuses the manifest: %s", oneLine(err)).Because(err)
	default: // conflicts, overload and whatever the network does: to be tried again
		return domain.Errorf(domain.CodeUnavailable, "Kubernetes cannot be reached or cannot answer now").Because(err)
	}
}

// missing is fault for an object that the manifests should have made.
func (t *Target) missing(err error, kind, name string) error {
	if apierrors.IsNotFound(err) {
		return domain.Errorf(domain.CodeNotFound, "there is no %s %s in namespace %s: apply the manifests of deploy/kubernetes first", kind, name, t.namespace).Because(err)
	}
	return t.fault(err)
}

func isQuota(message string) bool { return strings.Contains(message, "exceeded quota") }

func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	const most = 400
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
