package kubenode

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// network carries connections to pods: from cluster IPs, as kube-proxy does, and from the
// front door by the rules of Ingresses. Both follow the EndpointSlices.
type network struct {
	log     *slog.Logger
	factory informers.SharedInformerFactory
	slices  discoverylisters.EndpointSliceLister
	turn    atomic.Uint64

	mu        sync.Mutex
	listeners map[string]net.Listener // by address
}

func newNetwork(client kubernetes.Interface, log *slog.Logger) (*network, error) {
	n := &network{log: log, factory: informers.NewSharedInformerFactory(client, resync), listeners: map[string]net.Listener{}}
	n.slices = n.factory.Discovery().V1().EndpointSlices().Lister()
	n.factory.Networking().V1().Ingresses().Lister() // to be kept, too
	_, err := n.factory.Core().V1().Services().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    n.serve,
		UpdateFunc: func(_, o any) { n.serve(o) },
		DeleteFunc: n.unserve,
	})
	return n, err
}

// run serves until the context ends.
func (n *network) run(ctx context.Context, front string) error {
	n.factory.Start(ctx.Done())
	for kind, synced := range n.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return errors.New("no list of " + kind.String() + " was got")
		}
	}
	server := &http.Server{Addr: front, Handler: n.frontDoor(), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	n.log.InfoContext(ctx, "the node is ready", "ingress", front)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.listeners {
		_ = l.Close()
	}
	return nil
}

// pick returns the address of a ready endpoint of a service's port, each in its turn.
func (n *network) pick(namespace, service string, port *corev1.ServicePort) (string, bool) {
	slices, err := n.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service}))
	if err != nil {
		return "", false
	}
	var ready []string
	for _, s := range slices {
		for _, p := range s.Ports {
			if p.Port == nil || p.Name != nil && *p.Name != port.Name {
				continue
			}
			for _, e := range s.Endpoints {
				if len(e.Addresses) > 0 && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
					ready = append(ready, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*p.Port))))
				}
			}
		}
	}
	if len(ready) == 0 {
		return "", false
	}
	return ready[n.turn.Add(1)%uint64(len(ready))], true
}

// serve listens on the cluster IP of a service.
func (n *network) serve(object any) {
	s, ok := object.(*corev1.Service)
	if !ok || s.Spec.ClusterIP == "" || s.Spec.ClusterIP == corev1.ClusterIPNone || len(s.Spec.Selector) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, port := range s.Spec.Ports {
		address := net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(int(port.Port)))
		if n.listeners[address] != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			n.log.Warn("a service's address cannot be served", "service", s.Name, "error", err)
			continue
		}
		n.listeners[address] = l
		go n.accept(l, s.Namespace, s.Name, port)
	}
}

func (n *network) unserve(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	s, ok := object.(*corev1.Service)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, port := range s.Spec.Ports {
		address := net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(int(port.Port)))
		if l := n.listeners[address]; l != nil {
			_ = l.Close()
			delete(n.listeners, address)
		}
	}
}

func (n *network) accept(l net.Listener, namespace, service string, port corev1.ServicePort) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = client.Close() }()
			address, ok := n.pick(namespace, service, &port)
			if !ok {
				return // nobody is ready: a refused connection, as far as the client can tell
			}
			endpoint, err := dialer.Dial("tcp", address)
			if err != nil {
				return
			}
			join(client, endpoint)
		}()
	}
}

var dialer = &net.Dialer{Timeout: 2 * time.Second}

// join copies both ways until both sides are done.
func join(a, b net.Conn) {
	defer func() { _ = b.Close() }()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			if half, ok := way[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		})
	}
	both.Wait()
}
