package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"

	"github.com/careflow/careflow/internal/domain"
)

// What people choose in Stripe's dashboard is what the program reads.
func TestTheSetupNamesTheEventsAndTheVersionThatAreRead(t *testing.T) {
	t.Parallel()
	chapter := regexp.MustCompile(`(?s)## 7\. Payments that report back\n.*?\n## `).FindString(read(t, "../docs/clinic-setup.md"))
	require.Contains(t, chapter, "`"+stripe.APIVersion+"`")
	require.Contains(t, chapter, "/v1/webhooks/stripe")
	chosen, _, _ := strings.Cut(chapter, "Others are taken")
	var named []string
	for _, found := range regexp.MustCompile("`([a-z_]+(?:\\.[a-z_]+)+)`").FindAllStringSubmatch(chosen, -1) {
		named = append(named, found[1])
	}
	slices.Sort(named)
	require.Equal(t, domain.PaymentEventTypes, named)
	all := strings.Join(domain.PaymentEventTypes, ",")
	require.Contains(t, read(t, "../docker-compose.yml"), " "+all+"\n")
	require.Contains(t, read(t, "local/environment.go"), `"`+all+`"`)
}
