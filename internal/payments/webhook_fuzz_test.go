package payments_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
)

// A webhook's body is read only when it is signed; then it is an event or it is refused,
// whatever is in it.
func FuzzVerifyWebhook(f *testing.F) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, body := range []string{
		`{"id":"evt_1","object":"event","api_version":"` + sandbox.APIVersion + `","created":1772442000,"type":"payment_intent.canceled","data":{"object":{"id":"pi_1","object":"payment_intent","metadata":{"appointment_id":"x"}}}}`,
		`{"id":"evt_1","api_version":"` + sandbox.APIVersion + `","data":{"object":{"payment_intent":{"id":7}}}}`,
		`{"id":"evt_1","api_version":"` + sandbox.APIVersion + `","data":{"object":null}}`, `{"data":null}`, `[]`, `null`, ``, `{"id":1}`, "\xff",
	} {
		f.Add([]byte(body), sandbox.Sign([]byte(body), webhookSecret, now))
		f.Add([]byte(body), "t=1,v1=00,t=2")
	}
	f.Add([]byte(`{}`), "t=99999999999999999999,v1=")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		s := verifier()
		if _, err := s.VerifyWebhook(body, header, now); err != nil {
			require.Contains(t, []domain.Code{domain.CodeUnauthenticated, domain.CodeVendorRejected}, domain.CodeOf(err))
		}
		event, err := s.VerifyWebhook(body, sandbox.Sign(body, webhookSecret, now), now)
		if err != nil {
			require.Equal(t, domain.CodeVendorRejected, domain.CodeOf(err), "it is signed, so what is wrong is its form")
			require.Empty(t, event)
			return
		}
		require.NotEmpty(t, event.ID)
	})
}
