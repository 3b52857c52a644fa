package postgres_test

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func newLink() domain.NewLink {
	id := domain.NewID()
	hash := sha256.Sum256([]byte(id))
	return domain.NewLink{MessageID: id, KeyID: "k1", Hash: hash[:]}
}

func registering(email, password string) domain.Registration {
	return domain.Registration{
		Email: email, PasswordHash: password, Locale: "de",
		Patient: domain.Patient{Name: "Nora New", Relation: "self", DateOfBirth: "1990-05-17", Phone: "+49 30 1", Zone: "Europe/Berlin"},
	}
}

const nora = "nora@new.example"

func (c clinic) registered(t *testing.T, password string) domain.NewLink {
	t.Helper()
	link := newLink()
	require.NoError(t, c.Register(t.Context(), registering(nora, password), link, now))
	return link
}

func (c clinic) verify(t *testing.T, link domain.NewLink, password string, at time.Time) domain.Code {
	t.Helper()
	return domain.CodeOf(c.VerifyEmail(t.Context(), link.Hash, password, domain.Access{}, at))
}

func TestARegisteredAccountWaitsForItsLink(t *testing.T) {
	t.Parallel()
	c := open(t)
	link := c.registered(t, "h1")
	account, err := c.AccountByEmail(t.Context(), nora)
	require.NoError(t, err)
	require.True(t, account.Unverified)
	require.Equal(t, []domain.Role{domain.RolePatient}, account.Roles)
	session := domain.NewSession{AccountID: account.ID, PasswordHash: "h1", TokenHash: []byte("t"), Now: now}
	_, err = c.OpenSession(t.Context(), session)
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))

	require.Equal(t, domain.CodeLinkExpired, c.verify(t, newLink(), "h1", now))
	require.Equal(t, domain.CodeLinkExpired, c.verify(t, link, "another", now), "the password changed since it was checked")
	require.Equal(t, domain.CodeLinkExpired, c.verify(t, link, "h1", now.Add(24*time.Hour)))
	require.Equal(t, 0, c.count(t, "patients WHERE account_id = $1", account.ID))
	require.Empty(t, c.verify(t, link, "h1", now.Add(24*time.Hour-time.Second)))
	require.Equal(t, domain.CodeLinkExpired, c.verify(t, link, "h1", now))

	patients, err := c.Patients(t.Context(), account.ID)
	require.NoError(t, err)
	require.Len(t, patients, 1)
	want := registering(nora, "").Patient
	want.ID, want.AccountID, want.Version = patients[0].ID, account.ID, 1
	require.Equal(t, want, patients[0])
	require.Equal(t, 0, c.count(t, "registrations"))
	_, err = c.OpenSession(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, 0, c.count(t, "account_messages WHERE kind = 'login_alert'"), "the very first log-in is no news")
}

func TestALinkIsUsedOnceByOneOfMany(t *testing.T) {
	t.Parallel()
	c := open(t)
	link := newLink()
	require.NoError(t, c.SendLink(t.Context(), domain.MessagePasswordReset, "patient@careflow.example", link, now))
	var done sync.WaitGroup
	var mu sync.Mutex
	codes := map[domain.Code]int{}
	for n := range 8 {
		done.Go(func() {
			code := domain.CodeOf(c.RedeemReset(t.Context(), link.Hash, fmt.Sprint("new-", n), domain.Access{}, now))
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	done.Wait()
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeLinkExpired: 7}, codes)
	require.Equal(t, 1, c.count(t, "account_messages WHERE kind = 'password_changed'"))
}

func TestRegisteringAgainReplacesWhatWasSaidAndTheLink(t *testing.T) {
	t.Parallel()
	c := open(t)
	older := c.registered(t, "h1")
	newer := newLink()
	again := registering(nora, "h2")
	again.Patient.Name, again.Patient.Phone = "Nora Newer", ""
	require.NoError(t, c.Register(t.Context(), again, newer, now))
	require.Equal(t, 1, c.count(t, "users WHERE email = $1", nora))
	require.Equal(t, domain.CodeLinkExpired, c.verify(t, older, "h2", now))
	require.Empty(t, c.verify(t, newer, "h2", now))
	require.Equal(t, 1, c.count(t, "patients WHERE name = 'Nora Newer' AND phone IS NULL"))

	require.NoError(t, c.Register(t.Context(), registering(nora, "h3"), newLink(), now))
	account, err := c.AccountByEmail(t.Context(), nora)
	require.NoError(t, err)
	require.Equal(t, "h2", account.PasswordHash, "an account that is verified is not touched")
	due, err := c.NextAccountMessage(t.Context(), account.ID, now)
	require.NoError(t, err)
	require.NoError(t, c.SettleAccountMessage(t.Context(), due.ID, domain.MessageSent, "v", "", false))
	due, err = c.NextAccountMessage(t.Context(), account.ID, now)
	require.NoError(t, err)
	require.Nil(t, due)
	require.Equal(t, 1, c.count(t, "account_messages WHERE kind = 'account_exists' AND status = 'sent'"))
	require.Equal(t, 2, c.count(t, "account_messages WHERE kind = 'verify_email' AND status = 'skipped' AND error_code = 'overtaken'"),
		"a letter whose link is over is not sent any more")
}

func TestLinksAreSentToThoseWhoNeedThemOnly(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, "UPDATE users SET disabled_at = now() WHERE email = 'caregiver@careflow.example'")
	for email, kind := range map[string]domain.AccountMessageKind{
		"nobody@careflow.example": domain.MessagePasswordReset, "caregiver@careflow.example": domain.MessagePasswordReset,
		"patient@careflow.example": domain.MessageVerifyEmail,
	} {
		require.NoError(t, c.SendLink(t.Context(), kind, email, newLink(), now))
	}
	require.NoError(t, c.Register(t.Context(), registering("caregiver@careflow.example", "h"), newLink(), now))
	require.Equal(t, 0, c.count(t, "account_messages"))
	require.Equal(t, 0, c.count(t, "outbox"))
}

func TestANewPasswordEndsEverythingThatCouldSetAnother(t *testing.T) {
	t.Parallel()
	c := open(t)
	hash := one[string](t, c, "SELECT password_hash FROM users WHERE id = $1", patientAccount)
	opened, err := c.OpenSession(t.Context(), domain.NewSession{AccountID: patientAccount, PasswordHash: hash, TokenHash: []byte("t"), Now: now})
	require.NoError(t, err)
	link := newLink()
	require.NoError(t, c.SendLink(t.Context(), domain.MessagePasswordReset, "patient@careflow.example", link, now))
	by := domain.Access{Caller: domain.Caller{UserID: patientAccount, SessionID: opened.ID}}
	require.NoError(t, c.ReplacePassword(t.Context(), by, hash, "new", now))
	require.Equal(t, domain.CodeLinkExpired, domain.CodeOf(c.RedeemReset(t.Context(), link.Hash, "evil", domain.Access{}, now)))

	reset := newLink()
	require.NoError(t, c.SendLink(t.Context(), domain.MessagePasswordReset, "patient@careflow.example", reset, now))
	require.Equal(t, domain.CodeLinkExpired, c.verify(t, reset, "new", now), "made for something else")
	require.NoError(t, c.RedeemReset(t.Context(), reset.Hash, "newer", domain.Access{Caller: domain.Caller{UserID: patientAccount}}, now))
	_, err = c.SessionCaller(t.Context(), opened.ID, now)
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
	require.Equal(t, 2, c.count(t, "account_messages WHERE kind = 'password_changed'"))
}

func TestAResetConfirmsTheAddressItCameThrough(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.registered(t, "forgotten")
	link := newLink()
	require.NoError(t, c.SendLink(t.Context(), domain.MessagePasswordReset, nora, link, now))
	require.NoError(t, c.RedeemReset(t.Context(), link.Hash, "new", domain.Access{}, now))
	account, err := c.AccountByEmail(t.Context(), nora)
	require.NoError(t, err)
	require.False(t, account.Unverified)
	require.Equal(t, 1, c.count(t, "patients WHERE account_id = $1", account.ID))
}

func TestAccountsThatNobodyVerifiesAreForgotten(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.registered(t, "h1")
	other := registering("other@new.example", "h")
	require.NoError(t, c.Register(t.Context(), other, newLink(), now.Add(domain.RegistrationKept)))
	require.Equal(t, 1, c.count(t, "users WHERE email = $1", nora))
	require.NoError(t, c.Register(t.Context(), other, newLink(), now.Add(domain.RegistrationKept+time.Second)))
	require.Equal(t, 0, c.count(t, "users WHERE email = $1", nora))
	require.Equal(t, 0, c.count(t, "account_messages m WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = m.account_id)"))
	require.Equal(t, 1, c.count(t, "users WHERE email = 'other@new.example'"))
}

func TestRequestsForLettersAreBounded(t *testing.T) {
	t.Parallel()
	c := open(t)
	ask := func(address, network string, at time.Time) domain.Code {
		return domain.CodeOf(c.Allow(t.Context(), []domain.Allowance{{Subject: []byte(address), Most: 2}, {Subject: []byte(network), Most: 3}}, at))
	}
	require.Empty(t, ask("a", "n", now))
	require.Empty(t, ask("a", "n", now))
	require.Equal(t, domain.CodeTooMany, ask("a", "m", now))
	require.Empty(t, ask("b", "n", now))
	require.Equal(t, domain.CodeTooMany, ask("c", "n", now))
	require.Empty(t, ask("a", "n", now.Add(domain.RequestWindow)), "a window ends")
}

func TestAnAccountOfTheFrontDeskIsVerifiedAndAPatient(t *testing.T) {
	t.Parallel()
	c := open(t)
	by := domain.Access{Caller: staff}
	made, err := c.CreateAccount(t.Context(), by, domain.NewAccount{
		Email: "made@new.example", Name: "Max Made", Roles: []domain.Role{domain.RolePatient}, Locale: "de", Zone: "Europe/Berlin", PasswordHash: "h",
	})
	require.NoError(t, err)
	require.True(t, made.Verified)
	require.Equal(t, 1, c.count(t, "patients WHERE account_id = $1 AND relation = 'self' AND name = 'Max Made' AND time_zone = 'Europe/Berlin'", made.ID))

	carer, err := c.CreateAccount(t.Context(), by, domain.NewAccount{
		Email: "carer@new.example", Name: "Cara", Roles: []domain.Role{domain.RoleCaregiver}, Locale: "de", Zone: "Europe/Berlin", PasswordHash: "h",
	})
	require.NoError(t, err)
	require.Equal(t, 0, c.count(t, "patients WHERE account_id = $1", carer.ID))
	for range 2 {
		_, err = c.ChangeAccount(t.Context(), by, domain.AccountChange{ID: carer.ID, Name: "Cara", Roles: []domain.Role{domain.RoleCaregiver, domain.RolePatient}}, now)
		require.NoError(t, err)
	}
	require.Equal(t, 1, c.count(t, "patients WHERE account_id = $1", carer.ID))

	c.registered(t, "h1")
	account, err := c.AccountByEmail(t.Context(), nora)
	require.NoError(t, err)
	require.NoError(t, c.ResetPassword(t.Context(), by, account.ID, "by hand", now))
	account, err = c.AccountByEmail(t.Context(), nora)
	require.NoError(t, err)
	require.False(t, account.Unverified, "the front desk has seen who it is")
}
