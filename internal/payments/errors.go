package payments

import (
	"errors"
	"net/http"

	"github.com/stripe/stripe-go/v76"

	"github.com/careflow/careflow/internal/domain"
)

// classify is the one place that decides what an error of Stripe means:
//
//   - vendor_unavailable: 409 (the key is in use), 429, 5xx, time-outs and broken
//     connections. Whether it happened is not known; the same request may be sent again.
//     Also 401 and 403: a revoked or mistyped API key is mended by people, and no visit
//     may end because of it.
//   - payment_refused: the card or the intent's state does not allow it, for good.
//     Detail is the decline code or else Stripe's error code.
//   - vendor_rejected: any other 4xx, a fault of ours. Detail is Stripe's error code.
//
// The texts are ours: Stripe's may quote parameters.
func classify(err error) error {
	var se *stripe.Error
	if !errors.As(err, &se) {
		return domain.Errorf(domain.CodeVendorUnavailable, "the payment provider cannot be reached").Because(err)
	}
	detail := string(se.DeclineCode)
	if detail == "" {
		detail = string(se.Code)
	}
	cause := withoutSecrets(se)
	switch status := se.HTTPStatusCode; {
	case status == http.StatusConflict, status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return domain.Errorf(domain.CodeVendorUnavailable, "the payment provider does not answer properly at the moment").WithDetail(detail).Because(cause)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return domain.Errorf(domain.CodeVendorUnavailable, "the payment provider does not accept our API key").WithDetail("key_refused").Because(cause)
	case se.Type == stripe.ErrorTypeCard, status == http.StatusPaymentRequired, refused[se.Code]:
		return domain.Errorf(domain.CodePaymentRefused, "the payment was refused").WithDetail(detail).Because(cause)
	}
	return domain.Errorf(domain.CodeVendorRejected, "the payment provider does not accept our request").WithDetail(detail).Because(cause)
}

// refused are the codes of 4xx answers that are about the payment, not about our
// request (https://docs.stripe.com/error-codes).
var refused = map[stripe.ErrorCode]bool{
	stripe.ErrorCodePaymentIntentUnexpectedState:      true,
	stripe.ErrorCodeCaptureChargeAuthorizationExpired: true,
	stripe.ErrorCodeChargeExpiredForCapture:           true,
	stripe.ErrorCodeChargeAlreadyCaptured:             true,
	stripe.ErrorCodeChargeAlreadyRefunded:             true,
	stripe.ErrorCodeChargeDisputed:                    true,
	stripe.ErrorCodeChargeNotRefundable:               true,
	stripe.ErrorCodeRefundDisputedPayment:             true,
}

// withoutSecrets copies what a log may hold of Stripe's error: its text form would
// print the whole intent, client secret included.
func withoutSecrets(se *stripe.Error) *stripe.Error {
	clean := &stripe.Error{
		Type: se.Type, Code: se.Code, DeclineCode: se.DeclineCode, Param: se.Param, ChargeID: se.ChargeID,
		HTTPStatusCode: se.HTTPStatusCode, RequestID: se.RequestID,
	}
	if se.LastResponse != nil {
		clean.LastResponse = &stripe.APIResponse{Header: se.LastResponse.Header, StatusCode: se.HTTPStatusCode}
	}
	return clean
}

func unexpectedState(err error) bool {
	var se *stripe.Error
	return errors.As(err, &se) && (se.Code == stripe.ErrorCodePaymentIntentUnexpectedState || se.Code == stripe.ErrorCodeChargeAlreadyCaptured)
}
