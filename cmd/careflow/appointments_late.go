package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
)

func newCorrect(r *remote) *cobra.Command {
	var to, reason string
	c := newOfOne(r, "correct", "Say that an ended visit took place after all, or that nobody came after all", func(ctx context.Context, p *demoPerson, path string) error {
		var done openapi.Appointment
		if err := patiently(ctx, p, path+"/correct", map[string]string{"status": to, "reason_code": reason}, &done); err != nil {
			return err
		}
		return show(r, done, tableOfOne)
	})
	c.Flags().StringVar(&to, "to", "", "completed or no_show")
	c.Flags().StringVar(&reason, "reason", "", "recorded_by_mistake, patient_was_there, patient_was_not_there, wrong_patient or other; kept in the timeline")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if to == "" || reason == "" {
			return usageError{errors.New("correct wants --to and --reason")}
		}
		return nil
	}
	return c
}

// newDecision decides about a no-show fee.
func newDecision(r *remote, name, short string) *cobra.Command {
	var reason string
	c := newOfOne(r, name, short, func(ctx context.Context, p *demoPerson, path string) error {
		var done openapi.Appointment
		if err := patiently(ctx, p, path+"/"+name, map[string]string{"reason_code": reason}, &done); err != nil {
			return err
		}
		return show(r, done, tableOfOne)
	})
	c.Flags().StringVar(&reason, "reason", "", "arrival_confirmed, arrival_not_found, cancellation_found, no_cancellation_found, emergency, goodwill, "+
		"clinic_mistake or other; kept in the timeline")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if reason == "" {
			return usageError{fmt.Errorf("%s wants a --reason", c.CommandPath())}
		}
		return nil
	}
	return c
}
