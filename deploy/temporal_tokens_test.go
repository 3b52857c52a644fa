package deploy_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/internal/temporalx"
)

// holder reaches a namespace with our certificate and a token.
func (p productionTemporal) holder(namespace, token string) client.Client {
	p.t.Helper()
	return p.client(config.Temporal{Namespace: namespace, TLSCert: p.at("worker.pem"), TLSKey: p.at("worker.key"), Token: config.NewSecret(token)})
}

func (p productionTemporal) token(holder, namespace string, expires time.Time) string {
	p.t.Helper()
	text, err := p.authority.Token(holder, namespace, expires)
	require.NoError(p.t, err)
	return text
}

// requireTokens shows what each holder may do in the clinic's namespace, and that nobody may
// do anything without a token that counts.
func (p productionTemporal) requireTokens() {
	t := p.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	soon := time.Now().Add(time.Hour)
	of := func(holder string) client.Client { return p.holder("careflow", p.token(holder, "careflow", soon)) }

	require.NoError(t, temporalx.Setup(ctx, of("temporal-setup"), "careflow", searchattr.All(), slog.New(slog.DiscardHandler)))

	const id, queue = "visit", "visits"
	w := worker.New(of("worker"), queue, worker.Options{})
	w.RegisterWorkflowWithOptions(visit, workflow.RegisterOptions{Name: "visit"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	api := of("api")
	_, err := api.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, "visit")
	require.NoError(t, err)
	require.NoError(t, confirm(ctx, api, id))
	require.NoError(t, api.SignalWorkflow(ctx, id, "", "news", nil))
	_, err = api.OperatorService().DeleteNamespace(ctx, &operatorservice.DeleteNamespaceRequest{Namespace: "careflow"})
	requireRefused(p, err, "the API deletes no namespace")

	for _, holder := range []string{"reader", "ui"} {
		looks := of(holder)
		_, err = looks.DescribeWorkflowExecution(ctx, id, "")
		require.NoError(t, err)
		_, err = looks.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "another", TaskQueue: queue}, "visit")
		requireRefused(p, err, holder+" starts nothing")
		requireRefused(p, looks.SignalWorkflow(ctx, id, "", "news", nil), holder+" signals nothing")
		requireRefused(p, looks.TerminateWorkflow(ctx, id, "", "no reason"), holder+" terminates nothing")
	}

	stranger, err := temporalx.NewAuthority()
	require.NoError(t, err)
	forged, err := stranger.Token("api", "careflow", soon)
	require.NoError(t, err)
	for why, c := range map[string]client.Client{
		"nobody without a token":           p.holder("careflow", ""),
		"nobody with another's token":      p.holder("careflow", forged),
		"nobody from another namespace":    p.holder("careflow", p.token("api", "elsewhere", soon)),
		"nobody goes to another namespace": p.holder("elsewhere", p.token("api", "careflow", soon)),
	} {
		_, err = c.DescribeWorkflowExecution(ctx, id, "")
		requireRefused(p, err, why)
	}

	// A token is renewed in its file, while the process runs.
	file := p.at("token")
	require.NoError(t, os.WriteFile(file, []byte(p.token("api", "careflow", time.Now().Add(-time.Minute))), 0o600))
	running := p.client(config.Temporal{Namespace: "careflow", TLSCert: p.at("worker.pem"), TLSKey: p.at("worker.key"), TokenFile: file})
	err = running.SignalWorkflow(ctx, id, "", "news", nil)
	require.ErrorContains(t, err, "CAREFLOW_TEMPORAL_TOKEN of api expired at ")
	require.ErrorContains(t, err, "careflow keys temporal token")
	require.NoError(t, os.WriteFile(file, []byte(p.token("api", "careflow", soon)+"\n"), 0o600))
	require.NoError(t, running.SignalWorkflow(ctx, id, "", "news", nil))

	ui, looks, repairs := p.startUI(), p.token("ui", "careflow", soon), p.token("ui-repair", "careflow", soon)
	require.Equal(t, http.StatusForbidden, p.throughUI(ui, http.MethodGet, id, ""), "the UI itself sees nothing")
	require.Equal(t, http.StatusOK, p.throughUI(ui, http.MethodGet, id, looks))
	require.Equal(t, http.StatusForbidden, p.throughUI(ui, http.MethodPost, id+"/terminate", looks), "most only look")
	require.Equal(t, http.StatusOK, p.throughUI(ui, http.MethodPost, id+"/terminate", repairs), "the few may")
}

func requireRefused(p productionTemporal, err error, why string) {
	p.t.Helper()
	var denied *serviceerror.PermissionDenied
	require.ErrorAs(p.t, err, &denied, why)
}

func confirm(ctx context.Context, c client.Client, id string) error {
	handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: id, UpdateName: "confirm", WaitForStage: client.WorkflowUpdateStageCompleted})
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

// visit takes an update and goes on until it is terminated.
func visit(ctx workflow.Context) error {
	if err := workflow.SetUpdateHandler(ctx, "confirm", func(workflow.Context) error { return nil }); err != nil {
		return err
	}
	workflow.GetSignalChannel(ctx, "never").Receive(ctx, nil)
	return errors.New("told what nobody tells")
}
