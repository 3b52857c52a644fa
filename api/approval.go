package api

import (
	"github.com/careflow/careflow/internal/domain"
)

// approve signs a person's word on a job, after the contract's roles were checked: jobs
// believe nobody else.
func (h *handlers) approve(who *visitor, subject, reason string) (domain.Approval, error) {
	if len(h.cfg.ApprovalKey) == 0 {
		return domain.Approval{}, domain.Errorf(domain.CodeUnavailable, "this API holds no key to sign approvals with")
	}
	return domain.Approval{Subject: subject, By: who.caller.UserID, Reason: reason, At: h.cfg.Clock()}.Sign(h.cfg.ApprovalKeyID, h.cfg.ApprovalKey)
}
