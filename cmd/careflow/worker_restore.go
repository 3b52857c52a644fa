package main

import (
	"context"

	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	acts "github.com/careflow/careflow/activities/appointment"
	caseacts "github.com/careflow/careflow/activities/paymentcase"
	restoreacts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/payments"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/workflows/appointment/appointmentclient"
	"github.com/careflow/careflow/workflows/paymentcase/paymentcaseclient"
	"github.com/careflow/careflow/workflows/restore"
)

// restoring is what a worker needs to bring rows up to their processes.
var restoring = fx.Provide(
	func(c config.Config) *restore.Process {
		rules := restore.Rules{Drain: c.Restore.Drain}
		rules.People = c.Restore.People
		return restore.New(c.Keys.Approval, rules)
	},
	func(c config.Config, temporal client.Client) (restoreacts.Processes, error) {
		data, err := temporalx.NewDataConverter(c.Keys.Payload)
		return appointmentclient.NewHistories(temporal, data, c.Temporal.TaskQueue), err
	},
	func(c config.Config, temporal client.Client) (restoreacts.Cases, error) {
		data, err := temporalx.NewDataConverter(c.Keys.Payload)
		return paymentcaseclient.NewHistories(temporal, data, c.Temporal.TaskQueue), err
	},
	func(s *postgres.Store) restoreacts.Rows { return s },
	func(s *payments.Stripe) restoreacts.Payments { return s },
	func(p *acts.Payments) restoreacts.Settler { return settling{p} },
	func(a *caseacts.Activities) restoreacts.Balancer { return a },
)

// settling puts money right as the process of an ended visit does: what is right already is
// only brought into the books.
type settling struct{ payments *acts.Payments }

func (s settling) Settle(ctx context.Context, appointmentID string, kept int64) error {
	_, err := s.payments.SettlePayments(ctx, acts.SettlePaymentsInput{AppointmentID: appointmentID, Kept: kept})
	return err
}
