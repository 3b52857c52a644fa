package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/historycost"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/workflows/appointment"
)

// historyTimeout is how long reading a history may take.
const historyTimeout = 15 * time.Second

func newHistoryCost(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "history-cost <appointment-id>",
		Short: "Count the history events and billable actions of an appointment's process",
		Long: "Counts the history events and billable actions of an appointment's process, running or ended. " +
			historycost.Method + " It reads no payload and needs no key.",
		GroupID: groupLook,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("history-cost takes one appointment ID")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			temporal, err := historyClient(in)
			if err != nil {
				return err
			}
			defer temporal.Close()
			events, err := history(c.Context(), temporal, args[0], false)
			if err != nil {
				return err
			}
			return writeCost(in.out, args[0], historycost.Of(events))
		},
	}
}

func writeCost(w io.Writer, appointmentID string, cost historycost.Cost) error {
	if _, err := fmt.Fprintf(w, "Process %s\n\n", appointment.WorkflowID(appointmentID)); err != nil {
		return err
	}
	if err := cost.WriteTable(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", historycost.Method)
	return err
}

// historyClient reaches Temporal without a key: payloads stay sealed.
func historyClient(in invocation) (client.Client, error) {
	cfg, logger, err := settings(config.HistoryCost, in)
	if err != nil {
		return nil, err
	}
	return temporalx.NewClient(temporalx.Options{Temporal: cfg.Temporal, Logger: logger})
}

// history reads the events of the latest run. With ended it waits for the last one.
func history(ctx context.Context, temporal client.Client, appointmentID string, ended bool) ([]*historypb.HistoryEvent, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	var events []*historypb.HistoryEvent
	pages := temporal.GetWorkflowHistory(ctx, appointment.WorkflowID(appointmentID), "", ended, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for pages.HasNext() {
		e, err := pages.Next()
		if err != nil {
			return nil, historyFault(err, appointmentID)
		}
		events = append(events, e)
	}
	return events, nil
}

func historyFault(err error, appointmentID string) error {
	var unknown *serviceerror.NotFound
	var malformed *serviceerror.InvalidArgument
	if errors.As(err, &unknown) || errors.As(err, &malformed) {
		return fmt.Errorf("no process of appointment %s in Temporal: it was not started yet, or its retention is over", appointmentID)
	}
	return fmt.Errorf("read the history: %w", err)
}
