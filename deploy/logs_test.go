package deploy_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Vector itself is no part of the tests, nor is its language, by which the transforms were compiled
// and tried on a stack's records by hand; its patterns are, which Go's regular expressions read alike.
func TestTheLogShipperMasksWhatIsPersonalAndKeepsIDs(t *testing.T) {
	t.Parallel()
	var file struct {
		Transforms map[string]struct{ Source string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "logs/vector.yaml")), &file))
	var patterns []*regexp.Regexp
	for _, quoted := range regexp.MustCompile(`(?m)^\s*r'(.*)',$`).FindAllStringSubmatch(file.Transforms["redact"].Source, -1) {
		patterns = append(patterns, regexp.MustCompile(quoted[1]))
	}
	require.NotEmpty(t, patterns)
	require.Contains(t, file.Transforms["redact"].Source, "filters: [\n", "redact takes a list and no variable")
	used := map[*regexp.Regexp]bool{}
	masked := func(text string) bool {
		hit := false
		for _, p := range patterns {
			if p.MatchString(text) {
				used[p], hit = true, true
			}
		}
		return hit
	}
	for _, text := range []string{
		"refused for paula.o'neill+x@clinic.example", "Authorization: Bearer abc.def", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln", "sk_live_secretive1",
		"SG.secretive1", "AGE-SECRET-KEY-1QQQQ", "postgres://careflow:secret@db/careflow", "card 4242 4242 4242 4242", "4242424242424242",
	} {
		require.True(t, masked(text), text)
	}
	for _, text := range []string{
		"01990000-0000-7000-8000-000000000301", "pi_3OqVYT2eZvKYlo2C1gwdbLQx", "2026-03-01T09:00:00.123456789Z", "appointment-01a213a5-0916-7c25-aa61-636d06fb5963",
		"vendor_unavailable", "dev-0123456789ab", "R-000003", "127.0.0.1:8080",
	} {
		require.False(t, masked(text), text)
	}
	require.Len(t, used, len(patterns), "a pattern that no example needs")
}
