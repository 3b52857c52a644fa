package figures

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/internal/domain"
)

// figure says how one of the clinic's figures is told.
type figure struct {
	desc   *prometheus.Desc
	labels int
	kind   prometheus.ValueType
	// zero are the labels that are told as 0 where nothing was counted, so that a rate
	// over the first one is seen.
	zero []string
}

func gauge(name, help string, labels ...string) figure {
	return figure{desc: prometheus.NewDesc(name, help, labels, nil), labels: len(labels), kind: prometheus.GaugeValue}
}

func (f figure) zeroes(labels ...string) figure { f.zero = labels; return f }

func (f figure) counter() figure { f.kind = prometheus.CounterValue; return f }

// told is how each figure is told. Amounts are minor units of the currency.
var told = map[domain.FigureName]figure{
	domain.FigureVisits: gauge("careflow_visits", "Visits that are not archived, by status.", "status").zeroes(unarchived()...),
	domain.FigureVisitsStuck: gauge("careflow_visits_stuck",
		"Visits whose process gave up and waits for a person."),
	domain.FigureCapturingOldest: gauge("careflow_capturing_oldest_seconds",
		"For how long the oldest capture has not come through."),
	domain.FigureReceipts: gauge("careflow_receipts_total",
		"Receipts issued: payment, refund, refund_failed, chargeback.", "kind", "currency").counter(),
	domain.FigureReceiptsMinor: gauge("careflow_receipts_minor_total",
		"Money of all receipts, in minor units.", "kind", "currency").counter(),
	domain.FigurePaymentCases: gauge("careflow_payment_cases",
		"Payment cases that are not closed, by state and what they wait for.", "state", "waits_for"),
	domain.FigureEvidenceLeft: gauge("careflow_dispute_evidence_left_seconds",
		"Until the most urgent dispute has to be answered at the provider."),
	domain.FigureMessagesOwed: gauge("careflow_messages_owed",
		"Messages that were not handed over yet, of visits and of accounts.", "ledger"),
	domain.FigureMessagesOldest: gauge("careflow_messages_owed_oldest_seconds",
		"Age of the oldest message that was not handed over yet.", "ledger"),
	domain.FigureMessagesTroubled: gauge("careflow_messages_troubled",
		"Messages of the last 30 days that went wrong and were not sent again, by problem.", "problem").
		zeroes("failed", "unknown", "bounced", "dropped", "spam"),
	domain.FigureOutboxUnmatched: gauge("careflow_outbox_unmatched",
		"Events that match no appointment and wait for a person."),
	domain.FigureReconciled: gauge("careflow_reconcile_age_seconds",
		"Since the last reconciliation ended."),
	domain.FigureReconcileFindings: gauge("careflow_reconcile_findings",
		"What the last reconciliation left to people."),
	domain.FigureDeployments: gauge("careflow_deployments",
		"Deployments under way, and those that ended within 30 days, by state.", "state").
		zeroes("running", "waiting_for_approval", "paused", "rolling_back", "failed"),
	domain.FigureAlarmsUnsent: gauge("careflow_alarms_unsent",
		"Alarms of the last 7 days that could not be mailed to anybody."),
}

func unarchived() []string {
	var statuses []string
	for _, s := range domain.Statuses() {
		if s != domain.StatusArchived {
			statuses = append(statuses, string(s))
		}
	}
	return statuses
}

func clinicMetrics(figures []domain.Figure) []prometheus.Metric {
	seen := map[domain.FigureName]map[string]bool{}
	var metrics []prometheus.Metric
	for _, f := range figures {
		how, known := told[f.Name]
		if !known {
			continue
		}
		if seen[f.Name] == nil {
			seen[f.Name] = map[string]bool{}
		}
		seen[f.Name][f.Label] = true
		metrics = append(metrics, prometheus.MustNewConstMetric(how.desc, how.kind, f.Value, []string{f.Label, f.Detail}[:how.labels]...))
	}
	for name, how := range told {
		for _, label := range how.zero {
			if !seen[name][label] {
				metrics = append(metrics, prometheus.MustNewConstMetric(how.desc, how.kind, 0, label))
			}
		}
	}
	return metrics
}
