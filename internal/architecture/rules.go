package architecture

import (
	"fmt"
	"slices"
	"strings"
)

// Rule forbids imports. Folders are written relative to the module's root.
type Rule struct {
	// Why is what breaks when the rule does.
	Why string
	// From are the folders the rule is about; Except are left out of them.
	From, Except []string
	// Forbid are folders of the product, or import paths of other modules, that must not
	// be imported. "*" is every package of the product, and testKits those that only
	// tests import.
	Forbid []string
	// Allow are exceptions from Forbid.
	Allow []string
	// Deep follows imports through other packages.
	Deep bool
	// Filled says that From must hold code as soon as the folder exists.
	Filled bool
}

// vendors must not reach code that decides: its tests would need them, and a change of
// theirs could break the replay of a process that runs for months.
var vendors = []string{
	"github.com/jackc/pgx", "github.com/stripe/stripe-go", "github.com/sendgrid/sendgrid-go",
	"github.com/gin-gonic/gin", "k8s.io",
}

// foundation is what any package of the product may build on: it speaks to nothing outside,
// but that, for the agent and for blue and green alike, internal/releases fetches bundles and
// internal/processes looks for what runs.
var foundation = []string{
	"internal/domain", "internal/config", "internal/telemetry", "internal/searchattr", "internal/releases", "internal/processes",
}

// adapters are the folders of internal that each speak to one thing outside. They do not
// know each other: cmd brings them together. A new folder is one until it is declared a
// foundation.
func adapters(g Graph) []string {
	var folders []string
	for _, path := range g.Own("internal") {
		name, _, _ := strings.Cut(strings.TrimPrefix(path, Module+"/internal/"), "/")
		folder := "internal/" + name
		if !slices.Contains(folders, folder) && !slices.Contains(foundation, folder) && !matches(path, []string{testKits}) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// testKits stands for the packages that only tests import: internal/testkit, the stories'
// own, and any whose name ends in "test", as in the standard library.
const testKits = "<test kits>"

// Rules are the import directions of the product whose packages g holds.
func Rules(g Graph) []Rule {
	rules := []Rule{
		{
			Why:  "the domain is pure: every other package may share it",
			From: []string{"internal/domain"}, Forbid: []string{"*"}, Allow: []string{"internal/domain"}, Filled: true,
		},
		{
			Why:  "the domain is pure: it knows no library that talks to anything",
			From: []string{"internal/domain"}, Forbid: append([]string{"go.temporal.io", "go.uber.org/fx"}, vendors...), Deep: true,
		},
		{
			Why:  "workflows and activities know no driver, vendor or web framework, not through others either",
			From: []string{"workflows", "activities"}, Forbid: vendors, Deep: true, Filled: true,
		},
		{
			Why:  "workflows use activities and the domain only",
			From: []string{"workflows"}, Forbid: []string{"*"}, Allow: []string{"workflows", "activities", "internal/domain", "internal/searchattr"},
		},
		{
			Why:  "activities use the domain only, and declare the interfaces they need",
			From: []string{"activities"}, Forbid: []string{"*"}, Allow: []string{"activities", "internal/domain", "internal/searchattr"},
		},
		{
			Why:  "the worker runs workflows and activities and knows no handler",
			From: []string{"worker"}, Forbid: []string{"api", "cmd"},
		},
		{
			Why:  "the API runs no workflow code: it knows their contract, not the worker",
			From: []string{"api"}, Forbid: []string{"worker", "cmd"},
		},
		{
			Why:  "adapters do not know what uses them",
			From: []string{"internal"}, Except: []string{testKits}, Forbid: []string{"cmd", "api", "worker"},
		},
		{
			Why:  "the foundation stands on itself",
			From: foundation, Forbid: []string{"*"}, Allow: foundation,
		},
		{
			Why:  "the sandbox is never part of production",
			From: []string{""}, Except: []string{"cmd/sandbox", "internal/sandbox", testKits}, Forbid: []string{"internal/sandbox"}, Deep: true,
		},
		{
			Why:  "the oracle shares no code with the product: it would share its mistakes",
			From: []string{"internal/chaos/oracle"}, Forbid: []string{"*"}, Allow: []string{"internal/chaos/oracle"}, Deep: true, Filled: true,
		},
		{
			Why:  "what acts on the product from outside knows it by its contract only",
			From: []string{"internal/chaos"}, Forbid: []string{"*"}, Allow: []string{"internal/chaos"}, Deep: true,
		},
		{
			Why:  "chaos is never part of production",
			From: []string{""}, Except: []string{"cmd/chaos", "internal/chaos", testKits}, Forbid: []string{"internal/chaos"}, Deep: true,
		},
		{
			Why:  "the node of processes is never part of production",
			From: []string{""}, Except: []string{"cmd/kubenode", "internal/kubenode", testKits}, Forbid: []string{"internal/kubenode"}, Deep: true,
		},
		{
			Why:  "the product is one binary: nothing builds on a command",
			From: []string{""}, Except: []string{"cmd"}, Forbid: []string{"cmd"},
		},
		{
			Why:  "test kits stay out of what runs",
			From: []string{""}, Except: []string{testKits}, Forbid: []string{testKits, "github.com/stretchr/testify", "testing"},
		},
	}
	all := adapters(g)
	for _, adapter := range all {
		rules = append(rules, Rule{
			Why:  "adapters do not know each other",
			From: []string{adapter}, Except: []string{testKits}, Forbid: all, Allow: []string{adapter},
		})
	}
	return rules
}

// Check returns a line for each package that breaks a rule, with the chain of imports
// that leads to what is forbidden.
func Check(g Graph, rules []Rule) []string {
	var broken []string
	for _, rule := range rules {
		for _, folder := range rule.From {
			packages := g.Own(folder)
			if folder == "" {
				packages = g.everything()
			}
			if rule.Filled && len(packages) > 0 && g.files(packages) == 0 {
				broken = append(broken, fmt.Sprintf("%s exists and holds no code: the rule %q proves nothing", folder, rule.Why))
			}
			for _, path := range packages {
				if matches(path, rule.Except) {
					continue
				}
				chain := g.Chain(path, rule.Deep, func(next string) bool {
					return matches(next, rule.Forbid) && !matches(next, rule.Allow)
				})
				if chain != nil {
					broken = append(broken, fmt.Sprintf("%s\n\tbreaks: %s", strings.Join(shorten(chain), "\n\t→ "), rule.Why))
				}
			}
		}
	}
	return broken
}

// matches reports whether path is in one of the folders, where a folder is the product's
// or another module's, with any major version after it.
func matches(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		switch folder {
		case "*":
			return within(path, Module)
		case testKits:
			return within(path, Module) && (within(path, Module+"/internal/testkit") || within(path, Module+"/stories") || strings.HasSuffix(path, "test"))
		}
		return within(path, folder) || within(path, Module+"/"+folder)
	})
}

func (g Graph) everything() []string {
	var own []string
	for path := range g {
		if within(path, Module) {
			own = append(own, path)
		}
	}
	slices.Sort(own)
	return own
}

func (g Graph) files(packages []string) int {
	files := 0
	for _, path := range packages {
		files += g[path].GoFiles
	}
	return files
}

func shorten(chain []string) []string {
	short := make([]string, len(chain))
	for i, path := range chain {
		short[i] = strings.TrimPrefix(path, Module+"/")
	}
	return short
}
