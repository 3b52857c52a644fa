package reconcileclient

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

func TestAWaitThatIsOverIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"the context's": context.DeadlineExceeded,
		"the server's":  serviceerror.NewDeadlineExceeded("context deadline exceeded"),
		"gRPC's":        status.Error(codes.DeadlineExceeded, "late"),
		"not reached":   serviceerror.NewUnavailable("gone"),
	} {
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(fault(err)), name)
	}
	require.Equal(t, domain.CodeTooMany, domain.CodeOf(fault(serviceerror.NewResourceExhausted(0, "busy"))))
	require.Equal(t, domain.CodeInternal, domain.CodeOf(fault(errors.New("something else"))))
	require.NoError(t, fault(nil))
}
