package figures

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Backlog is what waits in a task queue. Temporal's numbers are approximate, and leave out
// sticky queues.
type Backlog struct {
	Queue   string
	Kind    string // workflow or activity
	Waiting int64
	Oldest  time.Duration
	Pollers int
}

var queueLabels = []string{"task_queue", "kind"}

var (
	backlogCount = prometheus.NewDesc("careflow_task_queue_backlog", "Tasks that wait in a task queue, as Temporal estimates it.", queueLabels, nil)
	backlogAge   = prometheus.NewDesc("careflow_task_queue_oldest_seconds", "Age of the oldest task that waits in a task queue.", queueLabels, nil)
	pollers      = prometheus.NewDesc("careflow_task_queue_pollers", "Workers that asked for tasks within the last minutes.", queueLabels, nil)
)

func queueMetrics(backlogs []Backlog) []prometheus.Metric {
	metrics := make([]prometheus.Metric, 0, 3*len(backlogs))
	for _, b := range backlogs {
		for desc, value := range map[*prometheus.Desc]float64{
			backlogCount: float64(b.Waiting), backlogAge: b.Oldest.Seconds(), pollers: float64(b.Pollers),
		} {
			metrics = append(metrics, prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, b.Queue, b.Kind))
		}
	}
	return metrics
}

// Temporal asks the server about task queues.
type Temporal struct {
	client    client.Client
	namespace string
	queues    map[string][]enumspb.TaskQueueType
}

// NewTemporal watches the queue of workflows and database activities, and queues that
// serve activities only.
func NewTemporal(c client.Client, namespace, workflows string, activities ...string) *Temporal {
	t := &Temporal{client: c, namespace: namespace, queues: map[string][]enumspb.TaskQueueType{
		workflows: {enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	}}
	for _, q := range activities {
		t.queues[q] = []enumspb.TaskQueueType{enumspb.TASK_QUEUE_TYPE_ACTIVITY}
	}
	return t
}

// Backlogs asks for each queue and kind of task.
func (t *Temporal) Backlogs(ctx context.Context) ([]Backlog, error) {
	var all []Backlog
	for queue, kinds := range t.queues {
		for _, kind := range kinds {
			b, err := t.backlog(ctx, queue, kind)
			if err != nil {
				return nil, fmt.Errorf("task queue %s: %w", queue, err)
			}
			all = append(all, b)
		}
	}
	return all, nil
}

func (t *Temporal) backlog(ctx context.Context, queue string, kind enumspb.TaskQueueType) (Backlog, error) {
	r, err := t.client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: t.namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		TaskQueueType: kind, ReportStats: true,
	})
	if err != nil {
		return Backlog{}, err
	}
	name := "activity"
	if kind == enumspb.TASK_QUEUE_TYPE_WORKFLOW {
		name = "workflow"
	}
	return Backlog{
		Queue: queue, Kind: name, Waiting: r.GetStats().GetApproximateBacklogCount(),
		Oldest: r.GetStats().GetApproximateBacklogAge().AsDuration(), Pollers: len(r.GetPollers()),
	}, nil
}
