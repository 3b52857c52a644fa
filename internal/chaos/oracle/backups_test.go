package oracle

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// saved is a sound world of which a backup was promised, made and proven, after one that
// was cancelled.
func saved() (*World, *Journal) {
	w, j := sound()
	j.Promises = []Promise{{ID: "b1"}, {ID: "b1", Joined: true}, {ID: "b2"}}
	w.Backups = map[string]*Backup{
		"b1": {ID: "b1", State: "verified", Rows: 20, Checks: []string{"restored"}},
		"b2": {ID: "b2", State: "cancelled"},
	}
	m := &Manifest{BackupID: "b1", Attempt: "attempt-2", SnapshotAt: began.Add(time.Minute), Rows: 20}
	m.Parts = append(m.Parts, struct {
		Name   string `json:"name"`
		Object string `json:"object"`
		Stored struct {
			SHA256 string `json:"sha256"`
		} `json:"stored"`
	}{Name: "data", Object: "clinic/b1/attempt-2/data.zst.age"})
	m.Parts[0].Stored.SHA256 = "5ea1"
	w.Storage = map[string]*StoredBackup{"b1": {
		Objects:  map[string]string{"manifest.json": "1", "evidence/e1.json": "2", "attempt-2/data.zst.age": "5ea1"},
		Manifest: m, Evidence: []Evidence{{BackupID: "b1", Rows: 20, Checks: []string{"restored"}}},
		Restored: &Restored{Rows: 20, Visits: []string{"v1"}},
	}}
	return w, j
}

func TestABackupThatIsWholeAndProvenIsSound(t *testing.T) {
	t.Parallel()
	findings, figures := Judge(saved())
	require.Empty(t, findings)
	require.Equal(t, 1, figures["backups verified"])
	require.Equal(t, 1, figures["backups restored without the product"])
}

func TestEachRuleOfBackupsIsNoticed(t *testing.T) {
	t.Parallel()
	for rule, breaches := range map[string][]func(*World, *Journal){
		"backup_lost": {func(_ *World, j *Journal) { j.Promises = append(j.Promises, Promise{ID: "b3"}) }},
		"backup_disagrees": {
			func(w *World, _ *Journal) { w.Storage["b1"].Manifest = nil },
			func(w *World, _ *Journal) { w.Backups["b1"].State = "cancelled" },
		},
		"backup_orphan": {
			func(w *World, _ *Journal) { w.Storage["b1"].Objects["attempt-1/data.zst.age"] = "3" },
			func(w *World, _ *Journal) {
				w.Storage["b2"] = &StoredBackup{Objects: map[string]string{"attempt-1/data.zst.age": "3"}}
			},
			func(w *World, _ *Journal) { w.Storage["b9"] = &StoredBackup{} },
		},
		"backup_damaged": {
			func(w *World, _ *Journal) { w.Storage["b1"].Objects["attempt-2/data.zst.age"] = "bad" },
			func(w *World, _ *Journal) { delete(w.Storage["b1"].Objects, "attempt-2/data.zst.age") },
			func(w *World, _ *Journal) { w.Storage["b1"].Manifest.BackupID = "b7" },
		},
		"backup_not_verified": {
			func(w *World, _ *Journal) { w.Storage["b1"].Evidence = nil },
			func(w *World, _ *Journal) { w.Storage["b1"].Evidence[0].Failures = []string{"a row is missing"} },
			func(w *World, _ *Journal) { w.Storage["b1"].Restored.Rows = 19 },
			func(w *World, _ *Journal) { w.Backups["b1"].Rows = 0 },
		},
		"backup_lacks_rows": {
			func(w *World, _ *Journal) { w.Storage["b1"].Restored.Visits = nil },
			func(w *World, _ *Journal) { w.Storage["b1"].Manifest.SnapshotAt = began.Add(-time.Minute) },
		},
		"backup_left_open":     {func(w *World, _ *Journal) { w.Backups["b1"].State = "stored" }},
		"backup_failed":        {func(w *World, _ *Journal) { w.Backups["b2"].State = "failed" }},
		"backup_rejected":      {func(w *World, _ *Journal) { w.Backups["b1"].State = "rejected" }},
		"backup_none_verified": {func(w *World, _ *Journal) { w.Backups["b1"].State = "stored" }},
		"backup_scratch_left":  {func(w *World, _ *Journal) { w.Scratch = []string{"careflow_verify_1"} }},
	} {
		for _, breach := range breaches {
			noticesOf(t, saved, map[string]func(*World, *Journal){rule: breach})
		}
	}
}

func TestTheRowsOfADumpInTextAreCounted(t *testing.T) {
	t.Parallel()
	r, err := restored(strings.NewReader(`SET x = 1;
COPY public.appointments (id, status) FROM stdin;
a1	archived
a2	COPY public.users
\.


COPY public.users (id) FROM stdin;
u1
\.
SELECT pg_catalog.setval('s', 1);
`))
	require.NoError(t, err)
	require.Equal(t, &Restored{Rows: 3, Visits: []string{"a1", "a2"}}, r)
}
