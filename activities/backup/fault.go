package backup

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/domain"
)

// fault is the one place that decides which errors of these activities Temporal retries:
// a server or a store that may come back, and a program that failed, are; what settings,
// privileges or bytes are wrong with is not.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var e *domain.Error
	if !errors.As(err, &e) {
		return err // a database or network error: retried
	}
	switch e.Code {
	case domain.CodeUnavailable, domain.CodeInternal, domain.CodeStorage, domain.CodeTool:
		return temporal.NewApplicationError(e.Message, string(e.Code), e.Detail)
	default:
		return final(err)
	}
}

// final is a fault that no try again would mend.
func final(err error) error {
	var e *domain.Error
	if !errors.As(err, &e) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil, e.Detail)
}
