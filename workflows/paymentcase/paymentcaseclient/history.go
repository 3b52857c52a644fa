package paymentcaseclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	appointmentacts "github.com/careflow/careflow/activities/appointment"
	acts "github.com/careflow/careflow/activities/paymentcase"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/paymentcase"
)

// Histories read what the processes of payment cases had come to, out of Temporal.
type Histories struct {
	temporal client.Client
	data     converter.DataConverter
	queue    string
}

// NewHistories returns the histories of the processes on the task queue. data opens their
// payloads.
func NewHistories(temporal client.Client, data converter.DataConverter, queue string) *Histories {
	return &Histories{temporal: temporal, data: data, queue: queue}
}

// CasesSince returns the cases whose processes were open at that time or began later, one an
// intent. A run that Temporal has forgotten tells nothing. Errors as of Client.
func (h *Histories) CasesSince(ctx context.Context, at time.Time) ([]domain.CaseHistory, error) {
	runs, err := h.runs(ctx, at)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(runs, func(a, b *workflowpb.WorkflowExecutionInfo) int {
		return a.GetStartTime().AsTime().Compare(b.GetStartTime().AsTime())
	})
	var cases []domain.CaseHistory
	of := map[string]int{}
	for _, run := range runs {
		id := run.GetExecution().GetWorkflowId()
		i, known := of[id]
		if !known {
			i = len(cases)
			of[id], cases = i, append(cases, domain.CaseHistory{})
		}
		if err := h.read(ctx, run.GetExecution(), &cases[i]); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(cases, func(c domain.CaseHistory) bool { return c.State == "" }), nil // never looked at
}

func (h *Histories) runs(ctx context.Context, at time.Time) ([]*workflowpb.WorkflowExecutionInfo, error) {
	query := fmt.Sprintf("WorkflowType = '%s' AND TaskQueue = '%s' AND (ExecutionStatus = 'Running' OR CloseTime >= '%s')",
		paymentcase.WorkflowName, h.queue, at.UTC().Format(time.RFC3339Nano))
	var (
		runs []*workflowpb.WorkflowExecutionInfo
		page []byte
	)
	for {
		list, err := h.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 500, NextPageToken: page})
		if err != nil {
			return nil, fault(err)
		}
		runs = append(runs, list.GetExecutions()...)
		if page = list.GetNextPageToken(); len(page) == 0 {
			return runs, nil
		}
	}
}

// read adds one run to what is known of its case.
func (h *Histories) read(ctx context.Context, run *commonpb.WorkflowExecution, into *domain.CaseHistory) error {
	r := reading{data: h.data, found: into, scheduled: map[int64]*historypb.HistoryEvent{}, started: map[int64]time.Time{}}
	events := h.temporal.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		var gone *serviceerror.NotFound
		if errors.As(err, &gone) {
			return nil
		}
		if err != nil {
			return fault(err)
		}
		if err := r.read(event); err != nil {
			return domain.Errorf(domain.CodeStuck, "event %d of %s cannot be read", event.GetEventId(), run.GetWorkflowId()).Because(err)
		}
	}
	return nil
}

// reading collects what a case had come to out of the events of one run.
type reading struct {
	data      converter.DataConverter
	found     *domain.CaseHistory
	scheduled map[int64]*historypb.HistoryEvent
	started   map[int64]time.Time // of an activity's last try, by the event that scheduled it
}

func (r *reading) read(event *historypb.HistoryEvent) error {
	switch event.GetEventType() { //nolint:exhaustive // the others tell nothing of the case
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		var in paymentcase.Input
		if err := r.open(event.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
			return err
		}
		r.found.IntentID, r.found.AppointmentID = in.IntentID, in.AppointmentID
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		r.scheduled[event.GetEventId()] = event
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
		r.started[event.GetActivityTaskStartedEventAttributes().GetScheduledEventId()] = event.GetEventTime().AsTime()
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		return r.completed(event)
	}
	return nil
}

func (r *reading) completed(event *historypb.HistoryEvent) error {
	done := event.GetActivityTaskCompletedEventAttributes()
	switch r.scheduled[done.GetScheduledEventId()].GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() {
	case acts.Advance:
		var s acts.Standing
		if err := r.open(done.GetResult(), &s); err != nil {
			return err
		}
		r.found.Kind, r.found.State, r.found.Outcome = s.Kind, s.State, s.Outcome
		if r.found.BookedAt.IsZero() && (s.Refunded > 0 || s.Outcome == domain.OutcomeVoided) {
			r.found.BookedAt = r.started[done.GetScheduledEventId()]
		}
	case appointmentacts.DeliverMail:
		var out appointmentacts.DeliverMailResult
		if err := r.open(done.GetResult(), &out); err != nil {
			return err
		}
		r.found.Delivered = append(r.found.Delivered, domain.VisitStep{
			At: r.started[done.GetScheduledEventId()], Delivered: true, Clean: out.Failed+out.Unknown == 0,
		})
	}
	return nil
}

func (r *reading) open(payloads *commonpb.Payloads, into any) error {
	return r.data.FromPayloads(payloads, into)
}
