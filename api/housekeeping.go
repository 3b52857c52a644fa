package api

import (
	"context"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListHousekeeping shows what was removed because nobody needed it any more.
func (h *handlers) ListHousekeeping(ctx context.Context, req openapi.ListHousekeepingRequestObject) (openapi.ListHousekeepingResponseObject, error) {
	ctx, _ = begin(ctx)
	list, err := h.store.Housekeepings(ctx, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	return openapi.ListHousekeeping200JSONResponse{Items: convert(list, func(r domain.Housekeeping) openapi.Housekeeping {
		view := openapi.Housekeeping{
			ID: r.ID, Trigger: openapi.HousekeepingTrigger(r.Trigger), StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Removed: map[string]int{},
		}
		for what, n := range r.Removed {
			view.Removed[string(what)] = n
		}
		return view
	})}, nil
}

// StartHousekeeping removes it now.
func (h *handlers) StartHousekeeping(ctx context.Context, _ openapi.StartHousekeepingRequestObject) (openapi.StartHousekeepingResponseObject, error) {
	ctx, _ = begin(ctx)
	id, joined, err := h.housekeeping.Start(ctx)
	if err != nil {
		return nil, err
	}
	return openapi.StartHousekeeping202JSONResponse{ID: id, Joined: joined}, nil
}
