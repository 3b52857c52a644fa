package mail_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/mail"
	"github.com/careflow/careflow/internal/sandbox"
)

func letter(id string) domain.Mail {
	return domain.Mail{
		MessageID: id, To: "asha@example.com", ToName: "Asha Rao", Subject: "Your appointment", Text: "plain", HTML: "<p>rich</p>",
		Attachments: []domain.Attachment{{
			Name: "appointment.ics", ContentType: "text/calendar; charset=utf-8; method=REQUEST", Content: []byte("BEGIN:VCALENDAR\r\n"),
		}},
	}
}

func open(t *testing.T) (*mail.SendGrid, *sandbox.Sandbox, string) {
	t.Helper()
	box, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() {
		box.ClearFaults()
		server.CloseClientConnections()
		server.Close()
		require.NoError(t, box.Close())
	})
	return at(server.URL, 0), box, server.URL
}

func at(url string, timeout time.Duration) *mail.SendGrid {
	return mail.New(mail.Config{Key: sandbox.DefaultSendGridKey, URL: url, From: "Riverside Clinic <visits@riverside.example>", Timeout: timeout})
}

func TestMailArrivesWhole(t *testing.T) {
	sg, box, _ := open(t)
	id, err := sg.Send(t.Context(), letter("m-1"))
	require.NoError(t, err)
	m, ok := box.Mail(id)
	require.True(t, ok, "the answer's message ID is the mail's")
	require.Equal(t, "m-1", m.MessageID)
	require.Equal(t, map[string]string{"message_id": "m-1"}, m.CustomArgs)
	require.Equal(t, sandbox.Address{Email: "visits@riverside.example", Name: "Riverside Clinic"}, m.From)
	require.Equal(t, []sandbox.Address{{Email: "asha@example.com", Name: "Asha Rao"}}, m.To)
	require.Equal(t, "Your appointment", m.Subject)
	require.Equal(t, "plain", m.Text)
	require.Equal(t, "<p>rich</p>", m.HTML)
	require.False(t, m.Tracked, "nobody watches who reads a doctor's mail")
	require.Len(t, m.Attachments, 1)
	require.Equal(t, "appointment.ics", m.Attachments[0].Filename)
	require.Equal(t, "text/calendar", m.Attachments[0].Type)
	require.Equal(t, "BEGIN:VCALENDAR\r\n", string(m.Attachments[0].Content))
}

func TestConcurrentMailsDoNotMix(t *testing.T) {
	sg, box, _ := open(t)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			m := letter(fmt.Sprint("m-", n))
			m.Text = m.MessageID
			_, err := sg.Send(t.Context(), m)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, box.Ledger().Mails, 20)
	for _, m := range box.Mailbox() {
		require.Equal(t, m.MessageID, m.Text)
	}
}

func TestBadRecipientIsToldApartFromOurOwnFaults(t *testing.T) {
	tests := map[string]struct {
		change func(*domain.Mail)
		want   domain.Code
		detail string
	}{
		"no address":         {func(m *domain.Mail) { m.To = "" }, domain.CodeRecipientRejected, "personalizations.0.to.0.email"},
		"no valid address":   {func(m *domain.Mail) { m.To = "asha@nowhere" }, domain.CodeRecipientRejected, "personalizations.0.to.0.email"},
		"no subject":         {func(m *domain.Mail) { m.Subject = "" }, domain.CodeVendorRejected, "subject"},
		"nothing in it":      {func(m *domain.Mail) { m.Text, m.HTML = "", "" }, domain.CodeVendorRejected, "content"},
		"an attachment less": {func(m *domain.Mail) { m.Attachments[0].Content = nil }, domain.CodeVendorRejected, "attachments.0.content"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			sg, box, _ := open(t)
			m := letter("m-1")
			c.change(&m)
			_, err := sg.Send(t.Context(), m)
			require.Equal(t, c.want, domain.CodeOf(err))
			var e *domain.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.detail, e.Detail)
			require.NotContains(t, err.Error(), "asha")
			require.Empty(t, box.Mailbox())
		})
	}
}

func TestAWrongKeyLosesNoMail(t *testing.T) {
	_, _, url := open(t)
	_, err := mail.New(mail.Config{Key: "SG.wrong", URL: url, From: "a@example.com"}).Send(t.Context(), letter("m-1"))
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err), "people mend the key, and it is sent then")
	_, err = mail.New(mail.Config{Key: "SG.wrong", URL: url, From: "nobody"}).Send(t.Context(), letter("m-1"))
	require.Equal(t, domain.CodeVendorRejected, domain.CodeOf(err))
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(mail.Config{From: "nobody"}.Validate()))
	require.NoError(t, mail.Config{From: "Clinic <a@example.com>"}.Validate())
}

func TestEachFaultSaysWhetherTheMailMayHaveGone(t *testing.T) {
	tests := map[string]struct {
		fault sandbox.Fault
		want  domain.Code
		sent  int
	}{
		"429":                         {sandbox.Fault{Mode: sandbox.Fail, Status: http.StatusTooManyRequests}, domain.CodeVendorUnavailable, 0},
		"500":                         {sandbox.Fault{Mode: sandbox.Fail}, domain.CodeOutcomeUnknown, 0},
		"500 after it was taken":      {sandbox.Fault{Mode: sandbox.FailAfter}, domain.CodeOutcomeUnknown, 1},
		"502":                         {sandbox.Fault{Mode: sandbox.Fail, Status: http.StatusBadGateway}, domain.CodeOutcomeUnknown, 0},
		"503":                         {sandbox.Fault{Mode: sandbox.Fail, Status: http.StatusServiceUnavailable}, domain.CodeVendorUnavailable, 0},
		"connection breaks, nothing":  {sandbox.Fault{Mode: sandbox.Drop}, domain.CodeOutcomeUnknown, 0},
		"connection breaks, happened": {sandbox.Fault{Mode: sandbox.DropAfter}, domain.CodeOutcomeUnknown, 1},
		"no answer in time":           {sandbox.Fault{Mode: sandbox.HoldAfter}, domain.CodeOutcomeUnknown, 1},
		"too slow":                    {sandbox.Fault{Mode: sandbox.Hold}, domain.CodeOutcomeUnknown, 0},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			_, box, url := open(t)
			c.fault.Vendor = sandbox.SendGrid
			box.Inject(c.fault)
			_, err := at(url, 200*time.Millisecond).Send(t.Context(), letter("m-1"))
			require.Equal(t, c.want, domain.CodeOf(err))
			require.Len(t, box.Mailbox(), c.sent)
		})
	}
}

func TestFaultCanBeAboutOneMessage(t *testing.T) {
	sg, box, _ := open(t)
	box.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Match: "POST /v3/mail/send", Key: "m-2", Mode: sandbox.Fail, Status: http.StatusServiceUnavailable})
	_, err := sg.Send(t.Context(), letter("m-1"))
	require.NoError(t, err)
	_, err = sg.Send(t.Context(), letter("m-2"))
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
}

func TestVendorThatIsNotThereDidNotSend(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := at(gone.URL, 0).Send(t.Context(), letter("m-1"))
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
}

func TestCallerThatGivesUpKnowsTheOutcomeIsUnknown(t *testing.T) {
	sg, box, _ := open(t)
	hold := box.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Mode: sandbox.HoldAfter})
	ctx, kill := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := sg.Send(ctx, letter("m-1"))
		failed <- err
	}()
	require.NoError(t, hold.WaitHeld(t.Context()))
	kill()
	err := <-failed
	require.Equal(t, domain.CodeOutcomeUnknown, domain.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, box.Mailbox(), 1)
}
