package kubenode

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// frontDoor forwards requests by the rules of all Ingresses, each request to an endpoint
// of its own choice, as ingress controllers do. Nothing is tried again: what fails is
// seen by the client.
func (n *network) frontDoor() http.Handler {
	type destination struct{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			to, _ := r.In.Context().Value(destination{}).(string)
			r.SetURL(&url.URL{Scheme: "http", Host: to})
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute,
		},
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		namespace, service, port := n.route(r.Host, r.URL.Path)
		if service == "" {
			http.Error(w, "no Ingress names this host and path", http.StatusNotFound)
			return
		}
		to, ok := n.pick(namespace, service, port)
		if !ok {
			http.Error(w, "no endpoint of the service is ready", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), destination{}, to)))
	})
}

// route finds the service behind a host and a path: of the rules that match, the one with
// the longest path.
func (n *network) route(host, path string) (namespace, service string, port *corev1.ServicePort) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	all, err := n.factory.Networking().V1().Ingresses().Lister().List(labels.Everything())
	if err != nil {
		return "", "", nil
	}
	best := -1
	for _, ingress := range all {
		for _, rule := range ingress.Spec.Rules {
			if rule.Host != "" && rule.Host != host || rule.HTTP == nil {
				continue
			}
			for _, p := range rule.HTTP.Paths {
				if p.Backend.Service == nil || len(p.Path) <= best || !covers(p, path) {
					continue
				}
				if found := n.port(ingress.Namespace, p.Backend.Service); found != nil {
					best, namespace, service, port = len(p.Path), ingress.Namespace, p.Backend.Service.Name, found
				}
			}
		}
	}
	return namespace, service, port
}

func covers(p networkingv1.HTTPIngressPath, path string) bool {
	if p.PathType != nil && *p.PathType == networkingv1.PathTypeExact {
		return path == p.Path
	}
	prefix := strings.TrimSuffix(p.Path, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// port is the port of a service that an Ingress names by number or name.
func (n *network) port(namespace string, backend *networkingv1.IngressServiceBackend) *corev1.ServicePort {
	s, err := n.factory.Core().V1().Services().Lister().Services(namespace).Get(backend.Name)
	if err != nil {
		return nil
	}
	for i, p := range s.Spec.Ports {
		if backend.Port.Name != "" && p.Name == backend.Port.Name || backend.Port.Number != 0 && p.Port == backend.Port.Number {
			return &s.Spec.Ports[i]
		}
	}
	return nil
}
