package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestACaseTellsOfMoneyThatTheBooksDoNotKnow(t *testing.T) {
	t.Parallel()
	books := domain.RecordedPayment{PaymentFact: domain.PaymentFact{Status: domain.PaymentCaptured, Captured: 8000}}
	agrees := domain.Intent{Status: domain.PaymentCaptured, Captured: 8000}
	for name, tt := range map[string]struct {
		visit domain.Status
		books func(*domain.RecordedPayment)
		now   func(*domain.Intent)
		known domain.CaseHistory
		kind  domain.CaseKind
	}{
		"both agree":             {kind: ""},
		"refunded by hand":       {visit: domain.StatusConfirmed, now: func(i *domain.Intent) { i.Refunded = 1 }, kind: domain.CaseRefundByHand},
		"refunded after the end": {visit: domain.StatusCancelled, now: func(i *domain.Intent) { i.Refunded = 1 }, kind: domain.CaseUnsettled},
		"a refund bounced":       {books: func(p *domain.RecordedPayment) { p.Refunded = 8000 }, kind: domain.CaseRefundFailed},
		"captured unknown to us": {books: func(p *domain.RecordedPayment) { p.Captured = 0 }, kind: domain.CaseUnsettled},
		"captured at the moment": {visit: domain.StatusCapturing, books: func(p *domain.RecordedPayment) { p.Captured = 0 }, kind: ""},
		"disputed":               {now: func(i *domain.Intent) { i.Disputed = true }, kind: domain.CaseDispute},
		"a dispute of before": {
			books: func(p *domain.RecordedPayment) { p.Case = domain.CaseClosed }, now: func(i *domain.Intent) { i.Disputed = true }, kind: "",
		},
		"its case is not known": {known: domain.CaseHistory{Kind: domain.CaseDispute, State: domain.CaseNeedsPerson}, kind: domain.CaseDispute},
		"its case has ended": {
			books: func(p *domain.RecordedPayment) { p.Case = domain.CaseOpen },
			known: domain.CaseHistory{Kind: domain.CaseUnsettled, State: domain.CaseClosed}, kind: domain.CaseUnsettled,
		},
		"its case waits for others": {
			books: func(p *domain.RecordedPayment) { p.Case = domain.CaseOpen },
			known: domain.CaseHistory{Kind: domain.CaseDispute, State: domain.CaseRetrying}, kind: "",
		},
		"a person had seen to it": {
			books: func(p *domain.RecordedPayment) { p.Case = domain.CaseClosed },
			known: domain.CaseHistory{Kind: domain.CaseRefundFailed, State: domain.CaseClosed, Outcome: domain.OutcomeResolved}, kind: domain.CaseRefundFailed,
		},
		"let go by its case": {
			books: func(p *domain.RecordedPayment) {
				p.Case, p.Status, p.Captured = domain.CaseOpen, domain.PaymentAuthorised, 0
			},
			now:   func(i *domain.Intent) { i.Status, i.Captured = domain.PaymentCancelled, 0 },
			known: domain.CaseHistory{Kind: domain.CaseLatePayment, State: domain.CaseRetrying}, kind: domain.CaseLatePayment,
		},
	} {
		p, i := books, agrees
		if tt.books != nil {
			tt.books(&p)
		}
		if tt.now != nil {
			tt.now(&i)
		}
		kind, behind := domain.CaseBehind(tt.visit, p, i, tt.known)
		require.Equal(t, tt.kind, kind, name)
		require.Equal(t, tt.kind != "", behind, name)
	}
}
