package domain

// FigureName names something that is counted for dashboards and alarms.
type FigureName string

// What is counted. Ages and what is left are in seconds, amounts in minor units.
const (
	FigureVisits            FigureName = "visits"           // not archived, by status
	FigureVisitsStuck       FigureName = "visits_stuck"     // marked as stuck
	FigureCapturingOldest   FigureName = "capturing_oldest" // since when a capture does not come through
	FigureReceipts          FigureName = "receipts"         // ever issued, by kind and currency
	FigureReceiptsMinor     FigureName = "receipts_minor"
	FigurePaymentCases      FigureName = "payment_cases"     // not closed, by state and what they wait for
	FigureEvidenceLeft      FigureName = "evidence_left"     // until a dispute has to be answered
	FigureMessagesOwed      FigureName = "messages_owed"     // by ledger: visits, accounts
	FigureMessagesOldest    FigureName = "messages_oldest"   // since when one is owed
	FigureMessagesTroubled  FigureName = "messages_troubled" // of 30 days, by problem, not sent again
	FigureOutboxUnmatched   FigureName = "outbox_unmatched"  // kept for people
	FigureReconciled        FigureName = "reconciled"        // since the last reconciliation ended
	FigureReconcileFindings FigureName = "reconcile_findings"
	FigureDeployments       FigureName = "deployments"   // under way, and those of 30 days, by state
	FigureAlarmsUnsent      FigureName = "alarms_unsent" // of 7 days, that nobody could be told
)

// Figure is one number at a moment. Label and Detail are codes, or empty.
type Figure struct {
	Name          FigureName
	Label, Detail string
	Value         float64
}
