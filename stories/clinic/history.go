package clinic

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/workflows/accountmail"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/paymentcase"
)

// History returns the history of an appointment's process, its payloads still encrypted.
func (c *Clinic) History(temporal client.Client, appointmentID string) *historypb.History {
	c.t.Helper()
	return c.historyOf(temporal, appointment.WorkflowID(appointmentID))
}

func (c *Clinic) historyOf(temporal client.Client, workflowID string) *historypb.History {
	c.t.Helper()
	return historyOf(c.t, temporal, Run{ID: workflowID})
}

func historyOf(t testing.TB, temporal client.Client, run Run) *historypb.History {
	t.Helper()
	history := &historypb.History{}
	events := temporal.GetWorkflowHistory(testkit.Context(t), run.ID, run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, e)
	}
	return history
}

// Record keeps the history of an appointment's process for the replay test; see the function Record.
func (c *Clinic) Record(appointmentID, name string) {
	c.t.Helper()
	c.RecordRun(Run{Family: "appointment", ID: appointment.WorkflowID(appointmentID)}, name)
}

// RecordCase keeps the history of a payment case's process.
func (c *Clinic) RecordCase(intentID, name string) {
	c.t.Helper()
	c.RecordRun(Run{Family: "paymentcase", ID: paymentcase.WorkflowID(intentID)}, name)
}

// RecordAccountMail keeps the history of the delivery of an account's letters.
func (c *Clinic) RecordAccountMail(accountID, name string) {
	c.t.Helper()
	c.RecordRun(Run{Family: "accountmail", ID: accountmail.WorkflowID(accountID)}, name)
}

// Run is one run of a workflow. Family is the folder of its package; without a RunID it is the
// newest.
type Run struct{ Family, ID, RunID string }

// RecordRun keeps the history of a run for the replay test; see the function Record.
func (c *Clinic) RecordRun(run Run, name string) {
	c.t.Helper()
	Record(c.t, c.Temporal(), run, name)
}

// Recording is whether histories are kept: CAREFLOW_RECORD_HISTORIES names a release.
func Recording() bool { return os.Getenv(recordedRelease) != "" }

const recordedRelease = "CAREFLOW_RECORD_HISTORIES"

// Record keeps a history for the replay test of its family, with readable payloads, where
// CAREFLOW_RECORD_HISTORIES names a release. It does so once for each release.
func Record(t testing.TB, temporal client.Client, run Run, name string) {
	t.Helper()
	release := os.Getenv(recordedRelease)
	if release == "" {
		return
	}
	folder := filepath.Join("..", "workflows", run.Family, replaytest.Histories, release)
	history := historyOf(t, temporal, run)
	ring, err := config.ParseKeyRing(PayloadKeys)
	require.NoError(t, err)
	codec, err := temporalx.NewCodec(ring)
	require.NoError(t, err)
	err = proxy.VisitPayloads(context.Background(), history, proxy.VisitPayloadsOptions{
		Visitor: func(_ *proxy.VisitPayloadsContext, p []*commonpb.Payload) ([]*commonpb.Payload, error) {
			return codec.Decode(p)
		},
		SkipSearchAttributes: true,
	})
	require.NoError(t, err)
	raw, err := protojson.MarshalOptions{Indent: " "}.Marshal(history)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, name+".json"), raw, 0o600))
}

// AwaitProcessEnd waits until an appointment's process has ended well.
func (c *Clinic) AwaitProcessEnd(appointmentID string) {
	c.t.Helper()
	run := c.Temporal().GetWorkflow(testkit.Context(c.t), appointment.WorkflowID(appointmentID), "")
	require.NoError(c.t, run.Get(testkit.Context(c.t), nil))
}

// Messages returns the ledger of an appointment as "kind recipient", once all of it is
// sent.
func (c *Clinic) Messages(appointmentID string) []string {
	c.t.Helper()
	testkit.Eventually(c.t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND status IN ('pending', 'sending')`, appointmentID) == 0
	}, "all messages of %s are sent", appointmentID)
	rows, err := c.DB.Query(context.Background(), `SELECT kind || ' ' || recipient FROM messages WHERE appointment_id = $1 AND status = 'sent' ORDER BY seq`, appointmentID)
	require.NoError(c.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(c.t, err)
	return list
}
