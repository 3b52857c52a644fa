package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// query is an expression of a dashboard or a rule, and where it stands.
type query struct{ where, expr string }

type dashboard struct {
	UID    string `json:"uid"`
	Title  string `json:"title"`
	Panels []struct {
		Title      string            `json:"title"`
		Datasource map[string]string `json:"datasource"`
		Targets    []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	for _, path := range files(t, "grafana/dashboards/*.json") {
		var d dashboard
		require.NoError(t, json.Unmarshal([]byte(read(t, path)), &d), path)
		all[filepath.Base(path)] = d
	}
	return all
}

func dashboardQueries(t *testing.T) []query {
	t.Helper()
	var all []query
	for name, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, query{where: name + ", " + p.Title, expr: target.Expr})
			}
		}
	}
	return all
}

func TestDashboardsAskWhatPrometheusUnderstands(t *testing.T) {
	t.Parallel()
	var sources struct {
		Datasources []struct{ UID, Type string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "grafana/provisioning/datasources/prometheus.yml")), &sources))
	require.Len(t, sources.Datasources, 1)

	uids := map[string]bool{}
	for name, d := range dashboards(t) {
		require.NotEmpty(t, d.Title, name)
		require.False(t, uids[d.UID], "two dashboards are called %s", d.UID)
		uids[d.UID] = true
		require.NotEmpty(t, d.Panels, name)
		for _, p := range d.Panels {
			require.Equal(t, sources.Datasources[0].UID, p.Datasource["uid"], "%s, %s", name, p.Title)
			require.NotEmpty(t, p.Targets, "%s, %s", name, p.Title)
		}
	}
	// promtool reads expressions out of rules.
	type recording struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var asRules []recording
	for i, q := range dashboardQueries(t) {
		asRules = append(asRules, recording{Record: fmt.Sprintf("dashboard:query:%d", i), Expr: q.expr})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboards", "rules": asRules}}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "dashboards.yml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	promtool(t, "check", "rules", path)
}
