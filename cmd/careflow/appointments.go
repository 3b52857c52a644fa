package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func newAppointments(in invocation) *cobra.Command {
	r := &remote{in: in}
	c := &cobra.Command{
		Use: "appointments", Short: "Look at visits, and repair one, over the API",
		Long:    "Looks at visits, and repairs one, as staff." + remoteLong,
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	r.flags(c)
	c.AddCommand(
		newAppointmentsList(r),
		newOfOne(r, "show", "Show a visit; the reading is kept in the audit log", func(ctx context.Context, p *demoPerson, path string) error {
			return get(ctx, r, p, path, tableOfOne)
		}),
		newOfOne(r, "timeline", "Show what happened to a visit", func(ctx context.Context, p *demoPerson, path string) error {
			return get(ctx, r, p, path+"/events", tableOfEvents)
		}),
		newWatch(r),
		newRepair(r, "retry", "Put a visit's process right now: a dead or stuck one is replaced", func(w io.Writer, done openapi.Repair) {
			row(w, done.Action, done.Code)
		}),
		newCorrect(r),
		newDecision(r, "uphold-fee", "Keep a no-show fee that the patient objected to"),
		newDecision(r, "waive-fee", "Give a no-show fee back"),
		newRepair(r, "resolve", "Take the stuck mark off a visit whose cause was seen to", tableOfOne),
	)
	return c
}

func newAppointmentsList(r *remote) *cobra.Command {
	var (
		statuses                  []string
		doctor, patient, from, to string
		fee                       string
		stuck                     bool
		limit                     int
	)
	c := &cobra.Command{
		Use: "list", Short: "List visits by their start", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			query := url.Values{}
			for _, s := range statuses {
				query.Add("status", s)
			}
			for name, value := range map[string]string{"no_show_fee": fee, "doctor_id": doctor, "patient_id": patient, "from": from, "to": to} {
				if value != "" {
					query.Set(name, value)
				}
			}
			items, err := collect(c.Context(), p, "/v1/appointments", query, limit, func(a openapi.Appointment) bool { return !stuck || a.Stuck != "" })
			if err != nil {
				return err
			}
			return show(r, openapi.AppointmentPage{Items: items}, func(w io.Writer, page openapi.AppointmentPage) {
				row(w, "ID", "STATUS", "STARTS", "DOCTOR", "VERSION", "STUCK")
				for _, a := range page.Items {
					row(w, a.ID, a.Status, a.StartsAt, a.DoctorName, a.Version, a.Stuck)
				}
			})
		},
	}
	c.Flags().StringSliceVar(&statuses, "status", nil, "only these statuses, with commas")
	c.Flags().StringVar(&fee, "fee", "", "only visits whose no-show fee is noticed, disputed (to be decided), kept, waived or withdrawn")
	c.Flags().StringVar(&doctor, "doctor", "", "only this doctor's, by ID")
	c.Flags().StringVar(&patient, "patient", "", "only this patient's, by ID")
	c.Flags().StringVar(&from, "from", "", "that start at or after this instant (RFC 3339)")
	c.Flags().StringVar(&to, "to", "", "that start before this instant (RFC 3339)")
	c.Flags().BoolVar(&stuck, "stuck", false, "only those that need a person")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return c
}

func newOfOne(r *remote, name, short string, run func(ctx context.Context, p *demoPerson, path string) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " <appointment-id>", Short: short, Args: oneAppointment,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			return run(c.Context(), p, "/v1/appointments/"+url.PathEscape(args[0]))
		},
	}
}

func oneAppointment(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one appointment ID", c.CommandPath())}
	}
	return nil
}

func newRepair[T any](r *remote, name, short string, table func(w io.Writer, done T)) *cobra.Command {
	var reason string
	c := newOfOne(r, name, short, func(ctx context.Context, p *demoPerson, path string) error {
		var done T
		if err := patiently(ctx, p, path+"/"+name, map[string]string{"reason_code": reason}, &done); err != nil {
			return err
		}
		return show(r, done, table)
	})
	c.Flags().StringVar(&reason, "reason", "", "cause_removed, row_corrected, settled_by_hand, vendor_recovered, mistaken_report or other; kept in the timeline")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if reason == "" {
			return usageError{fmt.Errorf("%s wants a --reason", c.CommandPath())}
		}
		return nil
	}
	return c
}

// How often and after how long a command is sent again when the API says that it cannot
// carry it out at the moment.
const (
	repairTries = 5
	repairPause = 2 * time.Second
)

// patiently sends a command until it is carried out, under one key. headers are pairs of name and value.
func patiently(ctx context.Context, p *demoPerson, path string, body, into any, headers ...string) error {
	headers = append([]string{"Idempotency-Key", domain.NewID()}, headers...)
	for try := 1; ; try++ {
		_, err := p.do(ctx, http.MethodPost, path, body, into, headers...)
		var refused *refusal
		if !errors.As(err, &refused) || refused.status != http.StatusServiceUnavailable || try == repairTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(repairPause):
		}
	}
}

// tableOfOne shows a visit without its clinical text.
func tableOfOne(w io.Writer, a openapi.Appointment) {
	row(w, "id", a.ID)
	row(w, "status", a.Status)
	row(w, "version", a.Version)
	row(w, "stuck", a.Stuck)
	row(w, "starts", a.StartsAt)
	row(w, "local time", a.LocalTime+" "+a.TimeZone)
	row(w, "doctor", a.DoctorName)
	row(w, "patient", a.PatientID)
	row(w, "pay by", a.PayBy)
	row(w, "answer by", a.AnswerBy)
	row(w, "check in by", a.CheckInBy)
	if a.NoShowFee.Status != "" {
		row(w, "no-show fee", string(a.NoShowFee.Status)+" "+amount(a.NoShowFee.Amount))
		row(w, "dispute by", a.NoShowFee.DisputeBy)
		row(w, "decide by", a.NoShowFee.DecideBy)
	}
	row(w, "price", amount(a.Terms.Price))
	row(w, "payment", string(a.Payment.Status)+" captured "+amount(a.Payment.Captured)+" refunded "+amount(a.Payment.Refunded))
	row(w, "changed", a.UpdatedAt)
	row(w, "ended", a.EndedAt)
}

// amount is money in its minor units, as the API has it.
func amount(m openapi.Money) string { return strconv.FormatInt(m.Minor, 10) + " " + m.Currency }

func tableOfEvents(w io.Writer, list openapi.EventList) {
	row(w, "AT", "VERSION", "WHAT", "STATUS", "BY", "REASON")
	for _, e := range list.Items {
		row(w, e.At, e.Version, e.Kind, e.To, string(e.Actor.Kind)+" "+e.Actor.ID, e.ReasonCode)
	}
}
