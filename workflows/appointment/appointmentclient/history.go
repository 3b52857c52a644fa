package appointmentclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// Histories read what processes had recorded, out of Temporal. What became of a visit can
// be told from there when the database was set back.
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

// Since lists the runs that were open at that time or began later. Errors as of Client.
func (h *Histories) Since(ctx context.Context, at time.Time) ([]domain.VisitProcess, error) {
	query := fmt.Sprintf("WorkflowType = '%s' AND TaskQueue = '%s' AND (ExecutionStatus = 'Running' OR CloseTime >= '%s')",
		appointment.WorkflowName, h.queue, at.UTC().Format(time.RFC3339Nano))
	var (
		runs []domain.VisitProcess
		page []byte
	)
	for {
		list, err := h.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 500, NextPageToken: page})
		if err != nil {
			return nil, fault(err)
		}
		for _, e := range list.GetExecutions() {
			if id, ok := appointment.IDFromWorkflow(e.GetExecution().GetWorkflowId()); ok {
				runs = append(runs, domain.VisitProcess{AppointmentID: id, RunID: e.GetExecution().GetRunId(), StartedAt: e.GetStartTime().AsTime()})
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return runs, nil
		}
	}
}

// History returns what one run of a visit's process had recorded, in its order. A run that
// Temporal has forgotten recorded nothing that anybody can tell.
func (h *Histories) History(ctx context.Context, appointmentID, runID string) (domain.VisitHistory, error) {
	r := reading{data: h.data, scheduled: map[int64]*historypb.HistoryEvent{}, started: map[int64]time.Time{}}
	events := h.temporal.GetWorkflowHistory(ctx, appointment.WorkflowID(appointmentID), runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		var gone *serviceerror.NotFound
		if errors.As(err, &gone) {
			return domain.VisitHistory{State: domain.ProcessMissing}, nil
		}
		if err != nil {
			return r.found, fault(err)
		}
		if err := r.read(event); err != nil {
			return r.found, domain.Errorf(domain.CodeStuck, "event %d of the process of visit %s cannot be read", event.GetEventId(), appointmentID).Because(err)
		}
	}
	return r.found, nil
}

// reading collects the steps out of the events of one run.
type reading struct {
	data      converter.DataConverter
	found     domain.VisitHistory
	scheduled map[int64]*historypb.HistoryEvent
	started   map[int64]time.Time // of an activity's last try, by the event that scheduled it
}

func (r *reading) read(event *historypb.HistoryEvent) error {
	r.found.ChangedAt = event.GetEventTime().AsTime()
	switch event.GetEventType() { //nolint:exhaustive // the others tell nothing of the row
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		return r.begun(event)
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		r.scheduled[event.GetEventId()] = event
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
		r.started[event.GetActivityTaskStartedEventAttributes().GetScheduledEventId()] = event.GetEventTime().AsTime()
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		return r.completed(event)
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		var result appointment.Result
		if err := r.open(event.GetWorkflowExecutionCompletedEventAttributes().GetResult(), &result); err != nil {
			return err
		}
		r.found.State, r.found.Superseded = domain.ProcessCompleted, result.Superseded
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
		r.found.State = domain.ProcessDead
	}
	return nil
}

func (r *reading) begun(event *historypb.HistoryEvent) error {
	var in appointment.Input
	if err := r.open(event.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
		return err
	}
	r.found = domain.VisitHistory{
		From: in.Version, Latest: in.Status, Version: in.Version, DoctorID: in.DoctorID, Visit: in.Visit, BookedAt: in.BookedAt.UTC(),
		ChangedAt: r.found.ChangedAt, State: domain.ProcessRunning,
	}
	return nil
}

// completed takes an activity that ended well; one that did not changed nothing that counts.
func (r *reading) completed(event *historypb.HistoryEvent) error {
	done := event.GetActivityTaskCompletedEventAttributes()
	scheduled := r.scheduled[done.GetScheduledEventId()].GetActivityTaskScheduledEventAttributes()
	step := domain.VisitStep{At: event.GetEventTime().AsTime()}
	switch scheduled.GetActivityType().GetName() {
	case acts.Transition:
		var t domain.Transition
		if err := r.open(scheduled.GetInput(), &t); err != nil {
			return err
		}
		return r.moved(step, t, done.GetResult(), nil)
	case acts.CapturePayment:
		var in acts.CapturePaymentInput
		var out acts.CapturePaymentResult
		if err := errors.Join(r.open(scheduled.GetInput(), &in), r.open(done.GetResult(), &out)); err != nil {
			return err
		}
		if out.Refusal != "" {
			return nil
		}
		t := in.Captured
		t.Payment = &out.Payment
		return r.moved(step, t, nil, &out.Moved)
	case acts.OpenPayment:
		var in acts.OpenPaymentInput
		var out acts.OpenPaymentResult
		if err := errors.Join(r.open(scheduled.GetInput(), &in), r.open(done.GetResult(), &out)); err != nil {
			return err
		}
		step.OpenedIntent, step.Generation = out.IntentID, in.Generation
	case acts.SettlePayments:
		var in acts.SettlePaymentsInput
		if err := r.open(scheduled.GetInput(), &in); err != nil {
			return err
		}
		step.Settled = &in.Kept
	case acts.DeliverMail:
		var in acts.DeliverMailInput
		var out acts.DeliverMailResult
		if err := errors.Join(r.open(scheduled.GetInput(), &in), r.open(done.GetResult(), &out)); err != nil {
			return err
		}
		// What was owed when its last try began, it has seen to.
		step.At = r.started[done.GetScheduledEventId()]
		step.Delivered, step.Clean, step.Reminders = true, out.Failed+out.Unknown == 0, in.Reminders
	default:
		return nil
	}
	r.found.Steps = append(r.found.Steps, step)
	return nil
}

func (r *reading) moved(step domain.VisitStep, t domain.Transition, result *commonpb.Payloads, moved *domain.TransitionResult) error {
	if moved == nil {
		moved = &domain.TransitionResult{}
		if err := r.open(result, moved); err != nil {
			return err
		}
	}
	r.found.Latest, r.found.Version, r.found.Visit = moved.Status, moved.Version, moved.Visit
	step.Transition = &t
	r.found.Steps = append(r.found.Steps, step)
	return nil
}

func (r *reading) open(payloads *commonpb.Payloads, into any) error {
	return r.data.FromPayloads(payloads, into)
}
