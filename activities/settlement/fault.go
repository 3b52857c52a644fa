package settlement

import (
	"errors"

	"github.com/careflow/careflow/internal/domain"
)

// CodeLate is the code of money that turned up after the visit's end.
const CodeLate domain.Code = "late_payment"

// Passing reports whether a fault of the provider may pass by itself.
func Passing(err error) bool {
	switch domain.CodeOf(err) { //nolint:exhaustive // the others are refusals, or ours
	case domain.CodeVendorUnavailable, domain.CodeTooMany, domain.CodeOutcomeUnknown:
		return true
	}
	return false
}

// Refused reports whether the provider said no, for good.
func Refused(err error) bool {
	code := domain.CodeOf(err)
	return code == domain.CodePaymentRefused || code == domain.CodeVendorRejected
}

// Reason is the code that people see of an error: the provider's own where it gave one.
func Reason(err error) string {
	var e *domain.Error
	if errors.As(err, &e) && e.Detail != "" {
		return e.Detail
	}
	return string(domain.CodeOf(err))
}
