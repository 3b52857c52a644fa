package architecture_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// told are the types of the domain whose every value a clinic's manager may meet.
var told = []string{
	"Status", "MessageKind", "AccountMessageKind", "MessageStatus", "ReminderDecision", "Delivery", "FeeStatus",
	"PaymentStatus", "ReceiptKind", "CaseKind", "CaseState", "CaseWait", "FindingCode",
}

// What can happen to a visit, and every word for it, is explained to those who run the
// clinic.
func TestTheLifecycleIsToldInFull(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/lifecycle.md")
	require.NoError(t, err)
	text := string(raw)
	words := map[string][]string{}
	for name, values := range constants(t, "../domain") {
		if slices.Contains(told, name) {
			words["domain."+name] = values
		}
	}
	require.GreaterOrEqual(t, len(words), 7, "the domain is read")
	words["command"] = matches(t, "../../workflows/appointment", `Update[A-Za-z]+ += "([a-z_]+)"`)
	words["line of the timeline"] = matches(t, "../../workflows/appointment", `Kind: "([a-z_]+)"`)
	words["reason of the system"] = slices.Concat(
		matches(t, "../../workflows/appointment", `expire\(ctx, seen, "([a-z_]+)"\)`), matches(t, "../../workflows/appointment", `expiry\("([a-z_]+)"\)`),
		matches(t, "../../workflows/appointment", `feeWaived\("([a-z_]+)"\)`), matches(t, "../../workflows/appointment", `ReasonCode: "([a-z_]+)"`))
	words["reason of a person"] = reasons(t)
	var missing []string
	for what, values := range words {
		require.NotEmpty(t, values, what)
		for _, v := range values {
			if !strings.Contains(text, "`"+v+"`") {
				missing = append(missing, what+" "+v)
			}
		}
	}
	require.Empty(t, missing, "docs/lifecycle.md does not explain them")
}

// The figures in it are those of the code.
func TestTheLifecycleTellsTheDefaultDeadlines(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/lifecycle.md")
	require.NoError(t, err)
	d := domain.DefaultTerms()
	minutes := func(x domain.Duration) string { return fmt.Sprintf("%d minutes", int(x.Std().Minutes())) }
	hours := func(x domain.Duration) string { return fmt.Sprintf("%d hours", int(x.Std().Hours())) }
	require.Len(t, d.Reminders, 3)
	require.Len(t, d.RefundTiers, 2)
	h := func(i int) int { return int(d.Reminders[i].Std().Hours()) }
	for setting, usual := range map[string]string{
		"`payment_window_minutes`": minutes(d.PaymentWindow), "`payment_window_max_minutes`": minutes(d.PaymentWindowMax),
		"`answer_deadline_minutes`": hours(d.AnswerDeadline), "`answer_cutoff_minutes`": hours(d.AnswerCutoff),
		"`capture_margin_minutes`": hours(d.CaptureMargin), "`no_show_grace_minutes`": minutes(d.NoShowGrace),
		"`no_show_fee_percent`": fmt.Sprintf("%d %%", d.NoShowFeeShare), "`retention_days`": fmt.Sprintf("%d days", int(d.Retention.Std().Hours()/24)),
		"`reminder_minutes`":         fmt.Sprintf("%d, %d and %d hours", h(0), h(1), h(2)),
		"`refund_tiers`":             fmt.Sprintf("%s, %s before", hours(d.RefundTiers[0].Before), hours(d.RefundTiers[1].Before)),
		"`reschedule_until_minutes`": fmt.Sprintf("%s before, %d times", hours(d.RescheduleUntil), d.RescheduleLimit),
	} {
		row := regexp.MustCompile(`(?m)^\|[^|]*\| ` + regexp.QuoteMeta(usual) + ` \| ` + regexp.QuoteMeta(setting))
		require.True(t, row.Match(raw), "docs/lifecycle.md does not say that %s is usually %s", setting, usual)
	}
}

// constants are the values of the string constants of a package, by their type.
func constants(t *testing.T, folder string) map[string][]string {
	t.Helper()
	values := map[string][]string{}
	for _, path := range sources(t, folder) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			name, named := spec.Type.(*ast.Ident)
			text, literal := spec.Values[0].(*ast.BasicLit)
			if named && literal && text.Kind == token.STRING {
				value, err := strconv.Unquote(text.Value)
				require.NoError(t, err)
				values[name.Name] = append(values[name.Name], value)
			}
			return true
		})
	}
	return values
}

// matches are what the pattern's group finds in the sources of a package.
func matches(t *testing.T, folder, pattern string) (found []string) {
	t.Helper()
	for _, path := range sources(t, folder) {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(raw, -1) {
			found = append(found, string(m[1]))
		}
	}
	return found
}

func sources(t *testing.T, folder string) (paths []string) {
	t.Helper()
	files, err := fs.Glob(os.DirFS(folder), "*.go")
	require.NoError(t, err)
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			paths = append(paths, filepath.Join(folder, name))
		}
	}
	require.NotEmpty(t, paths)
	return paths
}

// reasons are the reason codes that the contract knows.
func reasons(t *testing.T) (codes []string) {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromFile("../../api/openapi.yaml")
	require.NoError(t, err)
	for _, schema := range contract.Components.Schemas {
		if property := schema.Value.Properties["reason_code"]; property != nil {
			for _, v := range property.Value.Enum {
				codes = append(codes, v.(string))
			}
		}
	}
	return codes
}
