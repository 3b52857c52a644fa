package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/postgres"
)

// databasePool provides the process's one pool, which connects when it is first used.
var databasePool = fx.Options(fx.Provide(openPool), fx.Invoke(postgres.WatchPool))

func openPool(lc fx.Lifecycle, cfg config.Config) (*pgxpool.Pool, error) {
	pool, err := postgres.Open(context.Background(), cfg.DatabaseURL.Reveal(), int32(cfg.DatabaseConnections)) //nolint:gosec // at most 500
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(pool.Close))
	return pool, nil
}
