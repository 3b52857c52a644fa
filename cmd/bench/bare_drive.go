package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
)

// barePlan is a load of bare workflows.
type barePlan struct {
	Engine enginePlan
	Loop   bench.Loop
	Shape  shape
	Extra  int
}

// bareSchema is where bare workflows keep how far they are.
const bareSchema = `CREATE SCHEMA IF NOT EXISTS bare;
	CREATE TABLE IF NOT EXISTS bare.work (id text PRIMARY KEY, step int NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now());
	TRUNCATE bare.work`

func (p barePlan) open(ctx context.Context) (client.Client, *pgxpool.Pool, error) {
	c, err := p.Engine.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	pool, err := barePool(ctx, p.Engine.URL, min(p.Loop.Clients, bareConnections))
	return c, pool, err
}

// start starts a bare workflow the way the relay starts a visit's.
func (p barePlan) start(ctx context.Context, c client.Client, pool *pgxpool.Pool, id string) error {
	if _, err := pool.Exec(ctx, `INSERT INTO bare.work (id) VALUES ($1)`, id); err != nil {
		return err
	}
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: p.Engine.Queue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.Status.ValueSet("requested"), searchattr.NextStep.ValueSet("open_payment"),
			searchattr.Doctor.ValueSet(id[len(id)-36:]), searchattr.StartsAt.ValueSet(time.Now())),
		StaticSummary: "A bare workflow", StaticDetails: "A bare workflow of the benchmark, which does as much as a visit and nothing of it.",
	}, bareLifeName, newBareInput(id, p.Shape, p.Extra))
	return err
}

func bareID() string { return "bench-" + domain.NewID() }

// driveBareStarts starts bare workflows and leaves them at rest.
func driveBareStarts(ctx context.Context, p barePlan) (any, error) {
	c, pool, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer pool.Close()
	return bench.Drive(ctx, p.Loop, func(ctx context.Context, _ int) error { return p.start(ctx, c, pool, bareID()) }), nil
}

// driveBareLives takes bare workflows from their start to their end. The result's time
// ends when the last one has ended.
func driveBareLives(ctx context.Context, p barePlan) (any, error) {
	c, pool, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer pool.Close()
	began := time.Now()
	r := bench.Drive(ctx, p.Loop, func(ctx context.Context, _ int) error { return p.live(ctx, c, pool) })
	return r, awaitAll(ctx, pool, &r, began, `SELECT count(*) FROM bare.work WHERE step < 9`)
}

func (p barePlan) live(ctx context.Context, c client.Client, pool *pgxpool.Pool) error {
	id := bareID()
	if err := p.start(ctx, c, pool, id); err != nil {
		return err
	}
	update := func(name string, stage client.WorkflowUpdateStage) (client.WorkflowUpdateHandle, error) {
		return c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			UpdateID: domain.NewID(), WorkflowID: id, UpdateName: name, Args: []any{"by the doctor, with a reason code"}, WaitForStage: stage,
		})
	}
	// The confirmation waits in the process until the payment was seen.
	confirmed, err := update("confirm", client.WorkflowUpdateStageAccepted)
	if err != nil {
		return err
	}
	if err := c.SignalWorkflow(ctx, id, "", "paid", nil); err != nil {
		return err
	}
	if err := confirmed.Get(ctx, nil); err != nil {
		return err
	}
	for _, name := range []string{"check_in", "complete"} {
		handle, err := update(name, client.WorkflowUpdateStageCompleted)
		if err != nil {
			return err
		}
		if err := handle.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// awaitAll waits until a query counts nothing any more, and puts the end of the
// measurement there.
func awaitAll(ctx context.Context, pool *pgxpool.Pool, r *bench.Result, began time.Time, unfinished string) error {
	err := eventually(ctx, 10*time.Minute, "all have ended", func(ctx context.Context) (bool, error) {
		var n int
		err := pool.QueryRow(ctx, unfinished).Scan(&n)
		if n > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		return err == nil && n == 0, err
	})
	r.Elapsed = time.Since(began)
	return err
}

// driveUpdateWithStart starts empty workflows with an update and waits for its answer.
func driveUpdateWithStart(ctx context.Context, p barePlan) (any, error) {
	c, err := p.Engine.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return bench.Drive(ctx, p.Loop, func(ctx context.Context, _ int) error {
		start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: bareID(), TaskQueue: p.Engine.Queue, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		}, bareEmptyName)
		handle, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: start,
			UpdateOptions:          client.UpdateWorkflowOptions{UpdateName: "book", WaitForStage: client.WorkflowUpdateStageCompleted},
		})
		if err != nil {
			return err
		}
		return handle.Get(ctx, nil)
	}), nil
}
