package postgres

import (
	"context"
	"fmt"

	"github.com/careflow/careflow/internal/domain"
)

// Figures counts what dashboards and alarms want to know, all at one moment. What there
// is none of may be left out.
func (s *Store) Figures(ctx context.Context) ([]domain.Figure, error) {
	rows, err := s.q.Figures(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting the clinic's figures: %w", err)
	}
	figures := make([]domain.Figure, 0, len(rows))
	for _, r := range rows {
		figures = append(figures, domain.Figure{Name: domain.FigureName(r.Name), Label: r.Label, Detail: r.Detail, Value: r.Value})
	}
	return figures, nil
}
