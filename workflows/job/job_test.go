package job_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/job"
)

// A process that ends while somebody speaks to it has not heard them, which is no fault of
// ours.
func TestAWordThatAProcessCouldNotHearMayBeSaidAgain(t *testing.T) {
	t.Parallel()
	err := job.Fault(serviceerror.NewWorkflowNotReady("unexpected workflow task failure"))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.ErrorContains(t, err, "say it again with the same Idempotency-Key")
}

func TestATokenThatTemporalRefusesIsNoFaultOfTheCaller(t *testing.T) {
	t.Parallel()
	err := job.Fault(serviceerror.NewPermissionDenied("Request unauthorized.", ""))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.ErrorContains(t, err, "token has to be renewed")
}
