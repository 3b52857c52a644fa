package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/careflow/careflow/internal/deployfile"
)

// inside are the paths of the contract that are the platform's own: who asks from outside is
// told nothing of the database, the backups or what is counted.
var inside = []string{"/healthz", "/readyz", "/metrics"}

// frontPath is where a deployment asks at the front door which release serves.
func frontPath(t *testing.T) string {
	t.Helper()
	list, err := deployfile.Parse([]byte(strings.ReplaceAll(read(t, "services.example.yaml"), "/etc/careflow/smoke.yaml", "smoke/careflow.yaml")))
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0].FrontPath
}

// What letters link to and what clients call is reached through the ingress of Kubernetes,
// and nothing that is the platform's.
func TestTheIngressLeadsToWhatIsEverybodys(t *testing.T) {
	t.Parallel()
	var ingress struct {
		Spec struct {
			Rules []struct {
				HTTP struct {
					Paths []struct {
						Path string `yaml:"path"`
						Type string `yaml:"pathType"`
					} `yaml:"paths"`
				} `yaml:"http"`
			} `yaml:"rules"`
		} `yaml:"spec"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "kubernetes/base/ingress.yaml")), &ingress)) // the first document
	leads := func(path string) bool {
		for _, p := range ingress.Spec.Rules[0].HTTP.Paths {
			if p.Path == path || p.Type != "Exact" && strings.HasPrefix(path, p.Path+"/") {
				return true
			}
		}
		return false
	}
	var contract struct {
		Paths map[string]any `yaml:"paths"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "../api/openapi.yaml")), &contract))
	require.NotEmpty(t, contract.Paths)
	for path := range contract.Paths {
		require.Equal(t, !slices.Contains(inside, path), leads(path), path)
	}
	require.True(t, leads(frontPath(t)), "a switch is confirmed through it")
}
