// Package signals is what workflows that are told things by signals need to know before
// they end.
package signals

import "go.temporal.io/sdk/workflow"

// HearOut lets the coroutines that receive signals take what came with the task that is
// being carried out. All events of a task are there before any coroutine runs, and those run
// in the order in which they began: one that waited for an activity could end the workflow
// before a receiver had its turn, and a signal that the server had accepted would be lost.
// The server refuses an end only for what it got after the task began. It makes no event in
// the history. Its error is that of a cancelled context.
func HearOut(ctx workflow.Context) error {
	heard := false
	workflow.Go(ctx, func(workflow.Context) { heard = true })
	return workflow.Await(ctx, func() bool { return heard })
}
