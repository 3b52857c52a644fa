package config

import (
	"slices"
	"strings"
	"time"
)

// Problems is the error of Load: all that is wrong, a line each. No line holds a secret.
type Problems []string

func (p Problems) Error() string {
	if len(p) == 1 {
		return "configuration: " + p[0]
	}
	return "configuration:\n  - " + strings.Join(p, "\n  - ")
}

// stripeURL is Stripe itself, stripeScriptURL its library for browsers.
const (
	stripeURL       = "https://api.stripe.com"
	stripeScriptURL = "https://js.stripe.com/v3"
)

// Load reads the settings of a process from environ, in the form of os.Environ. On a
// problem it returns a Problems error that lists all of them.
func Load(process Process, environ []string) (Config, error) {
	c, r := load(process, environ)
	if len(r.problems) > 0 {
		return Config{}, Problems(r.problems)
	}
	return c, nil
}

// Secrets are the variables that hold one, sorted: each may come as a file too.
func Secrets() []string {
	_, r := load(API, nil) // every process reads every setting
	slices.Sort(r.secrets)
	return r.secrets
}

func load(process Process, environ []string) (Config, *reader) {
	r := newReader(process, environ)
	c := Config{
		Environment: Environment(r.choice("CAREFLOW_ENV", string(Production), string(Production), string(Development))),
		DatabaseURL: r.secret("CAREFLOW_DATABASE_URL"),
		// Two at least: the relay keeps one to itself.
		DatabaseConnections: r.whole("CAREFLOW_DATABASE_CONNECTIONS", 16, 2, 500),
		PublicURL:           r.url("CAREFLOW_PUBLIC_URL", "http://localhost:8080"),
		Temporal:            r.temporal(),
		HTTP: HTTP{
			Address:        r.address("CAREFLOW_HTTP_ADDRESS", "127.0.0.1:8080"),
			WorkerAddress:  r.address("CAREFLOW_WORKER_ADDRESS", "127.0.0.1:8082"),
			CodecAddress:   r.address("CAREFLOW_CODEC_ADDRESS", "127.0.0.1:8081"),
			TrustedProxies: r.networks("CAREFLOW_TRUSTED_PROXIES"),
			CommandWait:    r.duration("CAREFLOW_COMMAND_WAIT", 5*time.Second, 100*time.Millisecond, time.Minute),
		},
		Keys: Keys{
			Payload: r.keys("CAREFLOW_PAYLOAD_KEYS"),
			Column:  r.keys("CAREFLOW_COLUMN_KEYS"),
			Signing: r.keys("CAREFLOW_SIGNING_KEYS"),
			Command: r.keys("CAREFLOW_COMMAND_KEYS"),
			Link:    r.keys("CAREFLOW_LINK_KEYS"),

			Approval: r.approvalKeys("CAREFLOW_APPROVAL_KEYS"),
		},
		Stripe: Stripe{
			Key:            r.secret("CAREFLOW_STRIPE_KEY"),
			PublishableKey: r.text("CAREFLOW_STRIPE_PUBLISHABLE_KEY", ""),
			URL:            r.url("CAREFLOW_STRIPE_URL", stripeURL).String(),
			WebhookSecret:  r.secret("CAREFLOW_STRIPE_WEBHOOK_SECRET"),
		},
		SendGrid: SendGrid{
			Key:  r.secret("CAREFLOW_SENDGRID_KEY"),
			URL:  r.url("CAREFLOW_SENDGRID_URL", "https://api.sendgrid.com").String(),
			From: r.mailbox("CAREFLOW_MAIL_FROM", "Careflow <appointments@careflow.example>"),

			EventKeys: r.eventKeys("CAREFLOW_SENDGRID_WEBHOOK_KEYS"),
		},
		Worker: Worker{
			Deployment: r.text("CAREFLOW_WORKER_DEPLOYMENT", "careflow"),
			BuildID:    r.text("CAREFLOW_WORKER_BUILD_ID", ""),
			Promote:    r.flag("CAREFLOW_WORKER_PROMOTE"),
		},
		Reconcile: Reconcile{
			Every: r.duration("CAREFLOW_RECONCILE_EVERY", 10*time.Minute, time.Minute, 24*time.Hour),
			Still: r.duration("CAREFLOW_RECONCILE_STILL", 5*time.Minute, time.Second, 24*time.Hour),
		},
		Backup: r.backup(),
		Agent:  r.agent(),
		Housekeeping: Housekeeping{
			Every:      r.duration("CAREFLOW_HOUSEKEEPING_EVERY", 24*time.Hour, 10*time.Minute, 7*24*time.Hour),
			KeepOutbox: r.duration("CAREFLOW_KEEP_OUTBOX", 7*24*time.Hour, 72*time.Hour, 365*24*time.Hour),
			KeepKeys:   r.duration("CAREFLOW_KEEP_KEYS", 30*24*time.Hour, 24*time.Hour, 365*24*time.Hour),
		},
		Deploy:  r.deploy(),
		Release: r.release("CAREFLOW_RELEASE"),
		Log:     r.log(),
		Tracing: r.tracing(),
		Process: process,
	}
	c.Stripe.ScriptURL = r.url("CAREFLOW_STRIPE_JS_URL", c.scriptURL()).String()
	c.AppointmentURL = r.template("CAREFLOW_APPOINTMENT_URL", "", "{appointment}")
	c.PayURL = r.template("CAREFLOW_PAY_URL", "", "{intent}")
	c.Restore = r.restore(c.Environment)
	c.settings = r.settings
	r.check(c)
	if c.Environment == Production {
		r.checkProduction(c)
	}
	return c, r
}

func (r *reader) temporal() Temporal {
	token, tokenFile := r.renewed("CAREFLOW_TEMPORAL_TOKEN")
	return Temporal{
		Token:         token,
		TokenFile:     tokenFile,
		Address:       r.address("CAREFLOW_TEMPORAL_ADDRESS", "127.0.0.1:7233"),
		Namespace:     r.text("CAREFLOW_TEMPORAL_NAMESPACE", "careflow"),
		TaskQueue:     r.text("CAREFLOW_TEMPORAL_TASK_QUEUE", "careflow"),
		TLSCert:       r.text("CAREFLOW_TEMPORAL_TLS_CERT", ""),
		TLSKey:        r.text("CAREFLOW_TEMPORAL_TLS_KEY", ""),
		TLSCA:         r.text("CAREFLOW_TEMPORAL_TLS_CA", ""),
		TLSServerName: r.text("CAREFLOW_TEMPORAL_TLS_SERVER_NAME", ""),
		UIOrigin:      r.url("CAREFLOW_TEMPORAL_UI_ORIGIN", "http://localhost:8233").String(),
	}
}

func (r *reader) log() Log {
	l := Log{Format: r.choice("CAREFLOW_LOG_FORMAT", "json", "json", "text")}
	text := r.choice("CAREFLOW_LOG_LEVEL", "info", "debug", "info", "warn", "error")
	// choice let only slog's own names through.
	_ = l.Level.UnmarshalText([]byte(text))
	return l
}

// scriptURL is Stripe's library, or the sandbox's where that stands in for Stripe.
func (c Config) scriptURL() string {
	if !c.Development() || c.Stripe.URL == stripeURL {
		return stripeScriptURL
	}
	return c.Stripe.URL + "/v3"
}
