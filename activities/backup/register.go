package backup

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
)

// RegisterLogbook registers the activities on the catalogue, on the workflows' own queue.
func RegisterLogbook(r worker.ActivityRegistry, l *Logbook) {
	r.RegisterActivityWithOptions(l.Begin, activity.RegisterOptions{Name: Begin})
	r.RegisterActivityWithOptions(l.Note, activity.RegisterOptions{Name: Note})
}

// RegisterSaving registers the activities of a host that reads databases.
func RegisterSaving(r worker.ActivityRegistry, s *Saving, p *Pruning) {
	r.RegisterActivityWithOptions(s.Preflight, activity.RegisterOptions{Name: Preflight})
	r.RegisterActivityWithOptions(s.Save, activity.RegisterOptions{Name: Save})
	r.RegisterActivityWithOptions(s.Check, activity.RegisterOptions{Name: Check})
	r.RegisterActivityWithOptions(s.Commit, activity.RegisterOptions{Name: Commit})
	r.RegisterActivityWithOptions(s.Discard, activity.RegisterOptions{Name: Discard})
	r.RegisterActivityWithOptions(p.Prune, activity.RegisterOptions{Name: Prune})
	r.RegisterActivityWithOptions(p.Hold, activity.RegisterOptions{Name: Hold})
}

// RegisterProving registers the activities of a host that may open backups.
func RegisterProving(r worker.ActivityRegistry, v *Proving) {
	r.RegisterActivityWithOptions(v.Verify, activity.RegisterOptions{Name: Verify})
}
