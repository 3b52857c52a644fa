package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestOtherTimesAreOnDifferentDaysOfTheReaderWherePossible(t *testing.T) {
	t.Parallel()
	free := func(starts ...string) (slots []domain.Slot) {
		for _, s := range starts {
			at := instant(t, s)
			slots = append(slots, domain.Slot{Window: domain.Window{Start: at, End: at.Add(30 * time.Minute)}})
		}
		return slots
	}
	const instead = "2026-03-02T09:00:00Z"
	for name, c := range map[string]struct {
		reader     string
		free, want []string
	}{
		"none": {reader: "UTC"},
		"three days": {
			"UTC", []string{"2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z", "2026-03-05T10:00:00Z"},
			[]string{"2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z"},
		},
		"not the time that came to nothing": {
			"UTC", []string{instead, "2026-03-02T10:00:00Z"}, []string{"2026-03-02T10:00:00Z"},
		},
		"filled up by time": {
			"UTC", []string{"2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z", "2026-03-03T10:00:00Z"},
			[]string{"2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "2026-03-03T10:00:00Z"},
		},
		"the reader's days": {
			"Asia/Tokyo", []string{"2026-03-02T14:00:00Z", "2026-03-02T15:00:00Z", "2026-03-03T14:00:00Z", "2026-03-03T15:00:00Z"},
			[]string{"2026-03-02T14:00:00Z", "2026-03-02T15:00:00Z", "2026-03-03T15:00:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, free(c.want...), domain.Alternatives(free(c.free...), instant(t, instead), zone(t, c.reader)))
		})
	}
}
