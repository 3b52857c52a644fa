package deployfile_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/deployfile"
	"github.com/careflow/careflow/internal/domain"
)

func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/services.example.yaml")
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "/etc/careflow/smoke.yaml", "../../deploy/smoke/careflow.yaml")
}

func TestTheExampleIsUnderstoodAndSaysTheDefaults(t *testing.T) {
	t.Parallel()
	list, err := deployfile.Parse([]byte(example(t)))
	require.NoError(t, err)
	got := list[0].DeploymentService
	require.Len(t, got.Smoke, 7)
	require.Equal(t, domain.SmokeTest{Name: "it is ready", Path: "/readyz", Method: "GET", Status: 200, Within: 10 * time.Second}, got.Smoke[0])

	bare, err := deployfile.Parse([]byte(`services: [{environment: production, service: api, strategy: blue_green, target: host, front_door: "https://clinic.example", database: clinic, approval: {}, host: {folder: /x}}]`))
	require.NoError(t, err)
	got.Smoke = nil
	require.Equal(t, got, bare[0].DeploymentService, "what the example writes is what is meant where nothing is written")
}

func TestAFileThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for change, want := range map[string][2]string{
		"a misspelt word":                {"warm: 1h", "warn: 1h"},
		"steps that fall":                {"steps: [100] ", "steps: [100, 50] "},
		"steps that do not end":          {"steps: [100] ", "steps: [50] "},
		"no front door":                  {"front_door: https://clinic.example", "front_door: clinic"},
		"a name that is no name":         {"service: api", "service: The_API"},
		"no place":                       {"target: host  ", "target: kubernetes  "},
		"an unknown strategy":            {"strategy: blue_green", "strategy: yolo"},
		"a smoke file that is not there": {"../../deploy/smoke/careflow.yaml", "/nowhere.yaml"},
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			text := example(t)
			require.Contains(t, text, want[0])
			_, err := deployfile.Parse([]byte(strings.Replace(text, want[0], want[1], 1)))
			require.Error(t, err)
		})
	}
	text := example(t)
	_, err := deployfile.Parse([]byte(text + text[strings.Index(text, "  - environment"):]))
	require.ErrorContains(t, err, "twice")
}
