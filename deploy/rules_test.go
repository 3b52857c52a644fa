package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/careflow/careflow/internal/testkit"
)

// rule is an alarm, or a recording rule when Record is set.
type rule struct {
	Alert       string            `yaml:"alert"`
	Record      string            `yaml:"record"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths, "there is nothing at %s", pattern)
	return paths
}

func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, path := range files(t, "prometheus/rules/*.yml") {
		var file struct {
			Groups []struct {
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(read(t, path)), &file), path)
		for _, group := range file.Groups {
			all = append(all, group.Rules...)
		}
	}
	return all
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), testkit.Env(t, "CAREFLOW_TEST_PROMTOOL"), args...).CombinedOutput()
	require.NoError(t, err, "promtool %s\n%s", strings.Join(args, " "), out)
}

func TestAlarmsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "config", "prometheus/prometheus.yml")
	tests := files(t, "prometheus/tests/*.test.yml")
	promtool(t, append([]string{"test", "rules"}, tests...)...)

	// An alarm that no test sees fire, or keep silent, is not tested.
	var fires, silent []string
	for _, path := range tests {
		var file struct {
			Tests []struct {
				Alarms []struct {
					Name     string `yaml:"alertname"`
					Expected []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(read(t, path)), &file))
		for _, test := range file.Tests {
			for _, alarm := range test.Alarms {
				if len(alarm.Expected) > 0 {
					fires = append(fires, alarm.Name)
				} else {
					silent = append(silent, alarm.Name)
				}
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" {
			require.Contains(t, fires, r.Alert)
			require.Contains(t, silent, r.Alert)
		}
	}
}

// Whoever is woken finds what to do: each alarm has a chapter, and each chapter an alarm.
func TestEveryAlarmHasItsChapterInTheRunbook(t *testing.T) {
	t.Parallel()
	chapter := regexp.MustCompile(`(?m)^#### (\w+)$`)
	var chapters []string
	for _, found := range chapter.FindAllStringSubmatch(read(t, "RUNBOOK.md"), -1) {
		chapters = append(chapters, found[1])
	}
	var alarms []string
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alarms = append(alarms, r.Alert)
		require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.Equal(t, "deploy/RUNBOOK.md#"+strings.ToLower(r.Alert), r.Annotations["runbook_url"])
	}
	require.ElementsMatch(t, alarms, chapters)
}
