package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func newHousekeeping(in invocation) *cobra.Command {
	r := &remote{in: in}
	var last int
	c := &cobra.Command{
		Use: "housekeeping", Short: "Remove now what nobody needs any more, and say how much it was",
		Long: "Does what the schedule does every day: removes old rows of the outbox, answers kept for idempotency keys, " +
			"expired refresh tokens, ended sessions and counted log-in attempts; waits for its end and shows the counts. " +
			"For admin and ops." + remoteLong,
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
				return get(c.Context(), r, p, fmt.Sprintf("/v1/ops/housekeeping?limit=%d", last), tableOfHousekeeping)
			}
			done, err := housekeepNow(c.Context(), p)
			if err != nil {
				return err
			}
			return show(r, openapi.HousekeepingList{Items: []openapi.Housekeeping{done}}, tableOfHousekeeping)
		},
	}
	r.flags(c)
	lastFlag(c, &last)
	return c
}

func housekeepNow(ctx context.Context, p *demoPerson) (openapi.Housekeeping, error) {
	var started openapi.HousekeepingStarted
	if _, err := p.do(ctx, http.MethodPost, "/v1/ops/housekeeping", nil, &started); err != nil {
		return openapi.Housekeeping{}, err
	}
	for {
		var list openapi.HousekeepingList
		if err := p.get(ctx, "/v1/ops/housekeeping", &list); err != nil {
			return openapi.Housekeeping{}, err
		}
		for _, one := range list.Items {
			if one.ID == started.ID && !one.FinishedAt.IsZero() {
				return one, nil
			}
		}
		select {
		case <-ctx.Done():
			return openapi.Housekeeping{}, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func tableOfHousekeeping(w io.Writer, list openapi.HousekeepingList) {
	head := []any{"STARTED", "FINISHED", "BY"}
	for _, what := range domain.Litters() {
		head = append(head, words(string(what)))
	}
	row(w, head...)
	for _, one := range list.Items {
		cells := []any{one.StartedAt, one.FinishedAt, one.Trigger}
		for _, what := range domain.Litters() {
			cells = append(cells, one.Removed[string(what)])
		}
		row(w, cells...)
	}
}
