package historycost

import (
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
)

// KindOf sorts an event type into a kind. An update's and a signal's events are those of
// the workflow's history, not of the one that sent them.
func KindOf(t enumspb.EventType) Kind {
	switch t { //nolint:exhaustive // the rest is sorted by the families below
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		return WorkflowStart
	case enumspb.EVENT_TYPE_MARKER_RECORDED:
		return Marker
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		return Signal
	case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
		return SearchAttributes
	}
	name := t.String()
	for _, family := range families {
		if strings.HasPrefix(name, family.prefix) {
			return family.kind
		}
	}
	return Other
}

// families are the kinds whose events share the beginning of their names.
var families = []struct {
	prefix string
	kind   Kind
}{
	{"WorkflowTask", WorkflowTask},
	{"Activity", Activity},
	{"Timer", Timer},
	{"WorkflowExecutionUpdate", Update},
	{"StartChildWorkflow", Child},
	{"ChildWorkflow", Child},
	{"NexusOperation", Nexus},
}
