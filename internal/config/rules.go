package config

import (
	"bytes"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// check holds the rules of every environment, one an if.
func (r *reader) check(c Config) {
	if (c.Temporal.TLSCert == "") != (c.Temporal.TLSKey == "") {
		r.problem("CAREFLOW_TEMPORAL_TLS_CERT", "and CAREFLOW_TEMPORAL_TLS_KEY belong together: set both or neither")
	}
	if strings.Contains(c.Worker.Deployment, ".") {
		r.problem("CAREFLOW_WORKER_DEPLOYMENT", "contains a dot, which Temporal reserves: take it out")
	}
	if u, err := url.Parse(c.Temporal.UIOrigin); err == nil && u.Path != "" {
		r.problem("CAREFLOW_TEMPORAL_UI_ORIGIN", "has a path: write only scheme, host and port")
	}
	if live(c.Stripe.Key.Reveal()) != live(c.Stripe.PublishableKey) && !c.Stripe.Key.IsZero() && c.Stripe.PublishableKey != "" {
		r.problem("CAREFLOW_STRIPE_KEY", "and CAREFLOW_STRIPE_PUBLISHABLE_KEY are not both live or both test keys: take both from one mode")
	}
}

// checkProduction holds what production adds, one rule an if.
func (r *reader) checkProduction(c Config) {
	rings := append(c.Keys.named(), namedRing{"CAREFLOW_BACKUP_SIGNING_KEYS", c.Backup.Signing})
	for i, ring := range rings {
		for _, k := range ring.KeyRing.Keys() {
			if k.Development() {
				r.problem(ring.variable, "holds the development key %q: make keys of its own with `careflow keys generate --prefix <name>`", k.ID)
			}
			if other := sharing(rings[:i], k); other != "" {
				r.problem(ring.variable, "shares the key %q with %s: give each purpose its own key", k.ID, other)
			}
		}
	}
	r.checkVendorURL("CAREFLOW_STRIPE_URL", c.Stripe.URL)
	r.checkVendorURL("CAREFLOW_STRIPE_JS_URL", c.Stripe.ScriptURL)
	r.checkVendorURL("CAREFLOW_SENDGRID_URL", c.SendGrid.URL)
	if r.process.facesBrowsers() && c.PublicURL.Scheme != "https" {
		r.problem("CAREFLOW_PUBLIC_URL", "is not https: write the address that patients see (CAREFLOW_ENV=development allows http)")
	}
	if c.PayURL != "" && !strings.HasPrefix(c.PayURL, "https://") {
		r.problem("CAREFLOW_PAY_URL", "is not https: people enter their card there")
	}
	if r.process.callsTemporal() && c.Temporal.TLSCert == "" && !c.Temporal.OnThisHost() {
		r.problem("CAREFLOW_TEMPORAL_TLS_CERT", "is missing: production reaches Temporal on another host by mutual TLS only")
	}
	if r.process.callsTemporal() && !c.Temporal.Authorized() && !c.Temporal.OnThisHost() {
		r.problem("CAREFLOW_TEMPORAL_TOKEN", "is missing: Temporal on another host asks who calls; write what `careflow keys temporal token` prints (or CAREFLOW_TEMPORAL_TOKEN_FILE with the path of a file that holds it, which is read anew)")
	}
	if r.process == API && len(c.SendGrid.EventKeys) == 0 {
		r.problem("CAREFLOW_SENDGRID_WEBHOOK_KEYS", "is missing: write the verification key of SendGrid's event webhook, else nobody hears of bounces")
	}
	for id := range c.Keys.Approval {
		if (Key{ID: id}).Development() {
			r.problem("CAREFLOW_APPROVAL_KEYS", "holds the development key %q: write those of the API's own signing keys", id)
		}
	}
	if r.process == WorkerProcess && len(c.Keys.Approval) == 0 {
		r.problem("CAREFLOW_APPROVAL_KEYS", "is missing: write what `careflow keys approval` prints, else nobody can approve a restore or a deployment on the day it is needed")
	}
	if slices.Contains(c.SendGrid.EventKeys, sandboxEventKey) {
		r.problem("CAREFLOW_SENDGRID_WEBHOOK_KEYS", "holds the sandbox's key, whose other half is public: write SendGrid's own")
	}
	if r.process == WorkerProcess && strings.HasSuffix(c.SendGrid.From.Address, ".example") {
		r.problem("CAREFLOW_MAIL_FROM", "is not set: write the clinic's own name and address")
	}
}

// sandboxEventKey is the sandbox's (sandbox.DefaultMailEventKey): its other half is public.
const sandboxEventKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEltaUFBf1KvBi6XjNwBfI157HCzakpjUR2ETIIjZO7jZ9KIhh73k1KMZ5M+iYk0Bqc0XcgYO7ifY7x7o5XNS1rg=="

// checkVendorURL refuses what cannot be a vendor's public endpoint. The sandbox listens
// on plain http, on this host or a private network, and so is never reached.
func (r *reader) checkVendorURL(variable, text string) {
	u, err := url.Parse(text)
	if err != nil {
		return // reported when it was read
	}
	if u.Scheme != "https" {
		r.problem(variable, "is not https: production talks to the vendor itself, never to the sandbox")
	}
	if !publicHost(u.Hostname()) {
		r.problem(variable, "is not on a public host: production talks to the vendor itself, never to the sandbox")
	}
}

// publicHost reports whether name may be on the Internet: a name with a dot, or an
// address that is neither loopback, private nor link-local.
func publicHost(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if ip, err := netip.ParseAddr(name); err == nil {
		return !ip.Unmap().IsPrivate() && ip.Unmap().IsGlobalUnicast()
	}
	for _, suffix := range []string{"localhost", ".local", ".internal", ".test", ".example"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return strings.Contains(name, ".")
}

func loopback(name string) bool {
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

func host(address string) string {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return name
}

// live reports whether a Stripe key moves real money.
func live(key string) bool { return strings.Contains(key, "_live_") }

type namedRing struct {
	variable string
	KeyRing
}

func (k Keys) named() []namedRing {
	return []namedRing{
		{"CAREFLOW_PAYLOAD_KEYS", k.Payload},
		{"CAREFLOW_COLUMN_KEYS", k.Column},
		{"CAREFLOW_SIGNING_KEYS", k.Signing},
		{"CAREFLOW_COMMAND_KEYS", k.Command},
		{"CAREFLOW_LINK_KEYS", k.Link},
	}
}

// sharing returns the first variable of rings that holds the same bytes as key.
func sharing(rings []namedRing, key Key) string {
	for _, ring := range rings {
		for _, k := range ring.KeyRing.Keys() {
			if bytes.Equal(k.Bytes(), key.Bytes()) {
				return ring.variable
			}
		}
	}
	return ""
}
