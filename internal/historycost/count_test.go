package historycost_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/careflow/careflow/internal/historycost"
)

func TestActionsAreCountedAsTheProviderDefinesThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		history []*historypb.HistoryEvent
		actions map[historycost.Kind]int
	}{
		{"nothing", nil, map[historycost.Kind]int{}},
		{"a start with its first workflow task", events(started(), plain(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED), plain(enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED), plain(enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)),
			map[historycost.Kind]int{historycost.WorkflowStart: 1, historycost.WorkflowTask: 0}},
		{"an activity", events(scheduled(0), attempt(1, 1), plain(enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)),
			map[historycost.Kind]int{historycost.Activity: 1}},
		{"an activity that succeeded at its third attempt", events(scheduled(0), attempt(1, 3), plain(enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)),
			map[historycost.Kind]int{historycost.Activity: 3}},
		{"an activity that goes on", events(scheduled(0)), map[historycost.Kind]int{historycost.Activity: 1}},
		{"heartbeats of each attempt", events(scheduled(time.Minute), attempt(1, 2), scheduled(0), attempt(3, 1)),
			map[historycost.Kind]int{historycost.Activity: 3, historycost.Heartbeat: 2}},
		{"markers of one workflow task together", events(marker(4), marker(4), marker(9)), map[historycost.Kind]int{historycost.Marker: 2}},
		{"a timer, whether it fires or not", events(plain(enumspb.EVENT_TYPE_TIMER_STARTED), plain(enumspb.EVENT_TYPE_TIMER_FIRED), plain(enumspb.EVENT_TYPE_TIMER_STARTED), plain(enumspb.EVENT_TYPE_TIMER_CANCELED)),
			map[historycost.Kind]int{historycost.Timer: 2}},
		{"a signal that came with the start", events(started(), plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)),
			map[historycost.Kind]int{historycost.WorkflowStart: 1, historycost.Signal: 0}},
		{"signals to a running workflow", events(started(), plain(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED), plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED), plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)),
			map[historycost.Kind]int{historycost.WorkflowStart: 1, historycost.WorkflowTask: 0, historycost.Signal: 2}},
		{"an update, not its completion", events(plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED), plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED)),
			map[historycost.Kind]int{historycost.Update: 1}},
		{"an upsert of several attributes", events(upsert("CareflowStatus", "CareflowNextStep")), map[historycost.Kind]int{historycost.SearchAttributes: 1}},
		{"the SDK's own record of versions", events(upsert("TemporalChangeVersion")), map[historycost.Kind]int{historycost.SearchAttributes: 0}},
		{"a child", events(plain(enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED), plain(enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)),
			map[historycost.Kind]int{historycost.Child: 1}},
		{"a Nexus operation", events(plain(enumspb.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED), plain(enumspb.EVENT_TYPE_NEXUS_OPERATION_COMPLETED)),
			map[historycost.Kind]int{historycost.Nexus: 1}},
		{"a reset, not a failed workflow task", events(taskFailed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW), taskFailed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR)),
			map[historycost.Kind]int{historycost.WorkflowTask: 1}},
		{"changed execution options, not the end", events(plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED), plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)),
			map[historycost.Kind]int{historycost.Other: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cost := historycost.Of(c.history)
			actions, total, all := map[historycost.Kind]int{}, 0, 0
			for _, item := range cost.Items {
				actions[item.Kind] = item.Actions
				total += item.Actions
				all += item.Events
			}
			require.Equal(t, c.actions, actions)
			require.Equal(t, total, cost.Actions, "the items add up to the actions")
			require.Equal(t, len(c.history), cost.Events)
			require.Equal(t, cost.Events, all, "the items add up to the events")
		})
	}
}

func TestBytesAreThoseOfTheEvents(t *testing.T) {
	t.Parallel()
	history := events(started(), scheduled(time.Second))
	require.Equal(t, proto.Size(history[0])+proto.Size(history[1]), historycost.Of(history).Bytes)
}

func TestTheTableSaysHowItCounts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cost := historycost.Of(events(started(), scheduled(time.Second), attempt(2, 2), plain(enumspb.EVENT_TYPE_TIMER_STARTED)))
	require.NoError(t, cost.WriteTable(&out))
	require.Contains(t, out.String(), "activities")
	require.Contains(t, out.String(), "each attempt, retries included")
	require.Regexp(t, `4 +6 +in all; `, out.String())
	for _, kind := range historycost.Kinds() {
		require.NotEmpty(t, historycost.How(kind), "%s says how it counts", kind)
	}
}

// events numbers a history as the server does.
func events(list ...*historypb.HistoryEvent) []*historypb.HistoryEvent {
	for i, e := range list {
		e.EventId = int64(i + 1)
	}
	return list
}

func plain(t enumspb.EventType) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{EventType: t}
}

func started() *historypb.HistoryEvent { return plain(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED) }

func scheduled(heartbeat time.Duration) *historypb.HistoryEvent {
	e := plain(enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
	e.Attributes = &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
		ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{HeartbeatTimeout: durationpb.New(heartbeat)},
	}
	return e
}

func attempt(scheduledID int64, n int32) *historypb.HistoryEvent {
	e := plain(enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED)
	e.Attributes = &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{
		ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{ScheduledEventId: scheduledID, Attempt: n},
	}
	return e
}

func marker(task int64) *historypb.HistoryEvent {
	e := plain(enumspb.EVENT_TYPE_MARKER_RECORDED)
	e.Attributes = &historypb.HistoryEvent_MarkerRecordedEventAttributes{
		MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{MarkerName: "LocalActivity", WorkflowTaskCompletedEventId: task},
	}
	return e
}

func upsert(names ...string) *historypb.HistoryEvent {
	fields := map[string]*commonpb.Payload{}
	for _, name := range names {
		fields[name] = &commonpb.Payload{}
	}
	e := plain(enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
	e.Attributes = &historypb.HistoryEvent_UpsertWorkflowSearchAttributesEventAttributes{
		UpsertWorkflowSearchAttributesEventAttributes: &historypb.UpsertWorkflowSearchAttributesEventAttributes{
			SearchAttributes: &commonpb.SearchAttributes{IndexedFields: fields},
		},
	}
	return e
}

func taskFailed(cause enumspb.WorkflowTaskFailedCause) *historypb.HistoryEvent {
	e := plain(enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED)
	e.Attributes = &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{
		WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{Cause: cause},
	}
	return e
}
