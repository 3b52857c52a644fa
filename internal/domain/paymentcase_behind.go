package domain

import "time"

// CaseHistory is what the process of a payment case had come to. Times are UTC.
type CaseHistory struct {
	IntentID      string
	AppointmentID string
	Kind          CaseKind
	State         CaseState
	Outcome       string
	// BookedAt is when it began to book money that had gone back or was let go; zero for never.
	BookedAt time.Time
	// Delivered are the letters that it had handed over itself.
	Delivered []VisitStep
}

// CaseBehind reports whether the books know less of an intent than the provider or the
// process of its case do (zero where there is none), and of what kind a case of it is. What
// a visit is capturing at this moment its own process books.
func CaseBehind(visit Status, books RecordedPayment, provider Intent, c CaseHistory) (CaseKind, bool) {
	open := books.Case != "" && books.Case != CaseClosed
	switch {
	case c.Outcome == OutcomeResolved && !books.Resolved,
		c.State != "" && (books.Case == "" || open != (c.State != CaseClosed)),
		c.State != "" && provider.Status == PaymentCancelled && books.Status != PaymentCancelled:
		return c.Kind, true
	case provider.Disputed && books.Case == "":
		return CaseDispute, true
	case provider.Refunded > books.Refunded && visit.Ended():
		return CaseUnsettled, true
	case provider.Refunded > books.Refunded:
		return CaseRefundByHand, true
	case provider.Refunded < books.Refunded:
		return CaseRefundFailed, true
	case provider.Captured != books.Captured && visit != StatusCapturing:
		return CaseUnsettled, true
	}
	return "", false
}
