package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/sandbox"
)

const mailJSON = `{"from":{"email":"clinic@example.com","name":"Clinic"},"subject":"Hello",
"personalizations":[{"to":[{"email":"asha@example.com","name":"Asha"}],"custom_args":{"message_id":"m-1"}}],
"content":[{"type":"text/plain","value":"plain"},{"type":"text/html","value":"<p>rich</p><script>1</script>"}],
"attachments":[{"content":"QkVHSU4=","type":"text/calendar","filename":"a.ics"}]}`

func (a account) mail(t *testing.T, body string, headers ...string) response {
	t.Helper()
	return a.call(t, "POST", "/v3/mail/send", body, append([]string{"Authorization", "Bearer " + sandbox.DefaultSendGridKey, "Content-Type", "application/json"}, headers...)...)
}

func TestMailsThatSendGridRefuses(t *testing.T) {
	a := open(t, sandbox.Config{})
	change := func(old, now string) string {
		require.Contains(t, mailJSON, old)
		return strings.Replace(mailJSON, old, now, 1)
	}
	tests := map[string]struct{ body, field string }{
		"no from":             {change(`"email":"clinic@example.com",`, ""), "from.email"},
		"no recipient":        {change(`{"email":"asha@example.com","name":"Asha"}`, ""), "personalizations.0.to"},
		"no valid recipient":  {change("asha@example.com", "asha"), "personalizations.0.to.0.email"},
		"twice the same":      {change(`"to":[`, `"to":[{"email":"ASHA@example.com"},`), "personalizations.0.to"},
		"no subject":          {change(`"Hello"`, `""`), "subject"},
		"no content":          {change(`"content":[{"type":"text/plain","value":"plain"},{"type":"text/html","value":"<p>rich</p><script>1</script>"}]`, `"content":[]`), "content"},
		"empty content":       {change(`"value":"plain"`, `"value":""`), "content.0.value"},
		"plain not first":     {strings.NewReplacer("text/plain", "text/html", "text/html", "text/plain").Replace(mailJSON), "content"},
		"type with parameter": {change("text/calendar", "text/calendar; method=REQUEST"), "attachments.0.type"},
		"not base64":          {change("QkVHSU4=", "***"), "attachments.0.content"},
		"no file name":        {change(`"filename":"a.ics"`, `"filename":""`), "attachments.0.filename"},
		"arguments too long":  {change("m-1", strings.Repeat("x", 10001)), "personalizations.0.custom_args"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			r := a.mail(t, c.body)
			require.Equal(t, http.StatusBadRequest, r.status, r.body)
			require.Contains(t, r.body, `"field":"`+c.field+`"`)
		})
	}
	require.Equal(t, http.StatusUnauthorized, a.mail(t, mailJSON, "Authorization", "Bearer SG.other").status)
	require.Equal(t, http.StatusBadRequest, a.mail(t, "{").status)
	require.Equal(t, http.StatusRequestEntityTooLarge, a.mail(t, strings.Replace(mailJSON, "plain\"}", strings.Repeat("x", 30<<20)+`"}`, 1)).status)
	require.Empty(t, a.Mailbox())
}

// A person's mailbox does not come back to life because the sandbox is started again, and
// what the endpoint has not accepted counts as untold.
func TestWhatBecomesOfMailsIsKeptAndToldOnce(t *testing.T) {
	path, hook := filepath.Join(t.TempDir(), "sandbox.db"), newMailEndpoint(t)
	t.Run("before", func(t *testing.T) {
		a := open(t, sandbox.Config{StatePath: path, MailWebhookURL: "http://127.0.0.1:1/nobody", WebhookBackoff: soon})
		a.SetFate("asha@example.com", sandbox.Fate{Events: []string{"processed", "bounce"}})
		require.Equal(t, http.StatusAccepted, a.mail(t, mailJSON).status)
		require.Equal(t, []string{"processed untold", "bounce untold"}, became(a.Mailbox()[0]))
	})
	a := open(t, sandbox.Config{StatePath: path, MailWebhookURL: hook, WebhookBackoff: soon})
	require.Equal(t, http.StatusAccepted, a.mail(t, mailJSON).status)
	require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
	for _, m := range a.Mailbox() {
		require.Equal(t, []string{"processed told", "bounce told"}, became(m))
	}
}

func newMailEndpoint(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(s.Close)
	return s.URL
}

func became(m sandbox.Mail) (events []string) {
	for _, e := range m.Events {
		events = append(events, e.Event+map[bool]string{false: " untold", true: " told"}[e.Told])
	}
	return events
}

func TestMailboxShowsForeignTextWithoutRunningIt(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := a.mail(t, mailJSON).header.Get("X-Message-Id")
	require.NotEmpty(t, id)
	require.Contains(t, a.call(t, "GET", "/mails", "").body, "Hello")
	page := a.call(t, "GET", "/mails/"+id, "")
	require.Contains(t, page.body, `<iframe sandbox="allow-popups`)
	require.NotContains(t, page.body, "<script>")
	html := a.call(t, "GET", "/mails/"+id+"/html", "")
	require.True(t, strings.HasPrefix(html.header.Get("Content-Security-Policy"), "sandbox "))
	file := a.call(t, "GET", "/mails/"+id+"/attachments/0", "")
	require.Equal(t, "BEGIN", file.body)
	require.Contains(t, file.header.Get("Content-Disposition"), "a.ics")
	require.Equal(t, http.StatusNotFound, a.call(t, "GET", "/mails/"+id+"/attachments/1", "").status)
	require.Equal(t, http.StatusNotFound, a.call(t, "GET", "/mails/x", "").status)
}
