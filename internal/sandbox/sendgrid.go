package sandbox

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// Mail is a message that was accepted for sending.
type Mail struct {
	ID          string            `json:"id"`         // X-Message-Id
	MessageID   string            `json:"message_id"` // custom argument: our own ID
	Seq         int64             `json:"seq"`
	ReceivedAt  time.Time         `json:"received_at"`
	From        Address           `json:"from"`
	To          []Address         `json:"to"`
	Subject     string            `json:"subject"`
	Text        string            `json:"text"`
	HTML        string            `json:"html"`
	Headers     map[string]string `json:"headers,omitempty"`
	CustomArgs  map[string]string `json:"custom_args,omitempty"`
	Attachments []Attachment      `json:"attachments,omitempty"`
	// Tracked says that opens or clicks would have been tracked.
	Tracked bool `json:"tracked"`
	// Events are what became of it, in their order.
	Events []MailEvent `json:"events,omitempty"`
}

// MailEvent is one thing that became of a mail.
type MailEvent struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	// Told says that the endpoint has accepted the event: nobody can know of it before.
	Told bool `json:"told"`
}

// Address is a mail address with its display name.
type Address struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
}

// Attachment is a file of a mail.
type Attachment struct {
	Filename    string `json:"filename"`
	Type        string `json:"type"`
	Disposition string `json:"disposition,omitempty"`
	Content     []byte `json:"content"`
}

// sendRequest is the part of SendGrid's mail send body that is looked at
// (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send).
type sendRequest struct {
	From             *Address          `json:"from"`
	ReplyTo          *Address          `json:"reply_to"`
	Subject          string            `json:"subject"`
	Personalizations []personalization `json:"personalizations"`
	Content          []mailContent     `json:"content"`
	Attachments      []mailAttachment  `json:"attachments"`
	Headers          map[string]string `json:"headers"`
	CustomArgs       map[string]string `json:"custom_args"`
	Tracking         struct {
		Click *toggle `json:"click_tracking"`
		Open  *toggle `json:"open_tracking"`
	} `json:"tracking_settings"`
}

type toggle struct {
	Enable *bool `json:"enable"`
}

// on reports the default of an account, which is to track.
func (t *toggle) on() bool { return t == nil || t.Enable == nil || *t.Enable }

type personalization struct {
	To         []Address         `json:"to"`
	CC         []Address         `json:"cc"`
	BCC        []Address         `json:"bcc"`
	Subject    string            `json:"subject"`
	Headers    map[string]string `json:"headers"`
	CustomArgs map[string]string `json:"custom_args"`
}

type mailContent struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type mailAttachment struct {
	Content     string `json:"content"`
	Type        string `json:"type"`
	Filename    string `json:"filename"`
	Disposition string `json:"disposition"`
}

func (s *Sandbox) serveSendGrid(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		return // the request never arrived whole
	}
	var req sendRequest
	parseErr := json.Unmarshal(body, &req)
	c := &call{vendor: SendGrid, method: r.Method, path: r.URL.Path, header: r.Header, body: body, key: req.messageID()}
	s.exchange(w, r, c, func(c *call) reply { return s.send(c, req, parseErr) }, sendGridBroken)
}

func (req sendRequest) messageID() string {
	for _, p := range req.Personalizations {
		if id := p.CustomArgs["message_id"]; id != "" {
			return id
		}
	}
	return req.CustomArgs["message_id"]
}

func (s *Sandbox) send(c *call, req sendRequest, parseErr error) reply {
	if c.slow != nil {
		c.slow()
	}
	if c.broken != nil && !c.carriedOut {
		return *c.broken
	}
	if subtle.ConstantTimeCompare([]byte(bearer(c.header)), []byte(s.cfg.SendGridKey)) != 1 {
		return refuseMail(http.StatusUnauthorized, mailError{Message: "The provided authorization grant is invalid, expired, or revoked"})
	}
	if len(c.body) > 30<<20 {
		return refuseMail(http.StatusRequestEntityTooLarge, mailError{Message: "The total size of your email, including attachments, must be less than 30MB."})
	}
	if parseErr != nil {
		return refuseMail(http.StatusBadRequest, mailError{Message: "Bad Request"})
	}
	if errs := req.refusals(); len(errs) > 0 {
		return refuseMail(http.StatusBadRequest, errs...)
	}
	var ids []string
	s.update(func(t *tx) {
		for _, p := range req.Personalizations {
			m := req.mail(p)
			m.ID, m.Seq, m.ReceivedAt = newID(""), t.next(), t.now
			ids = append(ids, m.ID)
			t.putMail(m)
			t.report(m)
		}
	})
	if c.broken != nil {
		return *c.broken
	}
	return reply{status: http.StatusAccepted, header: http.Header{"X-Message-Id": ids[:1]}}
}

func (req sendRequest) mail(p personalization) *Mail {
	m := &Mail{
		From: *req.From, To: append(append(p.To, p.CC...), p.BCC...), Subject: cmp.Or(p.Subject, req.Subject),
		Headers: map[string]string{}, CustomArgs: map[string]string{},
		Tracked: req.Tracking.Click.on() || req.Tracking.Open.on(),
	}
	for _, from := range []map[string]string{req.CustomArgs, p.CustomArgs} {
		for k, v := range from {
			m.CustomArgs[k] = v
		}
	}
	for _, from := range []map[string]string{req.Headers, p.Headers} {
		for k, v := range from {
			m.Headers[k] = v
		}
	}
	m.MessageID = m.CustomArgs["message_id"]
	for _, c := range req.Content {
		switch c.Type {
		case "text/plain":
			m.Text = c.Value
		case "text/html":
			m.HTML = c.Value
		}
	}
	for _, a := range req.Attachments {
		raw, _ := base64.StdEncoding.DecodeString(a.Content) // checked before
		m.Attachments = append(m.Attachments, Attachment{Filename: a.Filename, Type: a.Type, Disposition: a.Disposition, Content: raw})
	}
	return m
}

type mailError struct {
	Message string  `json:"message"`
	Field   *string `json:"field"`
	Help    *string `json:"help"`
}

func refuseMail(status int, errs ...mailError) reply {
	body, err := json.Marshal(map[string]any{"errors": errs})
	if err != nil {
		panic("sandbox: an error that is no JSON: " + err.Error())
	}
	return reply{status: status, body: body}
}

// sendGridBroken is the answer of a Fail or FailAfter fault.
func sendGridBroken(f Fault) reply {
	status := cmp.Or(f.Status, http.StatusInternalServerError)
	if status == http.StatusTooManyRequests {
		return refuseMail(status, mailError{Message: "too many requests"})
	}
	return refuseMail(status, mailError{Message: cmp.Or(f.Code, "Internal Server Error")})
}
