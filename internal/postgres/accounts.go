package postgres

import (
	"context"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// recordAccount writes what was done to an account, and by whom.
func recordAccount(ctx context.Context, q *db.Queries, accountID, kind string, by domain.Access, roles []string) error {
	return q.AddAccountEvent(ctx, db.AddAccountEventParams{
		AccountID: accountID, Kind: kind, ActorID: optional(by.Caller.UserID), Roles: roles, RequestID: by.RequestID,
	})
}
