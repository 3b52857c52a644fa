package testkit

import (
	"net/url"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// Line is a network connection to a server that can be cut and slowed.
type Line struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// NewLine puts a line before a server, for as long as the test runs.
func NewLine(t testing.TB, upstream string) *Line {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "line", FreeAddress(t), upstream)
	require.NoError(t, proxy.Start())
	t.Cleanup(proxy.Stop)
	return &Line{t: t, proxy: proxy}
}

// Address is where the line is reached.
func (l *Line) Address() string { return l.proxy.Listen }

// Cut ends all connections and refuses new ones.
func (l *Line) Cut() { l.proxy.Stop() }

// Mend lets connections through again.
func (l *Line) Mend() { l.t.Helper(); require.NoError(l.t, l.proxy.Start()) }

// Mute lets nothing through from client to server any more, without ending a
// connection: what the client says from now on is never heard.
func (l *Line) Mute() {
	l.t.Helper()
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(
		`{"name": "mute", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`))
	require.NoError(l.t, err)
}

// Unmute ends Mute. What was said meanwhile is lost, and the connections with it.
func (l *Line) Unmute() {
	l.t.Helper()
	require.NoError(l.t, l.proxy.Toxics.RemoveToxic(Context(l.t), "mute"))
}

// HostOf returns the host and port of a URL.
func HostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic("testkit: not a URL")
	}
	return u.Host
}

// WithHost returns a URL that names another host and port.
func WithHost(rawURL, host string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic("testkit: not a URL")
	}
	u.Host = host
	return u.String()
}
