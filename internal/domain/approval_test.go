package domain_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestAnApprovalCountsForItsOwnSubjectAndTimeOnly(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	_, stranger, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	keys := domain.ApprovalKeys{"a1": public}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	subject := domain.ApprovalSubject("deployment-live-api", "run", "approve")
	given := domain.Approval{Subject: subject, By: "ops", Reason: "looks well", At: now}
	good, err := given.Sign("a1", private)
	require.NoError(t, err)
	require.NoError(t, keys.Check(good, subject, now.Add(time.Minute)))

	forged, err := given.Sign("a1", stranger)
	require.NoError(t, err)
	for name, bad := range map[string]struct {
		a       domain.Approval
		subject string
		at      time.Time
	}{
		"signed by a stranger":       {forged, subject, now},
		"by another person":          {with(good, func(a *domain.Approval) { a.By = "other" }), subject, now},
		"for another reason":         {with(good, func(a *domain.Approval) { a.Reason = "else" }), subject, now},
		"texts moved over a border":  {with(good, func(a *domain.Approval) { a.By, a.Reason = "opsl", "ooks well" }), subject, now},
		"made younger":               {with(good, func(a *domain.Approval) { a.At = now.Add(time.Hour) }), subject, now.Add(time.Hour)},
		"of an unknown key":          {with(good, func(a *domain.Approval) { a.KeyID = "a2" }), subject, now},
		"unsigned":                   {given, subject, now},
		"for another run of the job": {good, domain.ApprovalSubject("deployment-live-api", "next", "approve"), now},
		"for another word":           {good, domain.ApprovalSubject("deployment-live-api", "run", "rollback"), now},
		"an hour later":              {good, subject, now.Add(time.Hour)},
		"an hour early":              {good, subject, now.Add(-time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, domain.CodeForbidden, domain.CodeOf(keys.Check(bad.a, bad.subject, bad.at)))
		})
	}
}

func TestAnApprovalNeedsAReason(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	for _, reason := range []string{"", strings.Repeat("x", 501)} {
		_, err := domain.Approval{Subject: "s", By: "ops", Reason: reason}.Sign("a1", private)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	}
}

func with(a domain.Approval, change func(*domain.Approval)) domain.Approval {
	change(&a)
	return a
}
