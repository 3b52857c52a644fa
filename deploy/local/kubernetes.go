package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Ports and networks of the control plane and its node. They are the same everywhere: the
// whole stack lives in a network of its own.
const (
	etcdClientPort = 12379
	etcdPeerPort   = 12380
	kubernetesPort = 16443
	podNetwork     = "10.250.0.0/16"
	serviceNetwork = "10.251.0.0/16"
	nodeAddress    = "10.250.0.1" // of the API server for those inside, and of the front door
	frontDoor      = nodeAddress + ":80"
)

// controllers are those that deployments rest on. There is none for the health of nodes:
// the only one sends no heartbeats.
const controllers = "deployment-controller,replicaset-controller,endpointslice-controller,garbage-collector-controller," +
	"namespace-controller,job-controller,resourcequota-controller,serviceaccount-controller,disruption-controller"

// startControlPlane starts a Kubernetes of one node. The order is that of the end, too:
// the API server must stop before etcd, or it waits for it in vain.
func (s *stack) startControlPlane(ctx context.Context) error {
	began := time.Now()
	if err := os.MkdirAll(s.path("kubernetes", "certificates"), 0o700); err != nil {
		return err
	}
	token := word(32)
	if err := s.writeAccess(token); err != nil {
		return err
	}
	etcd := fmt.Sprintf("http://127.0.0.1:%d", etcdClientPort)
	parts := []struct {
		name  string
		args  []string
		ready func(context.Context) error
	}{
		{"etcd", []string{s.path("kubernetes", "etcd"), etcd, fmt.Sprintf("http://127.0.0.1:%d", etcdPeerPort)}, accepts(etcdClientPort)},
		{"kube-apiserver", s.apiServerFlags(etcd), s.pingKubernetes(token)},
		{"kube-scheduler", []string{
			"--kubeconfig=" + s.kubeconfig(), "--authentication-kubeconfig=" + s.kubeconfig(), "--authorization-kubeconfig=" + s.kubeconfig(),
			"--leader-elect=false", "--secure-port=0",
		}, nil},
		{"kube-controller-manager", []string{
			"--kubeconfig=" + s.kubeconfig(), "--authentication-kubeconfig=" + s.kubeconfig(), "--authorization-kubeconfig=" + s.kubeconfig(),
			"--leader-elect=false", "--secure-port=0", "--controllers=" + controllers,
		}, nil},
	}
	for _, part := range parts {
		c, err := s.start(program{
			name: part.name, path: toolPath("kubernetes"), args: append([]string{part.name}, part.args...),
			env: minimalEnvironment(), dir: s.folder, stop: syscall.SIGTERM, patience: 20 * time.Second,
		})
		if err != nil {
			return err
		}
		s.failOnDeath(ctx, c)
		if part.ready == nil {
			continue
		}
		if err := waitFor(ctx, s.out, c, longestWait, part.ready); err != nil {
			return err
		}
	}
	s.out.step("Kubernetes", "control plane ready (%s)", rounded(time.Since(began)))
	return s.startNode(ctx)
}

func (s *stack) apiServerFlags(etcd string) []string {
	key := s.path("kubernetes", "service-accounts.pem")
	return []string{
		"--etcd-servers=" + etcd, fmt.Sprintf("--secure-port=%d", kubernetesPort), "--bind-address=127.0.0.1",
		"--advertise-address=" + nodeAddress, "--cert-dir=" + s.path("kubernetes", "certificates"),
		"--token-auth-file=" + s.path("kubernetes", "tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
		"--service-cluster-ip-range=" + serviceNetwork,
		"--shutdown-delay-duration=0s",
	}
}

func (s *stack) kubeconfig() string { return s.path("kubernetes", "config") }

// writeAccess makes the key of service accounts, and an administrator with a file to log
// in by.
func (s *stack) writeAccess(token string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %q}}]
users: [{name: administrator, user: {token: %q}}]
contexts: [{name: test, context: {cluster: test, user: administrator}}]
current-context: test
`, kubernetesPort, s.path("kubernetes", "certificates", "apiserver.crt"), token)
	return errors.Join(
		replaceFile(s.path("kubernetes", "service-accounts.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600),
		replaceFile(s.path("kubernetes", "tokens.csv"), []byte(token+`,administrator,administrator,"system:masters"`+"\n"), 0o600),
		replaceFile(s.kubeconfig(), []byte(config), 0o600),
	)
}

// pingKubernetes asks whether the API server is ready, trusting the certificate it has
// made for itself.
func (s *stack) pingKubernetes(token string) func(context.Context) error {
	return func(ctx context.Context) error {
		certificate, err := os.ReadFile(s.path("kubernetes", "certificates", "apiserver.crt"))
		if err != nil {
			return err
		}
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(certificate)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13}}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/readyz", kubernetesPort), nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the API server answers %s", response.Status)
		}
		return nil
	}
}

// startNode starts the node that runs pods as processes.
func (s *stack) startNode(ctx context.Context) error {
	c, err := s.start(program{
		name: "node", path: s.path("bin", "kubenode"),
		args: []string{
			"-kubeconfig", s.kubeconfig(), "-images", s.imageFolder(), "-logs", s.path("logs", "pods"),
			"-pods", podNetwork, "-ingress", frontDoor,
		},
		env: minimalEnvironment(), dir: s.folder, stop: syscall.SIGTERM, patience: 20 * time.Second,
	})
	if err != nil {
		return err
	}
	s.failOnDeath(ctx, c)
	return waitFor(ctx, s.out, c, longestWait, dials(frontDoor))
}

func (s *stack) imageFolder() string { return filepath.Join(s.folder, "images") }

// kubernetesSettings tell tests where the cluster is.
func (s *stack) kubernetesSettings() map[string]string {
	return map[string]string{
		"CAREFLOW_TEST_KUBECONFIG":  s.kubeconfig(),
		"CAREFLOW_TEST_KUBE_IMAGES": s.imageFolder(),
		"CAREFLOW_TEST_KUBE_FRONT":  frontDoor,
	}
}
