package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/mail"
)

// signer is a key of SendGrid's event webhook.
type signer struct{ key *ecdsa.PrivateKey }

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return signer{key}
}

func (s signer) public(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der)
}

func (s signer) sign(t *testing.T, body, timestamp string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(timestamp + body))
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(signature)
}

var signedAt = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// The example in the tests of SendGrid's own library is taken for what it is.
func TestEventsOfSendGridItself(t *testing.T) {
	events, err := mail.NewEvents([]string{"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="})
	require.NoError(t, err)
	body := `[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]` + "\r\n"
	got, err := events.VerifyMailEvents([]byte(body), "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=", "1600112502", time.Unix(1600112502, 0))
	require.NoError(t, err)
	require.Equal(t, []domain.MailEvent{{
		ID:            "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
		DeliveryState: domain.DeliveryState{State: domain.DeliveryDropped, Code: "bounced_address", At: time.Unix(1600112492, 0).UTC()},
	}}, got)
}

func TestOnlySignedAndRecentEventsAreBelieved(t *testing.T) {
	old, present, stranger := newSigner(t), newSigner(t), newSigner(t)
	events, err := mail.NewEvents([]string{old.public(t), present.public(t)})
	require.NoError(t, err)
	none, err := mail.NewEvents(nil)
	require.NoError(t, err)
	body, stamp := `[]`, fmt.Sprint(signedAt.Unix())
	for name, c := range map[string]struct {
		events    *mail.Events
		signature string
		body      string
		stamp     string
		after     time.Duration
		want      domain.Code
	}{
		"the old key, while it is rolled": {events, old.sign(t, body, stamp), body, stamp, 0, ""},
		"the new key":                     {events, present.sign(t, body, stamp), body, stamp, 0, ""},
		"a repetition of the day before":  {events, present.sign(t, body, stamp), body, stamp, 24 * time.Hour, ""},
		"a stranger's key":                {events, stranger.sign(t, body, stamp), body, stamp, 0, domain.CodeUnauthenticated},
		"no key at all":                   {none, present.sign(t, body, stamp), body, stamp, 0, domain.CodeUnauthenticated},
		"another body":                    {events, present.sign(t, body, stamp), `[{}]`, stamp, 0, domain.CodeUnauthenticated},
		"another time stamp":              {events, present.sign(t, body, stamp), body, stamp + "0", 0, domain.CodeUnauthenticated},
		"too old":                         {events, present.sign(t, body, stamp), body, stamp, 26 * time.Hour, domain.CodeUnauthenticated},
		"of the future":                   {events, present.sign(t, body, stamp), body, stamp, -6 * time.Minute, domain.CodeUnauthenticated},
		"no number":                       {events, present.sign(t, body, "soon"), body, "soon", 0, domain.CodeUnauthenticated},
		"no base64":                       {events, "!", body, stamp, 0, domain.CodeUnauthenticated},
		"no list":                         {events, present.sign(t, `{}`, stamp), `{}`, stamp, 0, domain.CodeVendorRejected},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.events.VerifyMailEvents([]byte(c.body), c.signature, c.stamp, signedAt.Add(c.after))
			require.Equal(t, c.want, domain.CodeOf(err))
		})
	}
}

// What is kept of an event are IDs and codes: no address, no network, no words of a server.
func TestWhatIsKeptOfAnEvent(t *testing.T) {
	s := newSigner(t)
	events, err := mail.NewEvents([]string{s.public(t)})
	require.NoError(t, err)
	for sent, want := range map[string]string{
		`"event":"processed"`: "processed/", `"event":"deferred","response":"450 ada@x"`: "deferred/", `"event":"delivered","ip":"192.0.2.1"`: "delivered/",
		`"event":"bounce","type":"bounce","bounce_classification":"Invalid Address","reason":"550 <ada@x> unknown"`: "bounced/invalid_address",
		`"event":"bounce","type":"blocked","bounce_classification":"Reputation"`:                                    "bounced/blocked_reputation",
		`"event":"bounce","bounce_classification":"ada@x is no more"`:                                               "bounced/unclassified",
		`"event":"dropped","reason":"Unsubscribed Address"`:                                                         "dropped/unsubscribed_address",
		`"event":"dropped","reason":"ada@x again"`:                                                                  "dropped/other",
		`"event":"spamreport"`: "spam_report/", `"event":"open","useragent":"x"`: "", `"event":"click"`: "", `"event":"group_unsubscribe"`: "",
	} {
		body := `[{"email":"ada@x","sg_event_id":"e1","message_id":"m1","timestamp":1772355600,` + sent + `}]`
		stamp := fmt.Sprint(signedAt.Unix())
		got, err := events.VerifyMailEvents([]byte(body), s.sign(t, body, stamp), stamp, signedAt)
		require.NoError(t, err)
		if want == "" {
			require.Empty(t, got, "what a reader did is nobody's business: %s", sent)
			continue
		}
		require.Len(t, got, 1)
		require.Equal(t, want, string(got[0].State)+"/"+got[0].Code)
		require.Equal(t, "m1", got[0].MessageID)
		require.NotContains(t, fmt.Sprint(got), "ada@x")
	}
}

func TestKeysThatVerifyNothing(t *testing.T) {
	for _, key := range []string{"", "x", "bm90IGEga2V5", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="} {
		_, err := mail.NewEvents([]string{key})
		require.Error(t, err, key)
	}
}
