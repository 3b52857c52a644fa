package deploy_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/testkit"
)

// instance stands for one colour of the API.
type instance struct {
	*httptest.Server
	mu    sync.Mutex
	conns map[string]bool
	hold  chan struct{}
}

func startInstance(t *testing.T, colour string) *instance {
	t.Helper()
	i := &instance{conns: map[string]bool{}, hold: make(chan struct{})}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.conns[r.RemoteAddr] = true
		i.mu.Unlock()
		w.Header().Set("X-Colour", colour)
		w.Header().Set("X-Seen-For", r.Header.Get("X-Forwarded-For"))
		w.Header().Set("X-Seen-Proto", r.Header.Get("X-Forwarded-Proto"))
		w.Header().Set("Strict-Transport-Security", "max-age=1")
		if strings.HasSuffix(r.URL.Path, "/stream") {
			_, _ = io.WriteString(w, "data: first\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-i.hold:
			case <-r.Context().Done():
			}
			return
		}
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(i.Close)
	return i
}

// proxy is the real nginx with the files of production, on ports and in folders of the test.
type proxy struct {
	t            *testing.T
	https, http  string
	client       *http.Client
	blue, green  *instance
	switchFolder string
}

func startProxy(t *testing.T) *proxy {
	t.Helper()
	folder := t.TempDir()
	p := &proxy{
		t: t, https: testkit.FreeAddress(t), http: testkit.FreeAddress(t), switchFolder: filepath.Join(folder, "live"),
		blue: startInstance(t, "blue"), green: startInstance(t, "green"),
	}
	require.NoError(t, os.MkdirAll(p.switchFolder, 0o755))
	place := func(text, from, to string) string {
		require.Contains(t, text, from)
		return strings.ReplaceAll(text, from, to)
	}
	for _, name := range []string{"nginx.conf", "upstreams.conf", "server.conf", "proxy.conf"} {
		text := read(t, "nginx/"+name)
		switch name {
		case "nginx.conf":
			text = place(text, "/run/careflow-nginx.pid", filepath.Join(folder, "pid"))
			text = place(text, "/var/log/nginx/careflow.json", filepath.Join(folder, "access.json"))
		case "upstreams.conf":
			text = place(text, "127.0.0.1:8181", p.blue.Listener.Addr().String())
			text = place(text, "127.0.0.1:8182", p.green.Listener.Addr().String())
		case "server.conf":
			text = place(text, "listen 443", "listen "+p.https)
			text = place(text, "listen 80", "listen "+p.http)
		case "proxy.conf":
			text = place(text, "/var/lib/careflow/switch/live", p.switchFolder)
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	roots := certificate(t, filepath.Join(folder, "tls"))
	p.client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "visits.clinic.example"}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}
	p.run(folder)
	return p
}

func (p *proxy) run(folder string) {
	p.t.Helper()
	globals := "daemon off;"
	if os.Geteuid() == 0 {
		globals += " user root;" // the test's folder is root's
	}
	nginx := exec.Command(testkit.Env(p.t, "CAREFLOW_TEST_NGINX"), "-p", folder, "-c", filepath.Join(folder, "nginx.conf"), "-g", globals)
	var log strings.Builder
	nginx.Stderr = &log
	require.NoError(p.t, nginx.Start())
	p.t.Cleanup(func() {
		_ = nginx.Process.Signal(os.Interrupt)
		_ = nginx.Wait()
		if p.t.Failed() {
			p.t.Log(log.String())
		}
	})
	testkit.Eventually(p.t, func() bool {
		c, err := net.Dial("tcp", p.https)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, "nginx listens")
}

// certificate makes one for visits.clinic.example, and trusts it.
func certificate(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"visits.clinic.example"}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	require.NoError(t, os.WriteFile(filepath.Join(folder, "careflow.crt"), public, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "careflow.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(public))
	return roots
}

func (p *proxy) do(method, path, body string, headers ...string) *http.Response {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, "https://"+p.https+path, strings.NewReader(body))
	require.NoError(p.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := p.client.Do(r)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestTheReverseProxy(t *testing.T) { //nolint:tparallel // its parts share one proxy and its limits, in this order
	t.Parallel()
	p := startProxy(t)

	t.Run("speaks TLS 1.2 and 1.3 only, and asks browsers to stay with it", func(t *testing.T) {
		resp := p.do(http.MethodGet, "/v1/doctors", "")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, []string{"max-age=31536000; includeSubDomains"}, resp.Header.Values("Strict-Transport-Security"))
		require.NotContains(t, resp.Header.Get("Server"), "/", "no version")
		_, err := tls.Dial("tcp", p.https, &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true})
		require.Error(t, err)
		plain, err := p.client.Get("http://" + p.http + "/v1/doctors?q=1")
		require.NoError(t, err)
		defer func() { _ = plain.Body.Close() }()
		require.Equal(t, http.StatusPermanentRedirect, plain.StatusCode)
		require.True(t, strings.HasPrefix(plain.Header.Get("Location"), "https://"))
	})
	t.Run("tells the API who asks, and believes nobody else", func(t *testing.T) {
		resp := p.do(http.MethodGet, "/v1/doctors", "", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http")
		require.Equal(t, "127.0.0.1", resp.Header.Get("X-Seen-For"))
		require.Equal(t, "https", resp.Header.Get("X-Seen-Proto"))
	})
	t.Run("refuses what is too large", func(t *testing.T) {
		large := p.do(http.MethodPost, "/v1/appointments", strings.Repeat("x", 2<<20))
		require.Equal(t, http.StatusRequestEntityTooLarge, large.StatusCode)
		require.Equal(t, "application/problem+json", large.Header.Get("Content-Type"))
		require.Equal(t, http.StatusRequestEntityTooLarge, p.do(http.MethodPost, "/v1/sessions", strings.Repeat("x", 20<<10)).StatusCode)
	})
	t.Run("keeps what is the platform's to itself", func(t *testing.T) {
		for _, path := range inside {
			require.Equal(t, http.StatusNotFound, p.do(http.MethodGet, path, "").StatusCode, path)
		}
	})
	t.Run("lets a deployment see which release serves", func(t *testing.T) {
		require.Equal(t, "blue", p.do(http.MethodGet, frontPath(t), "").Header.Get("X-Colour"))
	})
	t.Run("does not hold a stream back", func(t *testing.T) {
		defer close(p.blue.hold)
		resp := p.do(http.MethodGet, "/v1/appointments/0199/stream", "")
		line, err := bufio.NewReader(resp.Body).ReadString('\n') // while the API still holds the stream
		require.NoError(t, err)
		require.Equal(t, "data: first\n", line)
	})
	t.Run("keeps connections to the API open", func(t *testing.T) {
		for range 20 {
			require.Equal(t, http.StatusOK, p.do(http.MethodPost, "/v1/appointments", "{}").StatusCode)
		}
		p.blue.mu.Lock()
		defer p.blue.mu.Unlock()
		require.LessOrEqual(t, len(p.blue.conns), 8, "each of nginx's workers has its own")
	})
	t.Run("switches by a file, without a reload", func(t *testing.T) {
		require.Equal(t, "blue", p.do(http.MethodGet, "/v1/doctors", "").Header.Get("X-Colour"))
		flag := filepath.Join(p.switchFolder, "green")
		require.NoError(t, os.WriteFile(flag, nil, 0o600))
		require.Equal(t, "green", p.do(http.MethodGet, "/v1/doctors", "").Header.Get("X-Colour"))
		require.NoError(t, os.Remove(flag))
		require.Equal(t, "blue", p.do(http.MethodGet, "/v1/doctors", "").Header.Get("X-Colour"))
	})
	t.Run("turns away a flood of log-ins, and nothing else", func(t *testing.T) {
		var refused *http.Response
		for range 30 {
			if resp := p.do(http.MethodPost, "/v1/sessions", "{}"); resp.StatusCode != http.StatusOK {
				refused = resp
			}
		}
		require.NotNil(t, refused)
		require.Equal(t, http.StatusTooManyRequests, refused.StatusCode)
		require.Equal(t, "30", refused.Header.Get("Retry-After"))
		require.Equal(t, "max-age=31536000; includeSubDomains", refused.Header.Get("Strict-Transport-Security"))
		require.Equal(t, http.StatusOK, p.do(http.MethodGet, "/v1/doctors", "").StatusCode)
	})
	t.Run("says that nobody is there, and when to come again", func(t *testing.T) {
		p.blue.CloseClientConnections()
		p.blue.Listener.Close()
		resp := p.do(http.MethodGet, "/v1/doctors", "")
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		require.Equal(t, "5", resp.Header.Get("Retry-After"))
	})
}
