package kubenode

import (
	"context"
	"encoding/json"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pod is the containers of one pod, and what is told of them.
type pod struct {
	node       *Node
	spec       *corev1.Pod
	address    netip.Addr
	containers []*container
	started    metav1.Time

	ending chan struct{} // closed when the pod shall end
	once   sync.Once
	grace  time.Duration // valid once ending is closed

	reporting sync.Mutex
	readyAt   *metav1.Time // since when the pod is ready
}

func newPod(n *Node, spec *corev1.Pod, address netip.Addr) *pod {
	p := &pod{node: n, spec: spec, address: address, started: metav1.Now(), ending: make(chan struct{})}
	for _, c := range spec.Spec.Containers {
		p.containers = append(p.containers, newContainer(p, c))
	}
	return p
}

// terminate begins the end of the pod; only the first call counts.
func (p *pod) terminate(grace time.Duration) {
	p.once.Do(func() {
		p.grace = grace
		close(p.ending)
	})
}

// run lives as long as the pod does.
func (p *pod) run(ctx context.Context) {
	p.report(ctx)
	var all sync.WaitGroup
	for _, c := range p.containers {
		all.Go(func() { c.run(ctx) })
	}
	all.Wait()
	select {
	case <-p.ending:
		if ctx.Err() == nil {
			p.node.remove(ctx, p.spec)
		}
	default: // it ran to its end
		p.report(ctx)
	}
}

// report tells the API how the pod is. A merge patch names only what a kubelet owns, so
// that it conflicts with nobody.
func (p *pod) report(ctx context.Context) {
	p.reporting.Lock()
	defer p.reporting.Unlock()
	patch, err := json.Marshal(map[string]any{"status": p.status()})
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err = p.node.Client.CoreV1().Pods(p.spec.Namespace).Patch(attempt, p.spec.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		cancel()
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
			break
		}
		wait(ctx, p.ending, 200*time.Millisecond)
	}
	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) {
		p.node.Log.WarnContext(ctx, "the pod's status was refused", "pod", p.spec.Name, "error", err)
	}
}

func (p *pod) status() corev1.PodStatus {
	s := corev1.PodStatus{
		Phase: corev1.PodPending, HostIP: p.address.String(), PodIP: p.address.String(),
		PodIPs: []corev1.PodIP{{IP: p.address.String()}}, StartTime: &p.started,
	}
	ready, everRan, done, failed := true, false, true, false
	for _, c := range p.containers {
		state := c.snapshot()
		s.ContainerStatuses = append(s.ContainerStatuses, state)
		ready = ready && state.Ready
		everRan = everRan || state.State.Running != nil || state.RestartCount > 0 || state.State.Terminated != nil
		done = done && state.State.Terminated != nil
		failed = failed || state.State.Terminated != nil && state.State.Terminated.ExitCode != 0
	}
	switch {
	case done && failed:
		s.Phase = corev1.PodFailed
	case done:
		s.Phase = corev1.PodSucceeded
	case everRan:
		s.Phase = corev1.PodRunning
	}
	if ready != (p.readyAt != nil) {
		p.readyAt = nil
		if ready {
			now := metav1.Now()
			p.readyAt = &now
		}
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized} {
		s.Conditions = append(s.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: p.started})
	}
	for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
		c := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: "ContainersNotReady", LastTransitionTime: p.started}
		if ready {
			c.Status, c.Reason, c.LastTransitionTime = corev1.ConditionTrue, "", *p.readyAt
		}
		s.Conditions = append(s.Conditions, c)
	}
	return s
}

// wait pauses unless the context or the pod ends; it reports whether to go on.
func wait(ctx context.Context, ending <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-ending:
		return false
	case <-timer.C:
		return true
	}
}
