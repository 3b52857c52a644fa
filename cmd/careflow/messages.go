package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
)

func newMessages(in invocation) *cobra.Command {
	r := &remote{in: in}
	c := &cobra.Command{
		Use: "messages", Short: "Look at messages that went wrong, and send one again, over the API",
		Long:    "Looks at messages that went wrong, and sends one again, as staff. No address is shown anywhere." + remoteLong,
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	r.flags(c)
	c.AddCommand(newMessagesList(r), newMessagesResend(r))
	return c
}

func newMessagesList(r *remote) *cobra.Command {
	var (
		problems                      []string
		kind, recipient, since, until string
		open                          bool
		limit                         int
	)
	c := &cobra.Command{
		Use: "list", Short: "List messages that failed, bounced, were dropped or whose fate is unknown, newest first", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			query := url.Values{}
			for _, one := range problems {
				query.Add("problem", one)
			}
			for name, value := range map[string]string{"kind": kind, "recipient": recipient, "since": since, "until": until} {
				if value != "" {
					query.Set(name, value)
				}
			}
			if open {
				query.Set("open", "true")
			}
			items, err := collect[openapi.Message](c.Context(), p, "/v1/messages", query, limit, nil)
			if err != nil {
				return err
			}
			return show(r, openapi.MessagePage{Items: items}, tableOfMessages)
		},
	}
	c.Flags().StringSliceVar(&problems, "problem", nil, "only these, with commas: failed, unknown, skipped, bounced, dropped, spam_report")
	c.Flags().StringVar(&kind, "kind", "", "only this kind, such as reminder")
	c.Flags().StringVar(&recipient, "recipient", "", "only those to a patient or to a doctor")
	c.Flags().StringVar(&since, "since", "", "written at or after this instant (RFC 3339)")
	c.Flags().StringVar(&until, "until", "", "written before this instant (RFC 3339)")
	c.Flags().BoolVar(&open, "open", false, "only those that were not sent again")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return c
}

func newMessagesResend(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "resend <appointment-id> <message-id>", Short: "Have a lost message sent again",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("%s takes an appointment ID and a message ID, as `careflow messages list` shows them", c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			var done openapi.Message
			path := "/v1/appointments/" + url.PathEscape(args[0]) + "/messages/" + url.PathEscape(args[1]) + "/resend"
			if err := patiently(c.Context(), p, path, nil, &done); err != nil {
				return err
			}
			if done.ID == "" {
				return errors.New("the API did not say which message it made")
			}
			return show(r, done, func(w io.Writer, m openapi.Message) {
				tableOfMessages(w, openapi.MessagePage{Items: []openapi.Message{m}})
			})
		},
	}
}

func tableOfMessages(w io.Writer, page openapi.MessagePage) {
	row(w, "APPOINTMENT", "MESSAGE", "KIND", "TO", "WRITTEN", "STATUS", "PROBLEM", "CODE", "SENT AGAIN AS")
	for _, m := range page.Items {
		code := m.DeliveryCode
		if code == "" {
			code = m.ErrorCode
		}
		row(w, m.AppointmentID, m.ID, m.Kind, m.Recipient, m.CreatedAt, m.Status, m.Problem, code, m.ResentAs)
	}
}
