package deploy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/internal/testkit"
)

// authority signs certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string
}

func newAuthority(t *testing.T, path string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: filepath.Base(path)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	return authority{cert, key, path}
}

// sign writes a certificate and its key, as <path>.pem and <path>.key.
func (a authority) sign(t *testing.T, path, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	require.NoError(t, os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// temporalFiles writes production's settings with ports and folders of the test, and SQLite in
// the place of PostgreSQL, and returns where clients reach the server.
func temporalFiles(t *testing.T, folder string) (address string) {
	t.Helper()
	text := read(t, "temporal/temporal.yaml")
	begin, end := strings.Index(text, "  datastores:\n"), strings.Index(text, "\nglobal:\n")
	require.Positive(t, begin)
	require.Greater(t, end, begin)
	const store = "{sql: {pluginName: sqlite, databaseName: default, connectAddr: localhost, connectProtocol: tcp, connectAttributes: {mode: memory, cache: private}}}"
	text = text[:begin] + "  datastores:\n    default: " + store + "\n    visibility: " + store + "\n" + text[end:]
	text = strings.NewReplacer("numHistoryShards: 512", "numHistoryShards: 1", "/etc/temporal/tls", folder, "/etc/temporal/authority", folder,
		"/etc/temporal/dynamic.yaml", filepath.Join(folder, "dynamic.yaml"), `bindOnIP: "0.0.0.0"`, `bindOnIP: "127.0.0.1"`).Replace(text)
	ports := map[string]string{}
	text = regexp.MustCompile(`\b(72|69)[0-9]{2}\b`).ReplaceAllStringFunc(text, func(port string) string {
		if ports[port] == "" {
			_, ports[port], _ = net.SplitHostPort(testkit.FreeAddress(t))
		}
		return ports[port]
	})
	require.NoError(t, os.WriteFile(filepath.Join(folder, "temporal.yaml"), []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "dynamic.yaml"), []byte("{}\n"), 0o600))
	return "127.0.0.1:" + ports["7233"]
}

// productionTemporal is a server under production's settings, with the authority whose tokens
// it believes.
type productionTemporal struct {
	t         *testing.T
	folder    string
	address   string
	authority temporalx.Authority
}

func startProductionTemporal(t *testing.T) productionTemporal {
	t.Helper()
	p := productionTemporal{t: t, folder: t.TempDir()}
	newAuthority(t, p.at("server-ca.pem")).sign(t, p.at("server"), "temporal.clinic.internal")
	newAuthority(t, p.at("clients-ca.pem")).sign(t, p.at("worker"), "worker.clinic.internal")
	newAuthority(t, p.at("stranger-ca.pem")).sign(t, p.at("stranger"), "worker.clinic.internal")
	var err error
	p.authority, err = temporalx.NewAuthority()
	require.NoError(t, err)
	keys, err := temporalx.KeySet(p.authority)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(p.at("jwks.json"), keys, 0o600))
	p.address = temporalFiles(t, p.folder)

	log, err := os.Create(p.at("log"))
	require.NoError(t, err)
	server := exec.Command(filepath.Join(testkit.Env(t, "CAREFLOW_TEST_TOOLS"), "temporal-server"), "--config-file", p.at("temporal.yaml"),
		"start", "--service", "frontend", "--service", "internal-frontend", "--service", "history", "--service", "matching", "--service", "worker")
	server.Env = append(os.Environ(), "POD_IP=127.0.0.1", "METRICS_ADDRESS="+testkit.FreeAddress(t))
	server.Stdout, server.Stderr = log, log
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
		_ = log.Close()
		if t.Failed() {
			t.Log(read(t, p.at("log")))
		}
	})
	return p
}

func (p productionTemporal) at(name string) string { return filepath.Join(p.folder, name) }

// client reaches the server in the way that c says.
func (p productionTemporal) client(c config.Temporal) client.Client {
	p.t.Helper()
	c.Address, c.TLSCA, c.TLSServerName = p.address, p.at("server-ca.pem"), "temporal.clinic.internal"
	temporal, err := temporalx.NewClient(temporalx.Options{Temporal: c, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(p.t, err)
	p.t.Cleanup(temporal.Close)
	return temporal
}

func TestTemporalInProductionLetsInWhomItKnows(t *testing.T) {
	t.Parallel()
	p := startProductionTemporal(t)
	reach := func(c config.Temporal) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := p.client(c).CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	}
	testkit.Eventually(t, func() bool {
		return reach(config.Temporal{TLSCert: p.at("worker.pem"), TLSKey: p.at("worker.key")}) == nil
	}, "a worker with its certificate is let in")
	require.Error(t, reach(config.Temporal{}), "nobody without a certificate")
	require.Error(t, reach(config.Temporal{TLSCert: p.at("stranger.pem"), TLSKey: p.at("stranger.key")}), "nobody with another's")

	p.requireTokens()
}
