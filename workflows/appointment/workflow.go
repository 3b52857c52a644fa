package appointment

import (
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
)

// Workflow is the process of one visit. It resumes from any status, so that a process
// that was lost can be replaced by a new one from the row.
func Workflow(ctx workflow.Context, in Input) (Result, error) {
	p, err := setup(ctx, in)
	if err != nil {
		return Result{}, err
	}
	return p.run(ctx)
}

// run is the story: pay, answer, capture, visit; then the money is settled, and after
// the retention the record goes to the archive. People's commands (commands.go) move
// the visit from any of these phases to another; each phase ends when its status does.
func (p *process) run(ctx workflow.Context) (Result, error) {
	mine, err := p.claim(ctx)
	if err != nil {
		return Result{}, err
	}
	if !mine {
		return Result{Status: p.status, Superseded: true}, p.finish(ctx)
	}
	p.delivering = true
	workflow.Go(ctx, p.deliverMail)

	for p.status != domain.StatusArchived {
		var err error
		switch p.status {
		case domain.StatusRequested:
			err = p.awaitPayment(ctx)
		case domain.StatusPending:
			err = p.awaitAnswer(ctx)
		case domain.StatusCapturing:
			err = p.capture(ctx)
		case domain.StatusConfirmed, domain.StatusCheckedIn:
			err = p.awaitVisit(ctx)
		case domain.StatusCompleted, domain.StatusDeclined, domain.StatusCancelled, domain.StatusExpired, domain.StatusNoShow:
			err = p.closeBooks(ctx)
		case domain.StatusArchived:
		}
		if err != nil {
			return Result{Status: p.status}, p.giveUp(ctx, err)
		}
	}
	if err := p.lastHints(ctx); err != nil {
		return Result{Status: p.status}, p.giveUp(ctx, err)
	}
	return Result{Status: p.status}, p.finish(ctx)
}

// finish lets every command get its answer and every letter leave before the process
// ends.
func (p *process) finish(ctx workflow.Context) error {
	p.closing = true
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && !p.delivering })
}
