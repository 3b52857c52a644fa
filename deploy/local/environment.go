package main

import (
	"fmt"
	"os"
	"strings"
)

// productEnvironment is the caller's environment with the stack's own settings
// over it. What the stack has no opinion about, such as
// CAREFLOW_COMMAND_WAIT, can so be set from outside.
func (s *stack) productEnvironment() []string {
	http := func(port int) string { return "http://" + local(port) }
	ours := map[string]string{
		"CAREFLOW_ENV":                    "development",
		"CAREFLOW_DATABASE_URL":           s.productURL(),
		"CAREFLOW_TEMPORAL_ADDRESS":       local(s.ports.Temporal),
		"CAREFLOW_HTTP_ADDRESS":           local(s.ports.API),
		"CAREFLOW_PUBLIC_URL":             fmt.Sprintf("http://localhost:%d", s.ports.API),
		"CAREFLOW_WORKER_ADDRESS":         local(s.ports.Worker),
		"CAREFLOW_CODEC_ADDRESS":          local(s.ports.Codec),
		"CAREFLOW_TEMPORAL_UI_ORIGIN":     fmt.Sprintf("http://localhost:%d", s.ports.UI),
		"CAREFLOW_PAYLOAD_KEYS":           s.secrets.PayloadKeys,
		"CAREFLOW_COLUMN_KEYS":            s.secrets.ColumnKeys,
		"CAREFLOW_SIGNING_KEYS":           s.secrets.SigningKeys,
		"CAREFLOW_APPROVAL_KEYS":          approvalKeys(s.secrets.SigningKeys),
		"CAREFLOW_COMMAND_KEYS":           s.secrets.CommandKeys,
		"CAREFLOW_LINK_KEYS":              s.secrets.LinkKeys,
		"CAREFLOW_STRIPE_KEY":             s.secrets.StripeKey,
		"CAREFLOW_STRIPE_PUBLISHABLE_KEY": s.secrets.StripePublishableKey,
		"CAREFLOW_STRIPE_URL":             http(s.ports.Sandbox),
		"CAREFLOW_STRIPE_JS_URL":          fmt.Sprintf("http://localhost:%d/v3", s.ports.Sandbox),
		"CAREFLOW_STRIPE_WEBHOOK_SECRET":  s.secrets.StripeWebhookSecret,
		"CAREFLOW_SENDGRID_KEY":           s.secrets.SendGridKey,
		"CAREFLOW_SENDGRID_URL":           http(s.ports.Sandbox),
		"CAREFLOW_MAIL_FROM":              "Careflow Clinic <clinic@careflow.example>",
		"CAREFLOW_OPS_MAIL":               "ops@careflow.example",
		"SANDBOX_ADDRESS":                 local(s.ports.Sandbox),
		"SANDBOX_STATE":                   s.path("sandbox.json"),
		"SANDBOX_WEBHOOK_URL":             http(s.ports.API) + "/v1/webhooks/stripe",
		"SANDBOX_WEBHOOK_SECRET":          s.secrets.StripeWebhookSecret,
		"SANDBOX_MAIL_WEBHOOK_URL":        http(s.ports.API) + "/v1/webhooks/sendgrid",
		// The sandbox's own key (sandbox.DefaultMailEventKey), which production refuses.
		"CAREFLOW_SENDGRID_WEBHOOK_KEYS": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEltaUFBf1KvBi6XjNwBfI157HCzakpjUR2ETIIjZO7jZ9KIhh73k1KMZ5M+iYk0Bqc0XcgYO7ifY7x7o5XNS1rg==",
		"SANDBOX_STRIPE_KEY":             s.secrets.StripeKey,
		// As docs/clinic-setup.md says to choose them at Stripe.
		"SANDBOX_WEBHOOK_EVENTS": "charge.dispute.closed,charge.dispute.created,charge.dispute.funds_reinstated,charge.dispute.funds_withdrawn,charge.dispute.updated,charge.refund.updated,charge.refunded,payment_intent.amount_capturable_updated,payment_intent.canceled,payment_intent.succeeded,refund.failed,refund.updated",
		"SANDBOX_SENDGRID_KEY":   s.secrets.SendGridKey,
	}
	if s.kind == kindUp {
		ours["CAREFLOW_BACKUP_NAMES"] = backupTargets()
	}
	return overlay(os.Environ(), withLogFormat(ours))
}

// withLogFormat makes logs readable where nobody has asked for another form.
func withLogFormat(settings map[string]string) map[string]string {
	if os.Getenv("CAREFLOW_LOG_FORMAT") == "" {
		settings["CAREFLOW_LOG_FORMAT"] = "text"
	}
	return settings
}

// overlay puts settings over an environment.
func overlay(environment []string, settings map[string]string) []string {
	var result []string
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if _, replaced := settings[name]; !replaced {
			result = append(result, entry)
		}
	}
	for name, value := range settings {
		result = append(result, name+"="+value)
	}
	return result
}
