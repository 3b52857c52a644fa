package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
)

func newPaymentCases(in invocation) *cobra.Command {
	r := &remote{in: in}
	c := &cobra.Command{
		Use: "payment-cases", Short: "Look at money that does not go its usual way, and decide about it, over the API",
		Long:    "Looks at payment cases, and decides about one that waits for a person, as staff." + remoteLong,
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	r.flags(c)
	c.AddCommand(
		newCasesList(r),
		newOfOneCase(r, "show", "Show a case with its timeline", func(ctx context.Context, p *demoPerson, path string) error {
			return get(ctx, r, p, path, tableOfCase)
		}),
		newCaseDecision(r, "retry", "Try the refund or void again", "cause_removed, vendor_recovered, payer_reached or other"),
		newCaseDecision(r, "resolve", "Close a case that a person saw to", "paid_back_another_way, written_off, kept_by_agreement or mistaken_report"),
	)
	return c
}

func newCasesList(r *remote) *cobra.Command {
	var (
		states []string
		visit  string
		limit  int
	)
	c := &cobra.Command{
		Use: "list", Short: "List cases, the newest first", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			query := url.Values{}
			for _, s := range states {
				query.Add("state", s)
			}
			if visit != "" {
				query.Set("appointment_id", visit)
			}
			items, err := collect[openapi.PaymentCase](c.Context(), p, "/v1/payment-cases", query, limit, nil)
			if err != nil {
				return err
			}
			return show(r, openapi.PaymentCasePage{Items: items}, func(w io.Writer, page openapi.PaymentCasePage) {
				row(w, "ID", "KIND", "STATE", "WAITS FOR", "SINCE", "CAPTURED", "REFUNDED", "FAULT", "VISIT")
				for _, one := range page.Items {
					row(w, one.ID, one.Kind, one.State, one.WaitsFor, one.WaitingSince, amount(one.Captured), amount(one.Refunded), one.ErrorCode, one.AppointmentID)
				}
			})
		},
	}
	c.Flags().StringSliceVar(&states, "state", nil, "only these of open, retrying, needs_person and closed, with commas")
	c.Flags().StringVar(&visit, "appointment", "", "only this visit's, by ID")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return c
}

func newOfOneCase(r *remote, name, short string, run func(ctx context.Context, p *demoPerson, path string) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " <case-id>", Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s takes one case ID", c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			return run(c.Context(), p, "/v1/payment-cases/"+url.PathEscape(args[0]))
		},
	}
}

func newCaseDecision(r *remote, name, short, reasons string) *cobra.Command {
	var (
		reason  string
		version int
	)
	c := newOfOneCase(r, name, short, func(ctx context.Context, p *demoPerson, path string) error {
		match := strconv.Quote(strconv.Itoa(version))
		if version == 0 {
			match = "*"
		}
		var done openapi.PaymentCase
		if err := patiently(ctx, p, path+"/"+name, map[string]string{"reason_code": reason}, &done, "If-Match", match); err != nil {
			return err
		}
		return show(r, done, rowsOfCase)
	})
	c.Flags().StringVar(&reason, "reason", "", reasons+"; kept in the timeline")
	c.Flags().IntVar(&version, "version", 0, "refuse if the case is at another version by now; 0 takes any")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if reason == "" {
			return usageError{fmt.Errorf("%s wants a --reason", c.CommandPath())}
		}
		return nil
	}
	return c
}

func tableOfCase(w io.Writer, r openapi.PaymentCaseRecord) {
	rowsOfCase(w, r.Case)
	row(w, "")
	row(w, "AT", "VERSION", "WHAT", "STATE", "WAITS FOR", "BY", "REASON", "FAULT")
	for _, e := range r.Events {
		row(w, e.At, e.Version, e.Kind, e.State, e.WaitsFor, string(e.Actor.Kind)+" "+e.Actor.ID, e.ReasonCode, e.ErrorCode)
	}
}

func rowsOfCase(w io.Writer, c openapi.PaymentCase) {
	row(w, "id", c.ID)
	row(w, "visit", c.AppointmentID)
	row(w, "intent", c.IntentID)
	row(w, "kind", c.Kind)
	row(w, "state", c.State)
	row(w, "version", c.Version)
	row(w, "waits for", c.WaitsFor)
	row(w, "since", c.WaitingSince)
	row(w, "last fault", c.ErrorCode)
	row(w, "captured", amount(c.Captured))
	row(w, "refunded", amount(c.Refunded))
	row(w, "charged back", amount(c.ChargedBack))
	row(w, "dispute", c.DisputeStatus+" "+c.DisputeReason)
	row(w, "evidence by", c.EvidenceBy)
	row(w, "outcome", c.Outcome)
	row(w, "closed", c.ClosedAt)
}
