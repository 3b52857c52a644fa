package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/converter"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/codecserver"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/internal/temporalx"
)

func newCodecServer(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "codec-server",
		Short:   "Make payloads readable in Temporal UI, behind a log-in",
		GroupID: groupProcess,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.CodecServer, in)
			if err != nil {
				return err
			}
			return serve(c.Context(), cfg, logger, codecServerOptions())
		},
	}
}

func codecServerOptions() fx.Option {
	return fx.Options(
		databasePool,
		fx.Provide(
			func(c config.Config) (converter.PayloadCodec, error) { return temporalx.NewCodec(c.Keys.Payload) },
			// It reads accounts only, and so gets no key of the columns.
			func(pool *pgxpool.Pool) *postgres.Store { return postgres.New(pool, nil) },
			func() (*auth.Passwords, error) { return auth.NewPasswords(auth.Config{}) },
			fx.Annotate(newAccounts, fx.As(new(codecserver.Accounts))),
			func(c config.Config, store *postgres.Store, gatherer prometheus.Gatherer) codecserver.Config {
				return codecserver.Config{
					Address:  c.HTTP.CodecAddress,
					UIOrigin: c.Temporal.UIOrigin,
					Secure:   c.PublicURL.Scheme == "https",
					Keys:     c.Keys.Command,
					Ready:    []telemetry.Check{{Name: "database", Probe: store.Ping}},
					Metrics:  gatherer,
				}
			},
		),
		codecserver.Module,
	)
}

// accounts checks the log-ins of the codec server against the product's accounts.
type accounts struct {
	store     *postgres.Store
	passwords *auth.Passwords
}

func newAccounts(store *postgres.Store, passwords *auth.Passwords) accounts {
	return accounts{store, passwords}
}

func (a accounts) Authenticate(ctx context.Context, email, password string) (string, []domain.Role, error) {
	account, err := a.store.AccountByEmail(ctx, email)
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		return "", nil, err
	}
	// Without an account this costs the same time and never matches.
	match, err := a.passwords.Check(ctx, password, account.PasswordHash)
	if err != nil {
		return "", nil, err
	}
	if !match || account.Disabled || account.Unverified {
		return "", nil, domain.Errorf(domain.CodeUnauthenticated, "the e-mail address or the password is wrong")
	}
	return account.ID, account.Roles, nil
}
