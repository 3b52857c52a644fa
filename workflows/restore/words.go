package restore

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
)

// listen takes people's words. Who reaches Temporal can send updates: only what the API has
// signed for this very restore and word counts.
func (r *restore) listen(ctx workflow.Context) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateSay, r.heard, workflow.UpdateHandlerOptions{
		Description: "Somebody approves, stops, undoes or ends the restore",
		Validator:   r.check,
	})
}

func (r *restore) check(ctx workflow.Context, s Say) error {
	info := workflow.GetInfo(ctx)
	subject := domain.ApprovalSubject(info.WorkflowExecution.ID, r.record.RestoreID, string(s.Word))
	if err := r.keys.Check(s.Approval, subject, workflow.Now(ctx)); err != nil {
		return refusal(err)
	}
	if s.Word == domain.WordUndo && r.record.State == domain.RestoreSwapped && r.record.Before == "" {
		return refusal(domain.Errorf(domain.CodeConflict, "nothing lived before this restore: there is nothing to go back to"))
	}
	return refusal(r.rules.Check(r.record.State, r.record.Approvals, s.Word, s.Approval.By))
}

func (r *restore) heard(ctx workflow.Context, s Say) (domain.RestoreRecord, error) {
	r.record.Approvals = append(r.record.Approvals, domain.RestoreApproval{
		Word: s.Word, By: s.Approval.By, Reason: s.Approval.Reason, At: s.Approval.At,
	})
	if s.Word == domain.WordAbort {
		r.stop()
	}
	r.note(ctx)
	return r.record, nil
}

func (r *restore) agreed(w domain.RestoreWord) bool {
	return r.rules.Agreed(r.record.Approvals, w)
}

// refusal carries the domain's code to whoever sent the update.
func refusal(err error) error {
	var e *domain.Error
	if !errors.As(err, &e) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil)
}
