package postgres

import (
	"context"
	"sync"
	"time"

	"go.uber.org/fx"
)

// notifyPause is the least time between two wake-ups that one process sends.
const notifyPause = 5 * time.Millisecond

// Module provides *Store, *DataKeys and *Catalogue from a *pgxpool.Pool and a Cipher, and sends the
// store's wake-ups while the process runs.
var Module = fx.Module("postgres", fx.Provide(New, NewDataKeys, NewCatalogue), fx.Invoke(notify))

func notify(lc fx.Lifecycle, s *Store) {
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	lc.Append(fx.StartStopHook(
		func() { loop.Go(func() { s.NotifyLoop(ctx, notifyPause) }) },
		func() { cancel(); loop.Wait() },
	))
}
