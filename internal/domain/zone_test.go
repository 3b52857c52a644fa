package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestALocalTimeMovesWhenItsZoneChangesItsRules(t *testing.T) {
	t.Parallel()
	start := instant(t, "2031-07-01T17:00:00Z")
	for name, c := range map[string]struct {
		promised, zone string
		moved          bool
	}{
		"kept":                        {"2031-07-01T13:00:00-04:00", "America/New_York", false},
		"no summer time any more":     {"2031-07-01T12:00:00-05:00", "America/New_York", true},
		"over midnight":               {"2031-06-30T23:00:00-18:00", "America/New_York", true},
		"a zone that is no more":      {"2031-07-01T13:00:00-04:00", "America/Nowhere", true},
		"a promise nobody can read":   {"one o'clock", "America/New_York", true},
		"another name of the offset":  {"2031-07-01T17:00:00+00:00", "Etc/UTC", false},
		"a zone of half an hour more": {"2031-07-01T22:30:00+05:30", "Asia/Kolkata", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			detail, moved := domain.LocalTimeMoved(c.promised, start, c.zone)
			require.Equal(t, c.moved, moved)
			require.Equal(t, c.moved, detail != "")
		})
	}
}
