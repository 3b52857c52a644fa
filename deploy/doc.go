// Package deploy holds what production needs as files (containers, alert rules, dashboards,
// the reverse proxy, Temporal's settings, the runbook), and tests that they are true.
package deploy
