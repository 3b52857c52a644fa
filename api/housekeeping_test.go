package api

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// fakeHousekeeper has always one run under way.
type fakeHousekeeper struct{}

func (fakeHousekeeper) Start(context.Context) (string, bool, error) { return "run", true, nil }

func (s *fakeStore) Housekeepings(context.Context, int) ([]domain.Housekeeping, error) {
	defer s.lock()()
	return []domain.Housekeeping{{ID: "run", Trigger: domain.ByPerson, StartedAt: now, Removed: map[domain.Litter]int{domain.LitterKeys: 3}}}, s.err
}

func TestHousekeepingIsStartedAndShown(t *testing.T) {
	h := newHarness(t)
	started := decode[openapi.HousekeepingStarted](h.post("/v1/ops/housekeeping", h.as(domain.RoleOps), "").status(http.StatusAccepted))
	require.Equal(t, openapi.HousekeepingStarted{ID: "run", Joined: true}, started)
	list := decode[openapi.HousekeepingList](h.get("/v1/ops/housekeeping", h.as(domain.RoleOps)).status(http.StatusOK))
	require.Equal(t, map[string]int{"idempotency_keys": 3}, list.Items[0].Removed)
	require.True(t, list.Items[0].FinishedAt.IsZero())
}
