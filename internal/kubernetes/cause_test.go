package kubernetes

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/careflow/careflow/internal/domain"
)

func TestEachErrorOfTheAPIServerHasItsCode(t *testing.T) {
	t.Parallel()
	target := &Target{api: api{namespace: "careflow"}}
	things := schema.GroupResource{Resource: "things"}
	for name, c := range map[string]struct {
		err  error
		want domain.Code
	}{
		"wrong credentials": {apierrors.NewUnauthorized("no"), domain.CodeDeployAccess},
		"no right":          {apierrors.NewForbidden(things, "x", errors.New("RBAC: not allowed")), domain.CodeDeployAccess},
		"quota":             {apierrors.NewForbidden(things, "x", errors.New("exceeded quota: small")), domain.CodeQuota},
		"not there":         {apierrors.NewNotFound(things, "x"), domain.CodeNotFound},
		"a bad manifest":    {apierrors.NewBadRequest("strict decoding error"), domain.CodeInvalid},
		"overload":          {apierrors.NewTooManyRequestsError("later"), domain.CodeUnavailable},
		"a conflict":        {apierrors.NewConflict(things, "x", errors.New("changed")), domain.CodeUnavailable},
		"the network":       {errors.New("connection refused"), domain.CodeUnavailable},
	} {
		require.Equal(t, c.want, domain.CodeOf(target.fault(c.err)), name)
	}
	require.NoError(t, target.fault(nil))
}

func TestWhatMayPassIsWaitedFor(t *testing.T) {
	t.Parallel()
	target := &Target{unschedulableFor: defaultUnschedulableFor}
	now := time.Now()
	pod := func(alter func(*corev1.Pod)) []corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
		alter(&p)
		return []corev1.Pod{p}
	}
	waiting := func(reason string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}
		}
	}
	unscheduled := func(since time.Duration) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, LastTransitionTime: metav1.NewTime(now.Add(-since)),
			}}
		}
	}
	restarted := func(times int32) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: times, LastTerminationState: corev1.ContainerState{
				Terminated: &corev1.ContainerStateTerminated{ExitCode: 1},
			}}}
		}
	}
	for name, c := range map[string]struct {
		pods []corev1.Pod
		want domain.Code
	}{
		"a container that is being made": {pod(waiting("ContainerCreating")), ""},
		"a first pull that failed":       {pod(waiting("ErrImagePull")), ""},
		"a pull that is given up":        {pod(waiting("ImagePullBackOff")), domain.CodeNoArtifact},
		"a name that is none":            {pod(waiting("InvalidImageName")), domain.CodeNoArtifact},
		"a secret that is missing":       {pod(waiting("CreateContainerConfigError")), domain.CodeNotAvailable},
		"one restart":                    {pod(restarted(1)), ""},
		"restart after restart":          {pod(restarted(2)), domain.CodeNotAvailable},
		"a node that may still come":     {pod(unscheduled(time.Minute)), ""},
		"no node for minutes":            {pod(unscheduled(3 * time.Minute)), domain.CodeNotAvailable},
	} {
		require.Equal(t, c.want, domain.CodeOf(target.cause(&appsv1.Deployment{}, c.pods, now)), name)
	}
	late := &appsv1.Deployment{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentProgressing, Reason: "ProgressDeadlineExceeded"},
	}}}
	for reason, want := range map[string]domain.Code{"ErrImagePull": domain.CodeNoArtifact, "ContainerCreating": domain.CodeNotAvailable} {
		require.Equal(t, want, domain.CodeOf(target.cause(late, pod(waiting(reason)), now)), "%s at the progress deadline", reason)
	}
}
