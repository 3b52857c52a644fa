package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
)

func newReconcile(in invocation) *cobra.Command {
	r := &remote{in: in}
	var last int
	c := &cobra.Command{
		Use: "reconcile", Short: "Compare all visits with their processes now, and say what needs a person",
		Long: "Starts a reconciliation, or joins the one under way, waits for its end and shows what it came to. " +
			"For staff, admin and ops." + remoteLong,
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkLast(c, last); err != nil {
				return err
			}
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			if last > 0 {
				return get(c.Context(), r, p, fmt.Sprintf("/v1/ops/reconciliations?limit=%d", last), tableOfReconciliations)
			}
			done, err := reconcileNow(c.Context(), p)
			if err != nil {
				return err
			}
			return show(r, openapi.ReconciliationList{Items: []openapi.Reconciliation{done}}, tableOfReconciliations)
		},
	}
	r.flags(c)
	lastFlag(c, &last)
	return c
}

// lastFlag asks for what the last runs came to, in the place of a new one.
func lastFlag(c *cobra.Command, last *int) {
	c.Flags().IntVar(last, "last", 0, "start none: show the last so many")
}

func checkLast(c *cobra.Command, last int) error {
	if c.Flags().Changed("last") && last < 1 {
		return usageError{errors.New("--last is 1 or more")}
	}
	return nil
}

// lookEvery is the pause between two looks at a reconciliation under way.
const lookEvery = 500 * time.Millisecond

func reconcileNow(ctx context.Context, p *demoPerson) (openapi.Reconciliation, error) {
	var started openapi.ReconciliationStarted
	if _, err := p.do(ctx, http.MethodPost, "/v1/ops/reconciliations", nil, &started); err != nil {
		return openapi.Reconciliation{}, err
	}
	for {
		var list openapi.ReconciliationList
		if err := p.get(ctx, "/v1/ops/reconciliations", &list); err != nil {
			return openapi.Reconciliation{}, err
		}
		for _, one := range list.Items {
			if one.ID == started.ID && !one.FinishedAt.IsZero() {
				return one, nil
			}
		}
		select {
		case <-ctx.Done():
			return openapi.Reconciliation{}, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func tableOfReconciliations(w io.Writer, list openapi.ReconciliationList) {
	row(w, "STARTED", "FINISHED", "BY", "EXAMINED", "REPLACED", "FINDINGS")
	for _, one := range list.Items {
		row(w, one.StartedAt, one.FinishedAt, one.Trigger, one.Checked, one.Replaced, one.Reported)
	}
	for _, one := range list.Items {
		for _, f := range one.Findings {
			row(w, f.Subject, f.Code, f.Detail)
		}
	}
}
