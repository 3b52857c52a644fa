package domain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatBecomesOfARefreshToken(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	fresh := RefreshState{ExpiresAt: at.Add(time.Hour), SessionExpiresAt: at.Add(24 * time.Hour)}
	with := func(change func(*RefreshState)) RefreshState {
		s := fresh
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		state RefreshState
		want  RefreshVerdict
	}{
		"fresh":               {fresh, RefreshRotate},
		"over":                {with(func(s *RefreshState) { s.ExpiresAt = at }), RefreshOver},
		"session over":        {with(func(s *RefreshState) { s.SessionExpiresAt = at }), RefreshOver},
		"logged out":          {with(func(s *RefreshState) { s.SessionEndedAt = at.Add(-time.Minute) }), RefreshOver},
		"answer lost":         {with(func(s *RefreshState) { s.UsedAt = at.Add(-RefreshGrace + time.Second) }), RefreshRepeat},
		"used and grace over": {with(func(s *RefreshState) { s.UsedAt = at.Add(-RefreshGrace) }), RefreshReused},
		"successor was used": {with(func(s *RefreshState) {
			s.UsedAt, s.NextUsedAt = at.Add(-2*time.Second), at.Add(-time.Second)
		}), RefreshReused},
		"used, then over": {with(func(s *RefreshState) {
			s.UsedAt, s.ExpiresAt = at.Add(-time.Hour), at.Add(-time.Minute)
		}), RefreshReused},
		"used, then logged out": {with(func(s *RefreshState) {
			s.UsedAt, s.SessionEndedAt = at.Add(-time.Hour), at.Add(-time.Minute)
		}), RefreshOver},
	} {
		require.Equal(t, c.want, c.state.Judge(at), name)
	}
	require.Equal(t, at.Add(SessionIdle), RefreshUntil(at, at.Add(SessionLife)))
	require.Equal(t, at.Add(time.Hour), RefreshUntil(at, at.Add(time.Hour)))
}
