package restore

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/domain"
)

// fault is the one place that decides which errors of these activities Temporal retries:
// a server, a store or a vendor that may come back, and a program that failed, are; what
// settings, privileges or bytes are wrong with is not.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var e *domain.Error
	if !errors.As(err, &e) {
		return err // a database or network error: retried
	}
	switch e.Code {
	case domain.CodeUnavailable, domain.CodeInternal, domain.CodeStorage, domain.CodeTool, domain.CodeTooMany, domain.CodeVendorUnavailable:
		return temporal.NewApplicationError(e.Message, string(e.Code), e.Detail)
	default:
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil, e.Detail)
	}
}
