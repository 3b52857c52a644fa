package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestWhoMustAgreeToARestore(t *testing.T) {
	t.Parallel()
	said := func(word domain.RestoreWord, people ...string) []domain.RestoreApproval {
		var list []domain.RestoreApproval
		for _, by := range people {
			list = append(list, domain.RestoreApproval{Word: word, By: by})
		}
		return list
	}
	two, one := domain.RestoreRules{People: 2}, domain.RestoreRules{People: 1}
	for name, tt := range map[string]struct {
		rules  domain.RestoreRules
		given  []domain.RestoreApproval
		word   domain.RestoreWord
		agreed bool
	}{
		"nobody":                          {two, nil, domain.WordBegin, false},
		"one of two":                      {two, said(domain.WordBegin, "a"), domain.WordBegin, false},
		"the same twice":                  {two, said(domain.WordBegin, "a", "a"), domain.WordBegin, false},
		"two":                             {two, said(domain.WordBegin, "a", "b"), domain.WordBegin, true},
		"another word is not this one":    {two, said(domain.WordBegin, "a", "b"), domain.WordSwap, false},
		"one in development":              {one, said(domain.WordSwap, "a"), domain.WordSwap, true},
		"a rule of nobody is one of one":  {domain.RestoreRules{}, nil, domain.WordSwap, false},
		"undoing takes as many":           {two, said(domain.WordUndo, "a"), domain.WordUndo, false},
		"one person may stop it":          {two, said(domain.WordAbort, "a"), domain.WordAbort, true},
		"one person may end the way back": {two, said(domain.WordFinish, "a"), domain.WordFinish, true},
	} {
		require.Equal(t, tt.agreed, tt.rules.Agreed(tt.given, tt.word), name)
	}
	require.NoError(t, two.Check(domain.RestoreAwaitingSwap, said(domain.WordBegin, "a"), domain.WordSwap, "a"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(two.Check(domain.RestoreAwaitingSwap, said(domain.WordSwap, "a"), domain.WordSwap, "a")), "once each")
}

func TestWordsMeanSomethingAtTheirTime(t *testing.T) {
	t.Parallel()
	allowed := map[domain.RestoreState][]domain.RestoreWord{
		domain.RestoreResolving: {domain.WordAbort}, domain.RestoreAwaitingApproval: {domain.WordBegin, domain.WordAbort},
		domain.RestoreSaving: {domain.WordAbort}, domain.RestoreFencing: {domain.WordAbort}, domain.RestoreRestoring: {domain.WordAbort},
		domain.RestoreComparing: {domain.WordAbort}, domain.RestoreAwaitingSwap: {domain.WordSwap, domain.WordAbort},
		domain.RestoreSwapping: nil, domain.RestoreReconciling: nil, domain.RestoreUndoing: nil, domain.RestoreKept: {domain.WordFinish},
		domain.RestoreSwapped: {domain.WordUndo, domain.WordFinish}, domain.RestoreFinished: nil, domain.RestoreUndone: nil,
		domain.RestoreAborted: nil, domain.RestoreExpired: nil, domain.RestoreFailed: nil,
	}
	for state, words := range allowed {
		for _, w := range []domain.RestoreWord{domain.WordBegin, domain.WordSwap, domain.WordAbort, domain.WordUndo, domain.WordFinish} {
			if state.Allows(w) {
				require.Contains(t, words, w, state)
			} else {
				require.NotContains(t, words, w, state)
			}
		}
	}
}

func TestTheBackupThatIsMeant(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 3, 30, 0, 0, time.UTC)
	proof, rejection := &domain.BackupEvidence{Checks: []string{"counts"}}, &domain.BackupEvidence{Failures: []string{"rows"}}
	backup := func(id string, days int, e *domain.BackupEvidence) domain.StoredBackup {
		return domain.StoredBackup{Manifest: domain.BackupManifest{BackupID: id, SnapshotAt: at.AddDate(0, 0, days)}, Evidence: e}
	}
	buried := backup("buried", 5, proof)
	buried.BuriedAt = at
	stored := []domain.StoredBackup{backup("newer", 2, proof), backup("old", 0, proof), backup("unproven", 3, nil), backup("rejected", 4, rejection), buried}
	for name, tt := range map[string]struct {
		id     string
		before time.Time
		want   string
		code   domain.Code
	}{
		"the newest proven one":           {want: "newer"},
		"from before a time":              {before: at.AddDate(0, 0, 1), want: "old"},
		"at that very time":               {before: at.AddDate(0, 0, 2), want: "newer"},
		"by its ID":                       {id: "old", want: "old"},
		"none is that old":                {before: at.Add(-time.Second), code: domain.CodeNotFound},
		"there is no such one":            {id: "other", code: domain.CodeNotFound},
		"what nobody has proven is none":  {id: "unproven", code: domain.CodeConflict},
		"what is known to be bad is none": {id: "rejected", code: domain.CodeConflict},
		"what is about to go is none":     {id: "buried", code: domain.CodeConflict},
	} {
		got, err := domain.ChoosePoint(stored, tt.id, tt.before)
		require.Equal(t, tt.code, domain.CodeOf(err), name)
		if tt.code == "" {
			require.Equal(t, tt.want, got.BackupID, name)
		}
	}
}

func TestDifferencesShowWhatDiffersFirst(t *testing.T) {
	t.Parallel()
	list := domain.DifferencesOf(map[string]int64{"a": 1, "b": 0, "gone": 4}, map[string]int64{"a": 1, "b": 7, "new": 2})
	var names []string
	for _, d := range list {
		names = append(names, d.Table)
	}
	require.Equal(t, []string{"b", "gone", "new", "a"}, names)
	require.Nil(t, list[1].Restored)
	require.Nil(t, list[2].Live)
	require.True(t, list[3].Same())
	for _, d := range domain.DifferencesOf(nil, map[string]int64{"a": 0}) {
		require.False(t, d.Same(), "a database that cannot be read is not the same as an empty one")
	}
}
