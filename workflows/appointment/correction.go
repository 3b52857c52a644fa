package appointment

import (
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// validateCorrect: staff may say for some days that a visit took place after all, or that
// nobody came after all.
func (p *process) validateCorrect(now time.Time, c Command) error {
	if err := p.mustBe("correct", domain.StatusCompleted, domain.StatusNoShow); err != nil {
		return err
	}
	switch {
	case c.Status != domain.StatusCompleted && c.Status != domain.StatusNoShow:
		return domain.Errorf(domain.CodeInvalid, "a visit is corrected to %s or %s", domain.StatusCompleted, domain.StatusNoShow)
	case c.Status == p.status:
		return domain.Errorf(domain.CodeConflict, "this visit is %s already", p.status)
	case !now.Before(p.visit.End.Add(domain.CorrectionPeriod)):
		return domain.Errorf(domain.CodeTooLate, "a visit can be corrected for %d days after its end", domain.CorrectionPeriod/(24*time.Hour))
	case p.settling:
		return domain.Errorf(domain.CodeConflict, "money of this visit is on its way back: try again in a moment")
	}
	return nil
}

// planCorrect: what has gone back is not taken again. A visit that took place after all
// keeps what is still there; one that nobody came to has the fee of any such visit, with
// its notice and the time to object.
func (p *process) planCorrect(now time.Time, c Command) domain.Transition {
	t := domain.Transition{Kind: "corrected", To: c.Status, Kept: new(int64)}
	if c.Status == domain.StatusNoShow {
		p.askFee(&t, now)
		return t
	}
	*t.Kept = p.remaining()
	if p.fee.Status == domain.FeeNoticed || p.fee.Status == domain.FeeDisputed || p.fee.Status == domain.FeeKept {
		t.Fee = &domain.NoShowFee{Status: domain.FeeWithdrawn, Minor: p.fee.Minor}
		t.Messages = owe(domain.MessageCorrected, domain.RecipientPatient)
	}
	return t
}
