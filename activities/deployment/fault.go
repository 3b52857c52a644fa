package deployment

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/domain"
)

// fault is the one place that decides which errors of these activities Temporal retries: a
// place that cannot be reached may come back; a release that is not there, does not start
// or does not answer as expected does not get better by trying. The type is the domain's
// code, the first detail what a step printed.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return err
	}
	var e *domain.Error
	if !errors.As(err, &e) {
		return err // a network error: retried
	}
	switch e.Code {
	case domain.CodeUnavailable, domain.CodeInternal:
		return temporal.NewApplicationError(e.Message, string(e.Code), e.Detail)
	default:
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil, e.Detail)
	}
}

// withOutput lets what a failed step printed come with its error: an activity that fails has
// no result.
func withOutput(err error, outcome domain.StepOutcome) error {
	var e *domain.Error
	if errors.As(err, &e) && e.Detail == "" && outcome.Output != "" {
		c := *e
		c.Detail = outcome.Output
		err = &c
	}
	return fault(err)
}

// forEver makes every fault one to try again.
func forEver(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.NonRetryable() {
		return temporal.NewApplicationError(app.Message(), app.Type())
	}
	return err
}

func messageOf(err error) string {
	var e *domain.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "it cannot be reached"
}
