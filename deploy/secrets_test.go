package deploy_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/config"
)

// A secret that nobody knows how to rotate is not rotated.
func TestEverySecretIsListedWithHowToRotateIt(t *testing.T) {
	t.Parallel()
	var listed []string
	row := regexp.MustCompile("(?m)^\\| `(CAREFLOW_[A-Z_]+)` \\| [^|]+ \\| [^|]+ \\| [^|]+ \\|$")
	for _, found := range row.FindAllStringSubmatch(read(t, "../docs/secrets.md"), -1) {
		listed = append(listed, found[1])
	}
	slices.Sort(listed)
	require.Equal(t, config.Secrets(), listed)
}
