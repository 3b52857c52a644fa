// Package kubenode is a Kubernetes node for tests, made of plain processes: a kubelet that
// runs each container as a process on its pod's own address, what kube-proxy does for
// cluster IPs, and what an ingress controller does for Ingresses. With a real control
// plane beside it, Deployments, EndpointSlices, probes, quotas and their conflicts are
// real, without container images.
//
// What a container runtime adds is not there: no file system, user or memory limit of the
// container's own, no volumes. It is never part of production.
package kubenode

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Config says what a node is made of.
type Config struct {
	// Name of the node.
	Name string
	// Images is the folder of the images, see ImageFolder.
	Images string
	// Logs is the folder that gets a file for each container.
	Logs string
	// Pods is the network that pods get their addresses from. All its addresses must be
	// this machine's.
	Pods netip.Prefix
	// Ingress is the address, host:port, of the front door.
	Ingress string
	Client  kubernetes.Interface
	Log     *slog.Logger
}

// Node runs the pods that the scheduler gives to it.
type Node struct {
	Config

	mu      sync.Mutex
	address netip.Addr // the last one given to a pod
	pods    map[types.UID]*pod
	running sync.WaitGroup
}

// resync brings back what a lost event has hidden.
const resync = 30 * time.Second

// Run registers the node and runs until the context ends; it then ends every process.
func Run(ctx context.Context, cfg Config) error {
	n := &Node{Config: cfg, pods: map[types.UID]*pod{}, address: cfg.Pods.Masked().Addr().Next()}
	if err := n.register(ctx); err != nil {
		return fmt.Errorf("registering the node: %w", err)
	}
	defer n.end()

	mine := informers.NewSharedInformerFactoryWithOptions(n.Client, resync, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", n.Name).String()
	}))
	pods := mine.Core().V1().Pods().Informer()
	if _, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.observe(ctx, o) },
		UpdateFunc: func(_, o any) { n.observe(ctx, o) },
		DeleteFunc: n.forget,
	}); err != nil {
		return err
	}
	network, err := newNetwork(n.Client, n.Log)
	if err != nil {
		return err
	}
	mine.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), pods.HasSynced) {
		return ctx.Err()
	}
	return network.run(ctx, n.Ingress)
}

// register makes the node known as ready, with room for what tests run.
func (n *Node) register(ctx context.Context) error {
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("16"), corev1.ResourceMemory: resource.MustParse("32Gi"), corev1.ResourcePods: resource.MustParse("250"),
	}
	nodes := n.Client.CoreV1().Nodes()
	_, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	node, err := nodes.Get(ctx, n.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	// A new node is tainted as not ready; the controller that would take that away is not
	// there, as nothing here sends heartbeats.
	node.Spec.Taints = nil
	if node, err = nodes.Update(ctx, node, metav1.UpdateOptions{}); err != nil {
		return err
	}
	now := metav1.Now()
	node.Status.Capacity, node.Status.Allocatable = room, room
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: now, LastTransitionTime: now,
	}}
	_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

// observe starts a pod that is new here, and ends one that is being deleted.
func (n *Node) observe(ctx context.Context, object any) {
	seen, ok := object.(*corev1.Pod)
	if !ok || ctx.Err() != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.pods[seen.UID]
	switch {
	case p == nil && seen.DeletionTimestamp != nil:
		go n.remove(ctx, seen) // of a kubelet before us
	case p == nil && (seen.Status.Phase == corev1.PodSucceeded || seen.Status.Phase == corev1.PodFailed):
	case p == nil:
		n.address = n.address.Next()
		p = newPod(n, seen.DeepCopy(), n.address)
		n.pods[seen.UID] = p
		n.running.Go(func() { p.run(ctx) })
	case seen.DeletionTimestamp != nil:
		grace := corev1.DefaultTerminationGracePeriodSeconds
		if seen.DeletionGracePeriodSeconds != nil {
			grace = int(*seen.DeletionGracePeriodSeconds)
		}
		p.terminate(time.Duration(grace) * time.Second)
	}
}

// forget ends a pod that is gone from the API without a grace.
func (n *Node) forget(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	seen, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.pods[seen.UID]; p != nil {
		p.terminate(0)
		delete(n.pods, seen.UID)
	}
}

// remove says that nothing of a pod is left.
func (n *Node) remove(ctx context.Context, p *corev1.Pod) {
	now, uid := int64(0), p.UID
	err := n.Client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && ctx.Err() == nil {
		n.Log.WarnContext(ctx, "the pod could not be removed", "pod", p.Name, "error", err)
	}
}

// end kills what still runs.
func (n *Node) end() {
	n.mu.Lock()
	for _, p := range n.pods {
		p.terminate(0)
	}
	n.mu.Unlock()
	n.running.Wait()
}
