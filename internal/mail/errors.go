package mail

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/sendgrid/rest"

	"github.com/careflow/careflow/internal/domain"
)

// noAnswer decides about a request that got no response.
func noAnswer(err error, written bool) error {
	if written {
		return domain.Errorf(domain.CodeOutcomeUnknown, "the mail provider did not say whether it took the mail").Because(err)
	}
	return domain.Errorf(domain.CodeVendorUnavailable, "the mail provider cannot be reached").Because(err)
}

// classify is the one place that decides what an answer of SendGrid means. The texts
// are ours: SendGrid's may quote the address.
func classify(resp *rest.Response) error {
	status := resp.StatusCode
	detail := strconv.Itoa(status)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable:
		// It broke while it dealt with the mail, or a gateway lost its answer: SendGrid may
		// have taken the mail before.
		return domain.Errorf(domain.CodeOutcomeUnknown, "the mail provider failed and did not say whether it took the mail").WithDetail(detail)
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return domain.Errorf(domain.CodeVendorUnavailable, "the mail provider does not take mail at the moment").WithDetail(detail)
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		// A revoked or mistyped key: nothing was sent, and people mend it. No mail is lost.
		return domain.Errorf(domain.CodeVendorUnavailable, "the mail provider does not accept our key").WithDetail("key_refused")
	}
	field := refusedField(resp.Body)
	if field != "" {
		detail = field
	}
	if status == http.StatusBadRequest && strings.HasPrefix(field, "personalizations.") && strings.Contains(field, ".to") {
		return domain.Errorf(domain.CodeRecipientRejected, "the mail provider does not accept the recipient's address").WithDetail(detail)
	}
	return domain.Errorf(domain.CodeVendorRejected, "the mail provider does not accept our request").WithDetail(detail)
}

// refusedField returns the first field that SendGrid complains about.
func refusedField(body string) string {
	var answer struct {
		Errors []struct {
			Field string `json:"field"`
		} `json:"errors"`
	}
	if json.Unmarshal([]byte(body), &answer) != nil {
		return ""
	}
	for _, e := range answer.Errors {
		if e.Field != "" {
			return e.Field
		}
	}
	return ""
}
