package temporalx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/careflow/careflow/internal/config"
)

// Options say how to reach Temporal.
type Options struct {
	Temporal config.Temporal
	// Keys encrypt payloads. Without any, payloads are in plain text, which only a tool
	// that reads and writes none may ask for.
	Keys config.KeyRing
	// Identity names the process in Temporal UI; it defaults to the SDK's, pid@host.
	Identity string
	// Logger receives the SDK's logs; it defaults to slog's default.
	Logger *slog.Logger
	// Metrics receives the SDK's metrics; it defaults to none.
	Metrics prometheus.Registerer
	// Tracing carries the trace of a caller in the headers of what it starts, and makes a
	// step of each workflow task's work and each activity. Headers are in plain text: they
	// hold random IDs.
	Tracing bool
}

// NewClient makes a client that connects when it is first used, so that a process
// starts and does its other work while Temporal is down. A call fails then only when its
// context ends: give every call a deadline.
func NewClient(o Options) (client.Client, error) {
	options, err := clientOptions(o)
	if err != nil {
		return nil, err
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	return c, nil
}

func clientOptions(o Options) (client.Options, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	options := client.Options{
		HostPort:  o.Temporal.Address,
		Namespace: o.Temporal.Namespace,
		Identity:  o.Identity,
		Logger:    log.NewStructuredLogger(o.Logger),
	}
	// Ciphertext does not get smaller, and trying takes a tenth of a worker's time.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	if !o.Keys.IsZero() {
		data, err := NewDataConverter(o.Keys)
		if err != nil {
			return client.Options{}, err
		}
		options.DataConverter = data
		options.FailureConverter = NewFailureConverter(data)
	}
	if o.Metrics != nil {
		handler, err := NewMetricsHandler(o.Metrics)
		if err != nil {
			return client.Options{}, err
		}
		options.MetricsHandler = handler
	}
	if o.Tracing {
		tracing, err := NewTracing()
		if err != nil {
			return client.Options{}, err
		}
		options.Interceptors = append(options.Interceptors, tracing)
	}
	if o.Temporal.TLS() {
		t, err := tlsConfig(o.Temporal)
		if err != nil {
			return client.Options{}, err
		}
		options.ConnectionOptions.TLS = t
	}
	token := token{held: o.Temporal.Token, path: o.Temporal.TokenFile}
	if o.Metrics != nil {
		if err := o.Metrics.Register(token.expiry()); err != nil {
			return client.Options{}, fmt.Errorf("register when the token expires: %w", err)
		}
	}
	if o.Temporal.Authorized() {
		if _, err := token.read(); err != nil {
			return client.Options{}, err
		}
		options.Credentials = client.NewAPIKeyDynamicCredentials(token.current)
		// With a token the SDK turns TLS on, which Temporal on the same host does without.
		options.ConnectionOptions.TLSDisabled = !o.Temporal.TLS() && o.Temporal.OnThisHost()
	}
	return options, nil
}

// tlsConfig reads the certificates. They are read once: a renewed certificate takes
// effect with a restart, except the client's own, which each handshake reads anew,
// because those live for hours where a mesh issues them.
func tlsConfig(t config.Temporal) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.TLSServerName}
	if t.TLSCA != "" {
		pem, err := os.ReadFile(t.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("CAREFLOW_TEMPORAL_TLS_CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("CAREFLOW_TEMPORAL_TLS_CA: no certificate in the file")
		}
	}
	if t.TLSCert != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(t.TLSCert, t.TLSKey)
			if err != nil {
				return nil, fmt.Errorf("CAREFLOW_TEMPORAL_TLS_CERT and _KEY: %w", err)
			}
			return &pair, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return c, nil
}
