package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
)

func rowsOfInventory(w io.Writer, inventory domain.BackupInventory) {
	row(w, "ID", "RESTORE POINT", "PROVEN", "STORED BYTES", "ROWS", "STATE")
	for _, b := range inventory.Backups {
		var proven time.Time
		state := "not proven"
		if b.Evidence != nil {
			state = "REJECTED"
			if b.Evidence.Passed() {
				proven, state = b.Evidence.FinishedAt, "proven"
			}
		}
		if !b.BuriedAt.IsZero() {
			state = "about to be removed"
		}
		row(w, b.Manifest.BackupID, b.Manifest.SnapshotAt, proven, b.Manifest.StoredBytes(), b.Manifest.Rows, state)
	}
	for _, id := range inventory.Unreadable {
		row(w, id, "-", "-", "-", "-", "UNREADABLE: damaged, or not signed by CAREFLOW_BACKUP_SIGNING_KEYS")
	}
}

// describe says what is about to be done.
func (o *offline) describe(p backup.OfflinePlan) {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	row(w, "backup", p.Backup.BackupID)
	row(w, "restore point", fmt.Sprintf("%s, %s ago", instant(p.Backup.SnapshotAt), ago(p.Backup)))
	row(w, "holds", fmt.Sprintf("%d tables, %d rows, %s stored", p.Backup.Tables, p.Backup.Rows, size(p.Backup.StoredBytes())))
	row(w, "restored as", p.Incoming)
	if p.Lives {
		row(w, "takes the place of", p.Live+", which is kept as "+p.Outgoing)
	} else {
		row(w, "takes the name", p.Live+", which no database has")
	}
	_ = w.Flush()
	o.leftBeside(p)
}

func (o *offline) describeUndo(p backup.OfflinePlan) {
	o.say("%s becomes %s again.%s", p.Incoming, p.Live, kept(p, "What lives now"))
	o.leftBeside(p)
}

func kept(p backup.OfflinePlan, what string) string {
	if !p.Lives {
		return ""
	}
	return " " + what + " is kept as " + p.Outgoing + "."
}

func (o *offline) leftBeside(p backup.OfflinePlan) {
	if len(p.Beside) > 0 {
		o.say("Of earlier offline restores there are: %s. Drop what is not needed any more.", strings.Join(p.Beside, ", "))
	}
}

// progress tells of each phase, and in between every few seconds how far it came.
func (o *offline) progress(m domain.BackupManifest) backup.Progress {
	data, _ := m.Part(domain.PartData)
	phase, told := "", time.Time{}
	return func(now string, bytes int64) {
		if now == phase && time.Since(told) < tellEvery {
			return
		}
		phase, told = now, time.Now()
		switch now {
		case backup.PhaseRestore:
			o.say("restore: %s of %s read", size(bytes), size(data.Stored.Bytes))
		case backup.PhaseCompare:
			o.say("compare: counts and hashes of %d tables, %d rows", m.Tables, m.Rows)
		}
	}
}

const tellEvery = 5 * time.Second

// ago is how far a restore point lies back, in whole minutes begun, such as 26h5m.
func ago(m domain.BackupManifest) string {
	return strings.TrimSuffix((time.Since(m.SnapshotAt).Truncate(time.Minute) + time.Minute).String(), "0s")
}

func size(bytes int64) string {
	if bytes < 1e6 {
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// warn says, before anything is asked, what the exchange means.
func (o *offline) warn(p backup.OfflinePlan) {
	point := instant(p.Backup.SnapshotAt)
	switch p.Holds {
	case backup.HoldsProcesses:
		o.say(rewindsTemporal, point, ago(p.Backup))
		if time.Since(p.Backup.SnapshotAt) > keysKept {
			o.say("THIS RESTORE POINT IS OLDER THAN 24 HOURS: Stripe may have forgotten keys of calls that were made since.")
		}
	case backup.HoldsVisibility:
		o.say(rewindsLists, point)
	case backup.HoldsClinic:
		o.say(rewindsClinic, point)
	}
}

// keysKept is for how long Stripe is sure to know an idempotency key.
const keysKept = 24 * time.Hour

const (
	rewindsTemporal = `
THIS SETS EVERY PROCESS BACK TO %s, %s AGO. The clinic's rows, Stripe and letters that were sent stay as they are.
  - A visit whose process is older than its row: a step that the row knows is recognised and nothing is done again. At
    another one the visit is marked as stuck (version_conflict), its row stays, and the process fails; the reconciler
    starts it anew from the row. Until its next step such a process may only be reported: careflow appointments retry.
  - Processes that began since are gone. The reconciler starts those of visits from their rows; payment cases it does not.
  - Calls to Stripe that were made since may be made again. Stripe repeats its answer to a key that it knows, for 24 hours
    at least and then no more. From then on only what the product looks up first keeps money from moving twice: compare
    payments and refunds since the restore point with Stripe.
  - Jobs that were open then (backups, restores, deployments) are open again, this backup of Temporal itself among them, and
    go on: terminate those that are over. One whose version of the worker is gone waits for ever, and a new job joins it.
Before: stop API, workers and Temporal. After: start Temporal, then one worker; run careflow reconcile and look at what it
found (version_conflict), then at careflow payment-cases list; then start the rest. Restore Temporal's visibility database
to about the same time too, or lists show processes that are not there.`
	rewindsLists = `
This sets Temporal's lists of its processes back to %s, and no process. Processes that have not changed since then are
listed right; others are missing or listed as they were, until their next change. Stop Temporal before.`
	rewindsClinic = `
THIS SETS THE CLINIC'S ROWS BACK TO %s. Temporal, Stripe and letters that were sent stay as they are, and offline nothing
is written forward: visits whose process is further than their row are reported as version_conflict, letters may be sent
twice, and who was logged out since is logged in again. Where the API can be reached, use careflow restore run instead.
Before: stop API and workers. After: careflow migrate up, the API, the workers, careflow reconcile.`
)

func (o *offline) done(p backup.OfflinePlan, took time.Duration) {
	if !p.Lives {
		o.say("%s lives.", p.Live)
		return
	}
	o.say("%s lives, after %s.%s\nBack: careflow restore offline --target %s --undo. When it is not needed any more: DROP DATABASE %s.",
		p.Live, took.Round(time.Millisecond), kept(p, "What lived before"), o.target, p.Outgoing)
}
