package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/worker"

	deployacts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/workflows/accountmail"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/paymentcase"
)

// Replayer replays open histories on this program's own workflows.
type Replayer struct {
	Temporal  client.Client
	Namespace string
	// Converter and Failures open what is encrypted in the histories.
	Converter converter.DataConverter
	Failures  converter.FailureConverter
}

// mostListed bounds how many open processes a sample is chosen from.
const mostListed = 20_000

// Replay takes a sample, spread over all open processes that follow the newest version, and
// replays each history. Pinned jobs end on their own version and are not concerned.
func (r Replayer) Replay(ctx context.Context, in deployacts.ReplayInput) (domain.StepOutcome, error) {
	open, err := r.open(ctx, in.Queue)
	if err != nil {
		return domain.StepOutcome{}, err
	}
	chosen, replayed, broken := sample(open, in.Sample), 0, []string(nil)
	for _, run := range chosen {
		switch err := r.replay(ctx, run); {
		case err == nil:
			replayed++
		case gone(err): // ended and was removed meanwhile
		case ctx.Err() != nil:
			return domain.StepOutcome{}, ctx.Err()
		default:
			broken = append(broken, fmt.Sprintf("%s: %s", run.GetWorkflowId(), firstLine(err)))
		}
	}
	text := fmt.Sprintf("%d of %d open processes were taken, %d replayed\n%s\n", len(chosen), len(open), replayed, strings.Join(broken, "\n"))
	if len(broken) > 0 {
		return domain.StepOutcome{ExitCode: 1, Output: text}, domain.Errorf(domain.CodeSmokeFailed,
			"%d of %d open histories do not replay on this code: it would strand their processes", len(broken), len(chosen))
	}
	return domain.StepOutcome{Output: text}, nil
}

func (r Replayer) open(ctx context.Context, queue string) ([]*commonpb.WorkflowExecution, error) {
	query := fmt.Sprintf("ExecutionStatus = 'Running' AND %s AND WorkflowType IN ('%s', '%s', '%s')",
		temporalx.OnQueue(queue), appointment.WorkflowName, accountmail.WorkflowName, paymentcase.WorkflowName)
	var open []*commonpb.WorkflowExecution
	var page []byte
	for len(open) < mostListed {
		list, err := r.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: r.Namespace, Query: query, PageSize: 1000, NextPageToken: page,
		})
		if err != nil {
			return nil, domain.Errorf(domain.CodeUnavailable, "Temporal does not list what is open").Because(err)
		}
		for _, e := range list.GetExecutions() {
			open = append(open, e.GetExecution())
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	return open, nil
}

// sample takes so many at most, evenly from the newest to the oldest.
func sample[T any](all []T, most int) []T {
	if len(all) <= most {
		return all
	}
	chosen := make([]T, most)
	for i := range chosen {
		chosen[i] = all[i*len(all)/most]
	}
	return chosen
}

func (r Replayer) replay(ctx context.Context, run *commonpb.WorkflowExecution) error {
	history := &historypb.History{}
	events := r.Temporal.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		history.Events = append(history.Events, event)
	}
	replayer, err := sdk.NewWorkflowReplayerWithOptions(sdk.WorkflowReplayerOptions{
		DataConverter: r.Converter, FailureConverter: r.Failures, DisableRegistrationAliasing: true,
	})
	if err != nil {
		return err
	}
	Register(replayer)
	return replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history)
}

func gone(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

// firstLine is what is wrong with a history; more of it would be payloads.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line[:min(len(line), 300)]
}
