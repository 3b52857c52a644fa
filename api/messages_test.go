package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const mailWebhook = "/v1/webhooks/sendgrid"

func mailPost(h *harness, signature string) reply {
	return h.do(request{method: http.MethodPost, path: mailWebhook, body: `[]`, headers: []string{
		"X-Twilio-Email-Event-Webhook-Signature", signature, "X-Twilio-Email-Event-Webhook-Timestamp", "1772355600",
	}})
}

func TestEventsOfTheMailProviderAreThankedForOnceTheyAreStored(t *testing.T) {
	h := newHarness(t)
	mailPost(h, "bad").problem(http.StatusBadRequest, CodeInvalidSignature)
	require.Empty(t, h.store.mailEvents)
	h.store.err = fmt.Errorf("no database")
	mailPost(h, "good").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	h.store.err = nil
	mailPost(h, "good").status(http.StatusNoContent)
	mailPost(h, "good").status(http.StatusNoContent)
	require.Len(t, h.store.mailEvents, 1)
	require.Contains(t, h.log.String(), `"msg":"a message did not arrive"`)
	require.Contains(t, h.log.String(), `"code":"invalid_address"`)

	metrics := h.get("/metrics", "").status(http.StatusOK).Body.String()
	require.Contains(t, metrics, `careflow_mail_deliveries_total{code="invalid_address",event="bounced",kind="reminder"} 1`)
	require.Contains(t, metrics, `careflow_mail_undelivered_total{event="bounced"} 1`)
	require.Contains(t, metrics, `careflow_mail_undelivered_total{event="dropped"} 0`, "the first one is an increase")
	require.Contains(t, metrics, `careflow_webhooks_total{result="known",source="sendgrid"} 1`)
	require.Contains(t, metrics, `careflow_webhooks_total{result="refused",source="sendgrid"} 1`)
}

func TestMessagesThatWentWrongComeInPages(t *testing.T) {
	h := newHarness(t)
	for i := range 3 {
		h.store.troubled = append(h.store.troubled, domain.Message{
			ID: domain.NewID(), AppointmentID: idAppointment, Kind: domain.MessageReminder, Recipient: domain.RecipientPatient,
			Status: domain.MessageSent, CreatedAt: now.Add(-time.Duration(i) * time.Minute), Problem: "bounced",
			Delivery: domain.DeliveryState{State: domain.DeliveryBounced, Code: "invalid_address", At: now},
		})
	}
	staff := h.as(domain.RoleStaff)
	page := decode[openapi.MessagePage](h.get("/v1/messages?limit=2", staff).status(http.StatusOK))
	require.Len(t, page.Items, 2)
	require.Equal(t, "invalid_address", page.Items[0].DeliveryCode)
	require.Equal(t, []string{"failed", "unknown", "bounced", "dropped", "spam_report"}, h.store.asked[0].Problems, "a skipped one was skipped on purpose")
	rest := decode[openapi.MessagePage](h.get("/v1/messages?limit=2&cursor="+page.NextCursor, staff).status(http.StatusOK))
	require.Len(t, rest.Items, 1)
	require.Empty(t, rest.NextCursor)

	h.get("/v1/messages?problem=skipped&problem=failed&kind=reminder&recipient=patient&open=true&since=2026-03-01T00:00:00Z", staff).status(http.StatusOK)
	require.Equal(t, domain.MessageFilter{
		Problems: []string{"skipped", "failed"}, Kind: "reminder", Recipient: "patient", OpenOnly: true, Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
	}, h.store.asked[2])
	h.get("/v1/messages?problem=lost", staff).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.get("/v1/messages?cursor=x", staff).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.get("/v1/messages?since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z", staff).problem(http.StatusBadRequest, domain.CodeInvalid)
}

func TestAMessageIsSentAgainOncePerKey(t *testing.T) {
	h := newHarness(t)
	staff, path := h.as(domain.RoleStaff), "/v1/appointments/"+idAppointment+"/messages/"+idMessage+"/resend"
	first := decode[openapi.Message](h.post(path, staff, "").status(http.StatusOK))
	require.Equal(t, idMessage, first.ResendOf)
	again := h.post(path, staff, "").status(http.StatusOK)
	require.Equal(t, "true", again.Header().Get(headerReplayed))
	require.Equal(t, first.ID, decode[openapi.Message](again).ID)
	require.Len(t, h.store.resent, 1)
	other := "/v1/appointments/" + idAppointment + "/messages/" + idNobody + "/resend"
	h.post(other, staff, "").problem(http.StatusUnprocessableEntity, domain.CodeIdempotencyReused)

	h.store.resendErr = domain.Errorf(domain.CodeTooLate, "the visit has begun")
	h.post(path, staff, "", headerIdempotencyKey, "key-2").problem(http.StatusConflict, domain.CodeTooLate)
}

func TestWhereAVideoVisitIsHeldIsForItsPatientAndItsDoctor(t *testing.T) {
	h := newHarness(t)
	a := exampleVisit()
	a.Terms.Mode, a.JoinURL, a.AccountID, a.Status = domain.Telehealth, "https://video.example/r", idAccount, domain.StatusConfirmed
	staff := h.token(domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleStaff}})
	see := func(token string) string {
		h.store.visits[a.ID] = a
		shown := h.get("/v1/appointments/"+a.ID, token).status(http.StatusOK).appointment()
		require.Equal(t, openapi.VisitMode("telehealth"), shown.Mode)
		return shown.JoinURL
	}
	require.Equal(t, a.JoinURL, see(h.as(domain.RolePatient)))
	require.Equal(t, a.JoinURL, see(h.as(domain.RoleDoctor)))
	require.Empty(t, see(staff))
	a.Status = domain.StatusPending
	require.Empty(t, see(h.as(domain.RolePatient)), "nobody joins a visit that is not confirmed")
}
