package appointment

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/domain"
)

// fault is the one place that decides which errors of an activity Temporal retries.
// The domain's code becomes the error's type, which the workflow and the API read. An
// application error must not be wrapped on the way: it would lose that type.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var e *domain.Error
	if !errors.As(err, &e) {
		return err // a database or network error: retried
	}
	switch e.Code {
	case domain.CodeUnavailable, domain.CodeVendorUnavailable, domain.CodeOutcomeUnknown, domain.CodeInternal, domain.CodeTooMany:
		return temporal.NewApplicationError(e.Message, string(e.Code), e.Detail)
	default:
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil, e.Detail)
	}
}
