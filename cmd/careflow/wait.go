package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// waitFlag adds --wait, which alone means a minute.
func waitFlag(c *cobra.Command, into *time.Duration, what string) {
	c.Flags().DurationVar(into, "wait", 0, what+"; --wait alone is 1m")
	c.Flags().Lookup("wait").NoOptDefVal = "1m"
}

// retry calls try until it succeeds, for at most patience; with none, once. The error is
// the last one of try.
func retry(ctx context.Context, patience time.Duration, what string, try func(context.Context) error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if patience == 0 {
			return err
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("waited %s for %s: %w", patience, what, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
}
