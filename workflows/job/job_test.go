package job_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

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

// deaf is an engine whose process hears an update at the last of several tries only.
type deaf struct {
	client.Client
	tries int
	ids   []string
}

func (d *deaf) UpdateWorkflow(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	d.ids = append(d.ids, o.UpdateID)
	if len(d.ids) < d.tries {
		return nil, serviceerror.NewWorkflowNotReady("unexpected workflow task failure")
	}
	return nil, serviceerror.NewNotFound("workflow execution already completed")
}

func TestAWordIsSaidAgainUntilItIsHeardOrTheProcessHasEnded(t *testing.T) {
	t.Parallel()
	d := &deaf{tries: 3}
	err := job.Say(t.Context(), d, client.UpdateWorkflowOptions{UpdateName: "rollback"}, nil)
	var gone *serviceerror.NotFound
	require.ErrorAs(t, err, &gone)
	require.Len(t, d.ids, 3)
	require.NotEmpty(t, d.ids[0])
	require.Equal(t, []string{d.ids[0], d.ids[0], d.ids[0]}, d.ids, "it is one update")

	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err = job.Say(short, &deaf{tries: 1000}, client.UpdateWorkflowOptions{}, nil)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(job.Fault(err)))
}

func TestATokenThatTemporalRefusesIsNoFaultOfTheCaller(t *testing.T) {
	t.Parallel()
	err := job.Fault(serviceerror.NewPermissionDenied("Request unauthorized.", ""))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.ErrorContains(t, err, "token has to be renewed")
}
