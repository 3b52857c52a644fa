package oracle

import (
	"context"
	"strings"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

const (
	namespace = "careflow"
	processes = `WorkflowType IN ("appointment", "payment_case")`
)

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

func dial(ctx context.Context, address string) (client.Client, error) {
	return client.DialContext(ctx, client.Options{HostPort: address, Namespace: namespace, Logger: silent{}})
}

// Running counts the processes of appointments, payment cases and backups that have not
// ended.
func Running(ctx context.Context, address string) (int64, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	n, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: `WorkflowType IN ("appointment", "payment_case", "backup") AND ExecutionStatus = "Running"`})
	return n.GetCount(), err
}

// readProcesses lists every run of the processes of appointments and payment cases.
func (w *World) readProcesses(ctx context.Context, address string) error {
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close()
	var page []byte
	for {
		list, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, Query: processes, PageSize: 500, NextPageToken: page})
		if err != nil {
			return err
		}
		for _, e := range list.Executions {
			p := Process{RunID: e.GetExecution().GetRunId(), State: e.GetStatus().String()}
			if payload := e.GetSearchAttributes().GetIndexedFields()["CareflowStatus"]; payload != nil {
				if err := converter.GetDefaultDataConverter().FromPayload(payload, &p.Status); err != nil {
					return err
				}
			}
			if intent, ok := strings.CutPrefix(e.GetExecution().GetWorkflowId(), "payment-case-"); ok {
				w.CaseProcesses[intent] = append(w.CaseProcesses[intent], p)
				continue
			}
			id := strings.TrimPrefix(e.GetExecution().GetWorkflowId(), "appointment-")
			w.Processes[id] = append(w.Processes[id], p)
		}
		if page = list.NextPageToken; len(page) == 0 {
			return nil
		}
	}
}
