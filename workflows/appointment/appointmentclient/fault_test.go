package appointmentclient

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/careflow/careflow/internal/domain"
)

func TestAServerThatIsSlowOrGoneIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"the context's wait is over": context.DeadlineExceeded,
		"the server's wait is over":  serviceerror.NewDeadlineExceeded("context deadline exceeded"),
		"it is gone":                 serviceerror.NewUnavailable("gone"),
		"it refuses our token":       serviceerror.NewPermissionDenied("Request unauthorized.", ""),
		"the connection is gone":     status.Error(codes.Unavailable, "gone"),
	} {
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(fault(err)), name)
	}
	require.Equal(t, domain.CodeTooMany, domain.CodeOf(fault(serviceerror.NewResourceExhausted(0, "busy"))))
	require.Equal(t, domain.CodeInternal, domain.CodeOf(fault(errors.New("something else"))))
	require.NoError(t, fault(nil))
}
