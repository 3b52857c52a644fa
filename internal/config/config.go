package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Environment says how strict a process is about its settings.
type Environment string

// The environments. Production is the default.
const (
	Production  Environment = "production"
	Development Environment = "development"
)

// Config is every setting of a Careflow process.
type Config struct {
	// Environment is CAREFLOW_ENV: production or development. Defaults to production,
	// which refuses development keys, missing TLS and vendor URLs that are not https on
	// a public host, and so never talks to the sandbox.
	Environment Environment

	// DatabaseURL is CAREFLOW_DATABASE_URL: postgres://user:password@host:port/database.
	// It is a secret because it holds the password.
	DatabaseURL Secret

	// DatabaseConnections is CAREFLOW_DATABASE_CONNECTIONS: how many connections to
	// PostgreSQL the process has at most. Defaults to 16; from 2 to 500. More than a few
	// for each core of the database only queue up there.
	DatabaseConnections int

	// PublicURL is CAREFLOW_PUBLIC_URL: where browsers reach the API; links in mails
	// start with it. Defaults to http://localhost:8080.
	PublicURL *url.URL

	// AppointmentURL is CAREFLOW_APPOINTMENT_URL: the page that letters link to, with
	// {appointment} where the ID goes, for clinics with a front end of their own. Defaults
	// to none: patients get the visit's own page behind a signed link.
	AppointmentURL string

	// PayURL is CAREFLOW_PAY_URL: a page to pay on, with {intent} where the payment's ID
	// goes, for clinics with a front end of their own. Defaults to none: our own page
	// behind a signed link.
	PayURL string

	Temporal Temporal
	HTTP     HTTP
	Keys     Keys
	Stripe   Stripe
	SendGrid SendGrid
	Worker   Worker
	Log      Log
	// Reconcile says when the reconciler acts.
	Reconcile Reconcile
	// Housekeeping says what is removed after how long.
	Housekeeping Housekeeping

	// Backup says what is saved, where to and when.
	Backup Backup
	// Restore says where backups may be put in the place of what lives.
	Restore Restore

	// Agent says what the agent of a host may do there.
	Agent Agent
	// Deploy says which services are deployed from here.
	Deploy Deploy
	// Release is CAREFLOW_RELEASE: the digest of the release that the API runs, which each of
	// its answers carries in X-Careflow-Release. Defaults to none: no such header.
	Release string

	// Tracing says where traces go.
	Tracing Tracing

	// Process is the one whose settings these are.
	Process Process

	// settings are the masked values in the order they were read, for the log.
	settings []Setting
}

// Temporal says where Temporal is and how to reach it.
type Temporal struct {
	// Address is CAREFLOW_TEMPORAL_ADDRESS, host:port of the frontend. Defaults to
	// 127.0.0.1:7233.
	Address string
	// Namespace is CAREFLOW_TEMPORAL_NAMESPACE. Defaults to careflow.
	Namespace string
	// TaskQueue is CAREFLOW_TEMPORAL_TASK_QUEUE, for workflows and database activities.
	// Defaults to careflow. The queues of the vendors are derived from it.
	TaskQueue string
	// TLSCert and TLSKey are CAREFLOW_TEMPORAL_TLS_CERT and _KEY: paths of the client
	// certificate and its key (PEM). Default to none; production wants them unless
	// Temporal is on the same host.
	TLSCert, TLSKey string
	// TLSCA is CAREFLOW_TEMPORAL_TLS_CA: path of the authority that signed the server's
	// certificate (PEM). Defaults to the system's authorities.
	TLSCA string
	// TLSServerName is CAREFLOW_TEMPORAL_TLS_SERVER_NAME. Defaults to the host of Address.
	TLSServerName string
	// Token is CAREFLOW_TEMPORAL_TOKEN, which tells Temporal's authorizer who calls, or
	// TokenFile the path that CAREFLOW_TEMPORAL_TOKEN_FILE gives: it is read for every call,
	// so that a new token needs no restart. Default to none; production wants one of them
	// unless Temporal is on the same host.
	Token     Secret
	TokenFile string
	// UIOrigin is CAREFLOW_TEMPORAL_UI_ORIGIN: the only page that may call the codec
	// server from a browser. Defaults to http://localhost:8233.
	UIOrigin string
}

// TLS reports whether any TLS setting is given.
func (t Temporal) TLS() bool {
	return t.TLSCert != "" || t.TLSKey != "" || t.TLSCA != "" || t.TLSServerName != ""
}

// Authorized reports whether a token is given.
func (t Temporal) Authorized() bool { return !t.Token.IsZero() || t.TokenFile != "" }

// OnThisHost reports whether Temporal is reached over loopback.
func (t Temporal) OnThisHost() bool { return loopback(host(t.Address)) }

// HTTP says where a process listens, and how long a request may wait.
type HTTP struct {
	// Address is CAREFLOW_HTTP_ADDRESS: where the API listens. Defaults to 127.0.0.1:8080.
	Address string
	// WorkerAddress is CAREFLOW_WORKER_ADDRESS: the worker's health and metrics. Defaults
	// to 127.0.0.1:8082.
	WorkerAddress string
	// CodecAddress is CAREFLOW_CODEC_ADDRESS: where the codec server listens. Defaults to
	// 127.0.0.1:8081.
	CodecAddress string
	// TrustedProxies is CAREFLOW_TRUSTED_PROXIES: addresses or networks (CIDR) of reverse
	// proxies, separated by commas, whose X-Forwarded-For is believed when log-in attempts
	// are counted. Defaults to none: the connection's address counts.
	TrustedProxies []string
	// CommandWait is CAREFLOW_COMMAND_WAIT: how long the API waits for a command's
	// outcome before it answers 202. Defaults to 5s; at most 60s.
	CommandWait time.Duration
}

// Keys are the key rings, each written "id:base64-of-32-bytes,older:…". The first key
// of a ring is active. Keys of development have IDs that start with "dev-".
type Keys struct {
	// Payload is CAREFLOW_PAYLOAD_KEYS: encrypts all that Temporal stores (AES-256-GCM).
	Payload KeyRing
	// Column is CAREFLOW_COLUMN_KEYS: wraps the keys of the encrypted columns.
	Column KeyRing
	// Signing is CAREFLOW_SIGNING_KEYS: Ed25519 seeds for access tokens; kid is the ID.
	Signing KeyRing
	// Command is CAREFLOW_COMMAND_KEYS: HMAC keys for update IDs and for the sessions of
	// the codec server.
	Command KeyRing
	// Link is CAREFLOW_LINK_KEYS: HMAC keys for the links of letters. A key that is rolled
	// stays in the ring until the letters it signed are of no use any more.
	Link KeyRing
	// Approval is CAREFLOW_APPROVAL_KEYS: the public halves of the API's signing keys, as
	// `careflow keys approval` prints them. Workers check with them that an approval of a job
	// comes from the API. Defaults to none, which refuses every approval; a worker in
	// production wants some.
	Approval domain.ApprovalKeys
}

// Stripe says how to reach the payment provider.
type Stripe struct {
	// Key is CAREFLOW_STRIPE_KEY, the secret API key.
	Key Secret
	// PublishableKey is CAREFLOW_STRIPE_PUBLISHABLE_KEY, which the pay page shows.
	PublishableKey string
	// URL is CAREFLOW_STRIPE_URL. Defaults to https://api.stripe.com.
	URL string
	// ScriptURL is CAREFLOW_STRIPE_JS_URL: where a patient's browser loads Stripe.js from.
	// Defaults to https://js.stripe.com/v3, and in development, where CAREFLOW_STRIPE_URL
	// names the sandbox, to the stand-in that it serves.
	ScriptURL string
	// WebhookSecret is CAREFLOW_STRIPE_WEBHOOK_SECRET, which signs incoming events.
	WebhookSecret Secret
}

// SendGrid says how to reach the mail provider.
type SendGrid struct {
	// Key is CAREFLOW_SENDGRID_KEY.
	Key Secret
	// URL is CAREFLOW_SENDGRID_URL. Defaults to https://api.sendgrid.com.
	URL string
	// From is CAREFLOW_MAIL_FROM: the clinic's name and address, "Clinic <address>".
	// Defaults to Careflow <appointments@careflow.example>, which production refuses.
	From mail.Address
	// EventKeys is CAREFLOW_SENDGRID_WEBHOOK_KEYS: the public keys that SendGrid's event
	// webhook is verified with, as its settings page shows them, separated by commas.
	// Defaults to none, which refuses every event; an API in production wants one, and not
	// the sandbox's.
	EventKeys []string
}

// Worker says which version of the code a worker runs.
type Worker struct {
	// Deployment is CAREFLOW_WORKER_DEPLOYMENT. Defaults to careflow.
	Deployment string
	// BuildID is CAREFLOW_WORKER_BUILD_ID. Defaults to none: an unversioned worker.
	BuildID string
	// Promote is CAREFLOW_WORKER_PROMOTE: make this version current once it polls. For
	// stacks with one worker; a real deployment promotes by a job. It does nothing for an
	// unversioned worker. Defaults to false.
	Promote bool
}

// Reconcile says how often the reconciler compares visits with their processes, and what
// it leaves alone.
type Reconcile struct {
	// Every is CAREFLOW_RECONCILE_EVERY: the interval of the schedule that
	// careflow temporal-setup makes. Defaults to 10m.
	Every time.Duration
	// Still is CAREFLOW_RECONCILE_STILL: how long a visit and its process must have stood
	// still before the reconciler acts. Defaults to 5m.
	Still time.Duration
}

// Housekeeping says how often rows that nobody needs any more are removed, and how old
// they are by then. What a law or a dispute may ask for is never removed.
type Housekeeping struct {
	// Every is CAREFLOW_HOUSEKEEPING_EVERY: the interval of the schedule that
	// careflow temporal-setup makes. Defaults to 24h.
	Every time.Duration
	// KeepOutbox is CAREFLOW_KEEP_OUTBOX: how long what was handed over to Temporal is
	// known, at least the 3 days for which Stripe sends an event again. Defaults to 168h.
	KeepOutbox time.Duration
	// KeepKeys is CAREFLOW_KEEP_KEYS: for how long the same Idempotency-Key gets the first
	// answer again, at least a day. Defaults to 720h (30 days).
	KeepKeys time.Duration
}

// Log says how a process logs, always to standard error.
type Log struct {
	// Format is CAREFLOW_LOG_FORMAT: json or text. Defaults to json.
	Format string
	// Level is CAREFLOW_LOG_LEVEL: debug, info, warn or error. Defaults to info.
	Level slog.Level
}

// Setting is one variable as it was understood, with secrets masked.
type Setting struct{ Name, Value string }

// Settings lists every variable with its value, secrets masked, in a fixed order.
func (c Config) Settings() []Setting { return append([]Setting(nil), c.settings...) }

// String lists the settings a line each, secrets masked.
func (c Config) String() string {
	var b strings.Builder
	for _, s := range c.settings {
		fmt.Fprintf(&b, "%s=%s\n", s.Name, s.Value)
	}
	return b.String()
}

// Format prints the masked settings under every verb of fmt.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is the masked settings as a group.
func (c Config) LogValue() slog.Value {
	attrs := make([]slog.Attr, len(c.settings))
	for i, s := range c.settings {
		attrs[i] = slog.String(s.Name, s.Value)
	}
	return slog.GroupValue(attrs...)
}

// Development reports whether the process runs on a developer's machine.
func (c Config) Development() bool { return c.Environment == Development }
