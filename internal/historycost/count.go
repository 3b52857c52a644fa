package historycost

import (
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"
)

// Cost is what a history holds and what it is billed as.
type Cost struct {
	Events int
	// Bytes is the size of the events as messages. The server's own figure differs by a
	// few bytes an event.
	Bytes int
	// Actions are the billable actions, those assumed for heartbeats included.
	Actions int
	// Items add up to Actions and to Events, in the order of Kinds. Those that are zero
	// in both are left out.
	Items []Item
}

// Item is one kind's share.
type Item struct {
	Kind    Kind
	Events  int
	Actions int
}

// Kind names what costs.
type Kind string

// Kinds of cost.
const (
	WorkflowStart    Kind = "workflow start"
	WorkflowTask     Kind = "workflow tasks"
	Activity         Kind = "activities"
	Heartbeat        Kind = "heartbeats"
	Marker           Kind = "local activities and markers"
	Timer            Kind = "timers"
	Signal           Kind = "signals"
	Update           Kind = "updates"
	SearchAttributes Kind = "search attributes"
	Child            Kind = "child workflows"
	Nexus            Kind = "Nexus operations"
	Other            Kind = "other"
)

// Kinds lists every kind in the order of a report.
func Kinds() []Kind {
	return []Kind{
		WorkflowStart, WorkflowTask, Activity, Heartbeat, Marker, Timer, Signal, Update, SearchAttributes, Child, Nexus, Other,
	}
}

// Of returns the cost of a history. Give it all events of one run; a run that still goes
// on has its open activities counted as one attempt each.
func Of(events []*historypb.HistoryEvent) Cost {
	c := counter{events: map[Kind]int{}, actions: map[Kind]int{}, marked: map[int64]bool{}, open: map[int64]scheduled{}}
	cost := Cost{Events: len(events)}
	for _, e := range events {
		cost.Bytes += proto.Size(e)
		c.add(e)
	}
	c.finish()
	for _, kind := range Kinds() {
		item := Item{Kind: kind, Events: c.events[kind], Actions: c.actions[kind]}
		if item.Events == 0 && item.Actions == 0 {
			continue
		}
		cost.Items = append(cost.Items, item)
		cost.Actions += item.Actions
	}
	return cost
}

type counter struct {
	events  map[Kind]int
	actions map[Kind]int
	marked  map[int64]bool      // workflow tasks whose markers were counted
	open    map[int64]scheduled // activities by the ID of the event that scheduled them
}

// scheduled is an activity whose attempts are not known yet: the server writes the start
// of the last attempt, with its number, only when the activity has ended.
type scheduled struct{ heartbeats bool }

func (c *counter) add(e *historypb.HistoryEvent) {
	kind := KindOf(e.GetEventType())
	c.events[kind]++
	switch {
	case kind == Activity:
		c.activity(e)
	case kind == Marker:
		c.marker(e)
	case billable(e):
		c.actions[kind]++
	}
}

func (c *counter) activity(e *historypb.HistoryEvent) {
	if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
		c.open[e.GetEventId()] = scheduled{heartbeats: a.GetHeartbeatTimeout().AsDuration() > 0}
	}
	if a := e.GetActivityTaskStartedEventAttributes(); a != nil {
		c.attempts(a.GetScheduledEventId(), int(a.GetAttempt()))
	}
}

func (c *counter) attempts(scheduledID int64, n int) {
	n = max(n, 1)
	c.actions[Activity] += n
	if c.open[scheduledID].heartbeats {
		c.actions[Heartbeat] += n
	}
	delete(c.open, scheduledID)
}

func (c *counter) finish() {
	for id := range c.open {
		c.attempts(id, 1)
	}
}

// marker counts all markers of one workflow task as one action.
func (c *counter) marker(e *historypb.HistoryEvent) {
	task := e.GetMarkerRecordedEventAttributes().GetWorkflowTaskCompletedEventId()
	if !c.marked[task] {
		c.marked[task] = true
		c.actions[Marker]++
	}
}

// firstSignal is the ID of a signal that came with the start: the event right after the
// first one, before there was any workflow task.
const firstSignal = 2

// billable reports whether an event is one action. Activities and markers are not judged
// here: theirs are not one for one.
func billable(e *historypb.HistoryEvent) bool {
	switch e.GetEventType() { //nolint:exhaustive // every other event is free
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
		enumspb.EVENT_TYPE_TIMER_STARTED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
		enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
		enumspb.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED,
		enumspb.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED:
		return true
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		return e.GetEventId() != firstSignal
	case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
		return !onlyVersions(e)
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED:
		return e.GetWorkflowTaskFailedEventAttributes().GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
	}
	return false
}

// onlyVersions reports an upsert by which the SDK records workflow.GetVersion.
func onlyVersions(e *historypb.HistoryEvent) bool {
	fields := e.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes().GetIndexedFields()
	_, versions := fields["TemporalChangeVersion"]
	return versions && len(fields) == 1
}
