package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	poolConnections = prometheus.NewDesc("careflow_database_connections",
		"Connections of the process to PostgreSQL: acquired, idle, and how many there may be (most).", []string{"state"}, nil)
	poolWaits = prometheus.NewDesc("careflow_database_waits_total",
		"Times that a connection had to be waited for.", nil, nil)
	poolWaited = prometheus.NewDesc("careflow_database_waited_seconds_total",
		"How long connections were waited for.", nil, nil)
)

// poolStats tells how a pool is used.
type poolStats struct{ pool *pgxpool.Pool }

// WatchPool tells Prometheus how a pool is used.
func WatchPool(pool *pgxpool.Pool, r prometheus.Registerer) error { return r.Register(poolStats{pool}) }

// Describe sends what is told.
func (poolStats) Describe(ch chan<- *prometheus.Desc) {
	ch <- poolConnections
	ch <- poolWaits
	ch <- poolWaited
}

// Collect reads the pool's own counts.
func (p poolStats) Collect(ch chan<- prometheus.Metric) {
	s := p.pool.Stat()
	for state, n := range map[string]int32{"acquired": s.AcquiredConns(), "idle": s.IdleConns(), "most": s.MaxConns()} {
		ch <- prometheus.MustNewConstMetric(poolConnections, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(poolWaits, prometheus.CounterValue, float64(s.EmptyAcquireCount()))
	ch <- prometheus.MustNewConstMetric(poolWaited, prometheus.CounterValue, s.EmptyAcquireWaitTime().Seconds())
}
