package architecture_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/architecture"
)

const root = "../.."

func TestImportsRunOneWay(t *testing.T) {
	graph, err := architecture.Load(t.Context(), root)
	require.NoError(t, err)
	require.NotEmpty(t, graph.Own("internal/domain"), "go list found nothing: the rules would hold of an empty graph")
	broken := architecture.Check(graph, architecture.Rules(graph))
	require.Empty(t, broken, "%d imports break a rule:\n%s", len(broken), strings.Join(broken, "\n"))
}

func TestFoldersThatExistHoldPackages(t *testing.T) {
	graph, err := architecture.Load(t.Context(), root)
	require.NoError(t, err)
	for _, folder := range []string{"workflows", "activities"} {
		if _, err := os.Stat(root + "/" + folder); err != nil {
			continue // not written yet
		}
		require.NotEmpty(t, graph.Own(folder), "the folder %s holds no Go package, so its rules prove nothing", folder)
	}
}

// TestEachRuleIsNoticed breaks one rule at a time in a small made-up product.
func TestEachRuleIsNoticed(t *testing.T) {
	cases := map[string]struct{ from, imports, through, want string }{
		"domain on postgres": {"internal/domain", "internal/postgres", "", "internal/domain\n\t→ internal/postgres"},
		"domain on Temporal": {"internal/domain", "go.temporal.io/sdk/workflow", "", "go.temporal.io/sdk/workflow"},
		"workflow on pgx":    {"workflows/appointment", "github.com/jackc/pgx/v5", "", "github.com/jackc/pgx/v5"},
		"workflow on Stripe by another": {
			"workflows/appointment", "github.com/stripe/stripe-go/v76", "example.org/shim",
			"workflows/appointment\n\t→ example.org/shim\n\t→ github.com/stripe/stripe-go/v76",
		},
		"activity on SendGrid":       {"activities/appointment", "github.com/sendgrid/sendgrid-go", "", "sendgrid-go"},
		"activity on gin by another": {"activities/appointment", "github.com/gin-gonic/gin", "example.org/shim", "gin-gonic/gin"},
		"activity on Kubernetes":     {"activities/deployment", "k8s.io/api/core/v1", "", "k8s.io/api/core/v1"},
		"activity on an adapter":     {"activities/appointment", "internal/payments", "", "activities use the domain only"},
		"activity on a workflow":     {"activities/appointment", "workflows/appointment", "", "activities use the domain only"},
		"workflow on the worker":     {"workflows/appointment", "worker", "", "workflows use activities"},
		"worker on the API":          {"worker", "api", "", "knows no handler"},
		"API on the worker":          {"api/server", "worker/relay", "", "not the worker"},
		"adapter on an adapter":      {"internal/payments", "internal/postgres", "", "adapters do not know each other"},
		"adapter on the API":         {"internal/mail", "api", "", "what uses them"},
		"config on an adapter":       {"internal/config", "internal/postgres", "", "the foundation stands on itself"},
		"production on the sandbox":  {"cmd/careflow", "internal/sandbox", "example.org/shim", "never part of production"},
		"the oracle on the product":  {"internal/chaos/oracle", "internal/domain", "", "shares no code with the product"},
		"chaos on the product":       {"internal/chaos", "internal/sandbox", "", "by its contract only"},
		"production on chaos":        {"cmd/careflow", "internal/chaos", "", "chaos is never part of production"},
		"production on the node":     {"cmd/careflow", "internal/kubenode", "", "never part of production"},
		"something on a command":     {"api", "cmd/careflow", "", "nothing builds on a command"},
		"a test kit in what runs":    {"internal/mail", "internal/sandbox/sandboxtest", "", "test kits stay out"},
		"testify in what runs":       {"internal/mail", "github.com/stretchr/testify/require", "", "test kits stay out"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			graph := architecture.Graph{}
			add := func(from, to string) {
				graph[from] = architecture.Package{ImportPath: from, Imports: []string{to}, GoFiles: 1}
			}
			from, to := full(c.from), full(c.imports)
			if c.through == "" {
				add(from, to)
				if strings.HasPrefix(to, architecture.Module) {
					graph[to] = architecture.Package{ImportPath: to, GoFiles: 1}
				}
			} else {
				add(from, c.through)
				add(c.through, to)
			}
			broken := architecture.Check(graph, architecture.Rules(graph))
			require.NotEmpty(t, broken)
			require.Contains(t, strings.Join(broken, "\n"), c.want)
		})
	}
}

func TestAnEmptyFolderIsNoticed(t *testing.T) {
	path := full("workflows/appointment")
	graph := architecture.Graph{path: {ImportPath: path}}
	broken := architecture.Check(graph, architecture.Rules(graph))
	require.Contains(t, strings.Join(broken, "\n"), "workflows exists and holds no code")
}

func TestWhatIsAllowed(t *testing.T) {
	graph := architecture.Graph{}
	for from, to := range map[string]string{
		"cmd/careflow":           "internal/postgres",
		"cmd/sandbox":            "internal/sandbox",
		"internal/postgrestest":  "github.com/stretchr/testify/require",
		"stories/clinic":         "internal/sandbox",
		"worker":                 "workflows/appointment",
		"workflows/appointment":  "activities/appointment",
		"activities/appointment": "internal/domain",
		"internal/postgres":      "internal/domain",
		"internal/temporalx":     "internal/config",
		"internal/postgres/db":   "github.com/jackc/pgx/v5",
	} {
		graph[full(from)] = architecture.Package{ImportPath: full(from), Imports: []string{full(to)}, GoFiles: 1}
	}
	require.Empty(t, architecture.Check(graph, architecture.Rules(graph)))
}

func full(path string) string {
	if strings.Contains(path, ".") {
		return path
	}
	return architecture.Module + "/" + path
}
