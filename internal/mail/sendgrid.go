// Package mail sends rendered letters through SendGrid's v3 API with sendgrid-go.
package mail

import (
	"context"
	"encoding/base64"
	"mime"
	"net/http"
	"net/http/httptrace"
	netmail "net/mail"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sendgrid/sendgrid-go"
	sgmail "github.com/sendgrid/sendgrid-go/helpers/mail"
	"go.opentelemetry.io/otel/trace"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/telemetry"
)

// Config sets up the adapter.
type Config struct {
	// Key is SendGrid's API key.
	Key string
	// URL is the API's base. Defaults to https://api.sendgrid.com.
	URL string
	// From is the sender, as "Clinic <address>".
	From string
	// Timeout bounds one request. Defaults to 15 s.
	Timeout time.Duration
}

// Validate reports a sender that is not a mail address.
func (c Config) Validate() error {
	if _, err := netmail.ParseAddress(c.From); err != nil {
		return domain.Errorf(domain.CodeInvalid, `the sender of mails is written as "Clinic <address>"`).Because(err)
	}
	return nil
}

// SendGrid is safe for concurrent use.
type SendGrid struct{ cfg Config }

// New makes an adapter. It opens no connection.
func New(cfg Config) *SendGrid {
	if cfg.URL == "" {
		cfg.URL = "https://api.sendgrid.com"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 15 * time.Second
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	return &SendGrid{cfg: cfg}
}

// Send hands one mail to SendGrid and returns its message ID. Errors are *domain.Error:
//
//   - recipient_rejected: the address is not accepted; sending again will not help.
//   - vendor_rejected: SendGrid does not accept our request, a fault of ours.
//   - vendor_unavailable: it was not sent (429, 503, no connection); send it again.
//   - outcome_unknown: the request went out and no answer came, or another 5xx, which
//     says nothing about what happened before it; it may have been sent.
func (s *SendGrid) Send(ctx context.Context, m domain.Mail) (string, error) {
	from, err := netmail.ParseAddress(s.cfg.From)
	if err != nil {
		return "", domain.Errorf(domain.CodeVendorRejected, "the sender of mails is not an address").Because(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	// What never left this machine was certainly not sent.
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})

	// The library's client keeps the body of the mail it is sending, so each mail
	// gets its own; connections are shared all the same.
	request := sendgrid.GetRequest(s.cfg.Key, "/v3/mail/send", s.cfg.URL)
	request.Method = "POST"
	client := &sendgrid.Client{Request: request}
	ctx, span := telemetry.Span(ctx, "sendgrid POST /v3/mail/send", trace.SpanKindClient)
	resp, err := client.SendWithContext(ctx, message(from, m))
	telemetry.EndSpan(span, resp == nil || resp.StatusCode >= http.StatusBadRequest)
	if resp == nil {
		return "", noAnswer(err, written.Load())
	}
	if err := classify(resp); err != nil {
		return "", err
	}
	if ids := resp.Headers["X-Message-Id"]; len(ids) > 0 {
		return ids[0], nil
	}
	return "", nil
}

// message writes a letter as SendGrid's request. Nothing is tracked: who opened a
// doctor's mail when is nobody's business.
func message(from *netmail.Address, m domain.Mail) *sgmail.SGMailV3 {
	out := sgmail.NewV3Mail()
	out.SetFrom(sgmail.NewEmail(from.Name, from.Address))
	out.Subject = m.Subject
	to := sgmail.NewPersonalization()
	to.AddTos(sgmail.NewEmail(m.ToName, m.To))
	to.SetCustomArg("message_id", m.MessageID)
	out.AddPersonalizations(to)
	// SendGrid wants the plain text first.
	if m.Text != "" {
		out.AddContent(sgmail.NewContent("text/plain", m.Text))
	}
	if m.HTML != "" {
		out.AddContent(sgmail.NewContent("text/html", m.HTML))
	}
	for _, a := range m.Attachments {
		out.AddAttachment(&sgmail.Attachment{
			Content:     base64.StdEncoding.EncodeToString(a.Content),
			Type:        bareType(a.ContentType),
			Filename:    a.Name,
			Disposition: "attachment",
		})
	}
	off := false
	out.SetTrackingSettings(&sgmail.TrackingSettings{
		ClickTracking:        &sgmail.ClickTrackingSetting{Enable: &off, EnableText: &off},
		OpenTracking:         &sgmail.OpenTrackingSetting{Enable: &off},
		SubscriptionTracking: &sgmail.SubscriptionTrackingSetting{Enable: &off},
	})
	return out
}

// bareType drops the parameters of a content type, which SendGrid refuses: "The
// attachment type cannot contain ';', or CRLF characters." A calendar's METHOD is in
// its body too.
func bareType(contentType string) string {
	bare, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "application/octet-stream"
	}
	return bare
}
