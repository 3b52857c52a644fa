package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdk "go.temporal.io/sdk/worker"

	"github.com/careflow/careflow/internal/domain"
)

type fence struct {
	stands bool
	err    error
	looks  int
}

func (f *fence) Fenced(context.Context) (bool, error) {
	f.looks++
	return f.stands, f.err
}

func TestBehindTheFenceOnlyRestoresBackupsAndAlarmsGoOn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fence    fence
		activity string
		runs     bool
	}{
		"a charge":                      {fence{stands: true}, "appointment.capture_payment", false},
		"a letter":                      {fence{stands: true}, "accountmail.deliver", false},
		"a row":                         {fence{stands: true}, "appointment.transition", false},
		"the reconciler":                {fence{stands: true}, "reconcile.page", false},
		"where it cannot be looked at":  {fence{err: errors.New("the database is away")}, "appointment.capture_payment", false},
		"a step of the restore":         {fence{stands: true}, "restore.forward", true},
		"what is saved before":          {fence{stands: true}, "backup.begin", true},
		"telling people":                {fence{stands: true}, "alarm.send", true},
		"a charge, where there is none": {fence{}, "appointment.capture_payment", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
			env.SetWorkerOptions(sdk.Options{Interceptors: []interceptor.WorkerInterceptor{&fenced{fence: &tt.fence}}})
			ran := 0
			env.RegisterActivityWithOptions(func(context.Context) error { ran++; return nil }, activity.RegisterOptions{Name: tt.activity})
			_, err := env.ExecuteActivity(tt.activity)
			if tt.runs {
				require.NoError(t, err)
				require.Equal(t, 1, ran)
				return
			}
			require.Error(t, err)
			require.Zero(t, ran)
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.False(t, app.NonRetryable(), "it goes on when the fence is gone")
			if tt.fence.err == nil {
				require.Equal(t, string(domain.CodeUnavailable), app.Type())
			}
		})
	}
}

func TestOneLookAtTheFenceIsGoodForAMoment(t *testing.T) {
	t.Parallel()
	stands := &fence{stands: true}
	f := &fenced{fence: stands}
	for range 100 {
		behind, err := f.look(t.Context())
		require.NoError(t, err)
		require.True(t, behind)
	}
	require.Equal(t, 1, stands.looks)
	stands.stands = false
	f.looked = time.Now().Add(-fenceLooked)
	behind, err := f.look(t.Context())
	require.NoError(t, err)
	require.False(t, behind)
}
