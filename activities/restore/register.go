package restore

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
)

// RegisterBooks registers the activities on the product's database, on the workflows' own
// queue.
func RegisterBooks(r worker.ActivityRegistry, b *Books) {
	r.RegisterActivityWithOptions(b.Note, activity.RegisterOptions{Name: Note})
	r.RegisterActivityWithOptions(b.Fence, activity.RegisterOptions{Name: Fence})
	r.RegisterActivityWithOptions(b.Lift, activity.RegisterOptions{Name: Lift})
	r.RegisterActivityWithOptions(b.Forward, activity.RegisterOptions{Name: Forward})
	r.RegisterActivityWithOptions(b.Explain, activity.RegisterOptions{Name: Explain})
}

// RegisterHost registers the activities of a host that may open backups and rename
// databases.
func RegisterHost(r worker.ActivityRegistry, h *Host) {
	r.RegisterActivityWithOptions(h.Resolve, activity.RegisterOptions{Name: Resolve})
	r.RegisterActivityWithOptions(h.Fill, activity.RegisterOptions{Name: Fill})
	r.RegisterActivityWithOptions(h.Ready, activity.RegisterOptions{Name: Ready})
	r.RegisterActivityWithOptions(h.Compare, activity.RegisterOptions{Name: Compare})
	r.RegisterActivityWithOptions(h.Swap, activity.RegisterOptions{Name: Swap})
	r.RegisterActivityWithOptions(h.Undo, activity.RegisterOptions{Name: Undo})
	r.RegisterActivityWithOptions(h.Keep, activity.RegisterOptions{Name: Keep})
	r.RegisterActivityWithOptions(h.Drop, activity.RegisterOptions{Name: Drop})
}

// RegisterTables registers the activities of restores of single tables on such a host.
func RegisterTables(r worker.ActivityRegistry, t *Tables) {
	r.RegisterActivityWithOptions(t.Resolve, activity.RegisterOptions{Name: ResolveTable})
	r.RegisterActivityWithOptions(t.Place, activity.RegisterOptions{Name: PlaceTable})
	r.RegisterActivityWithOptions(t.Compare, activity.RegisterOptions{Name: CompareTable})
	r.RegisterActivityWithOptions(t.Drop, activity.RegisterOptions{Name: DropTable})
}
