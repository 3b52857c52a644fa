package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
)

const adminAccount = "01990000-0000-7000-8000-000000000107"

// manager is a request of someone who manages accounts.
func manager(id string, role domain.Role) domain.Access {
	return domain.Access{Caller: domain.Caller{UserID: id, Roles: []domain.Role{role}}, RequestID: "r-7"}
}

var (
	admin = manager(adminAccount, domain.RoleAdmin)
	desk  = manager(staffAccount, domain.RoleStaff)
)

func (c clinic) account(t *testing.T, email string, roles ...domain.Role) domain.AccountRecord {
	t.Helper()
	r, err := c.CreateAccount(t.Context(), admin, domain.NewAccount{
		Email: email, Name: "Nora New", Roles: roles, Locale: "de", Zone: "Europe/Berlin", PasswordHash: "hash of " + email,
	})
	require.NoError(t, err)
	return r
}

// change is a change that leaves the account as it is.
func change(r domain.AccountRecord) domain.AccountChange {
	return domain.AccountChange{ID: r.ID, Version: r.Version, Name: r.Name, Roles: r.Roles, Disabled: r.Disabled}
}

func (c clinic) record(t *testing.T, id string) domain.AccountRecord {
	t.Helper()
	r, err := c.ManagedAccount(t.Context(), admin.Caller, id)
	require.NoError(t, err)
	return r
}

func (c clinic) accountKinds(t *testing.T, id string) []string {
	t.Helper()
	events, err := c.AccountEvents(t.Context(), admin.Caller, id, 100)
	require.NoError(t, err)
	kinds := make([]string, 0, len(events))
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestAnAccountIsMadeOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	codes := atOnce(6, func(int) error {
		_, err := c.CreateAccount(t.Context(), desk, domain.NewAccount{
			Email: "Nora@Example.org", Name: "Nora", Roles: []domain.Role{domain.RolePatient}, Locale: "en", Zone: "UTC", PasswordHash: "h",
		})
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeEmailTaken: 5}, codes)
	made, err := c.AccountByEmail(t.Context(), "nora@example.org")
	require.NoError(t, err)
	require.Equal(t, []domain.Role{domain.RolePatient}, made.Roles)
	events, err := c.AccountEvents(t.Context(), desk.Caller, made.ID, 100)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, "created", events[0].Kind)
	require.Equal(t, staffAccount, events[0].ActorID)
	require.Equal(t, []domain.Role{domain.RolePatient}, events[0].Roles)
}

func TestTheFrontDeskManagesPatientsOnly(t *testing.T) {
	t.Parallel()
	c := open(t)
	list, err := c.Accounts(t.Context(), desk.Caller, domain.AccountFilter{Limit: 100})
	require.NoError(t, err)
	require.Len(t, list, 2)
	for _, id := range []string{adminAccount, staffAccount} {
		_, err = c.ManagedAccount(t.Context(), desk.Caller, id)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		_, err = c.AccountEvents(t.Context(), desk.Caller, id, 1)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(c.ResetPassword(t.Context(), desk, id, "h", now)))
		_, err = c.ChangeAccount(t.Context(), desk, domain.AccountChange{ID: id, Name: "X", Roles: []domain.Role{domain.RolePatient}}, now)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	}
	up := change(c.record(t, patientAccount))
	up.Roles = []domain.Role{domain.RolePatient, domain.RoleStaff}
	_, err = c.ChangeAccount(t.Context(), desk, up, now)
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
	_, err = c.CreateAccount(t.Context(), desk, domain.NewAccount{Email: "x@example.org", Roles: []domain.Role{domain.RoleAdmin}})
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
	_, err = c.Accounts(t.Context(), domain.Caller{UserID: patientAccount, Roles: []domain.Role{domain.RoleDoctor}}, domain.AccountFilter{Limit: 9})
	require.NoError(t, err)
	require.Zero(t, c.count(t, "users WHERE email = 'x@example.org'"))
}

func TestAccountsAreFound(t *testing.T) {
	t.Parallel()
	c := open(t)
	odd := c.account(t, "percent@example.org", domain.RolePatient, domain.RoleDoctor)
	off := change(odd)
	off.Name, off.Disabled = "100% Odd_Name", true
	_, err := c.ChangeAccount(t.Context(), admin, off, now)
	require.NoError(t, err)
	yes, no := true, false
	for name, q := range map[string]struct {
		filter domain.AccountFilter
		want   int
	}{
		"all":                {domain.AccountFilter{}, 9},
		"a name in any case": {domain.AccountFilter{Text: "LINDNER"}, 1},
		"part of an address": {domain.AccountFilter{Text: "doctor."}, 2},
		"no pattern":         {domain.AccountFilter{Text: "%"}, 1},
		"no pattern either":  {domain.AccountFilter{Text: "_"}, 1},
		"a role":             {domain.AccountFilter{Role: domain.RoleDoctor}, 4},
		"disabled":           {domain.AccountFilter{Disabled: &yes}, 1},
		"active":             {domain.AccountFilter{Disabled: &no}, 8},
		"nobody":             {domain.AccountFilter{Text: "nobody"}, 0},
	} {
		q.filter.Limit = 100
		list, err := c.Accounts(t.Context(), admin.Caller, q.filter)
		require.NoError(t, err)
		require.Len(t, list, q.want, name)
	}
	var seen []string
	for after := ""; ; after = seen[len(seen)-1] {
		page, err := c.Accounts(t.Context(), admin.Caller, domain.AccountFilter{AfterID: after, Limit: 4})
		require.NoError(t, err)
		for _, r := range page {
			seen = append(seen, r.ID)
		}
		if len(page) < 4 {
			break
		}
	}
	require.Len(t, seen, 9)
	require.Equal(t, odd.ID, seen[0], "newest first")
}

func TestAChangeIsMadeOnTheVersionThatWasRead(t *testing.T) {
	t.Parallel()
	c := open(t)
	r := c.account(t, "nora@example.org", domain.RolePatient)
	codes := atOnce(5, func(int) error {
		next := change(r)
		next.Roles = []domain.Role{domain.RolePatient, domain.RoleCaregiver}
		_, err := c.ChangeAccount(t.Context(), admin, next, now)
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeStale: 4}, codes)
	require.Equal(t, r.Version+1, c.record(t, r.ID).Version)
	require.Equal(t, []string{"roles_changed", "created"}, c.accountKinds(t, r.ID))
	require.Equal(t, adminAccount+" r-7", one[string](t, c, "SELECT actor_id || ' ' || request_id FROM account_events WHERE kind = 'roles_changed'"))
}

func TestDisablingEndsSessionsAndKeepsLogInsOut(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := c.logIn(t, patientAccount)
	off := change(c.record(t, patientAccount))
	off.Disabled = true
	got, err := c.ChangeAccount(t.Context(), desk, off, now)
	require.NoError(t, err)
	require.True(t, got.Disabled)
	_, err = c.trade(t, d.token, now)
	refused(t, err)
	require.Equal(t, "disabled", one[string](t, c, "SELECT end_reason FROM sessions WHERE id = $1", d.id))

	on := change(got)
	on.Disabled = false
	_, err = c.ChangeAccount(t.Context(), desk, on, now)
	require.NoError(t, err)
	_, err = c.trade(t, d.token, now)
	refused(t, err)
	c.logIn(t, patientAccount)
	require.Equal(t, []string{"enabled", "disabled"}, c.accountKinds(t, patientAccount))
}

// A log-in whose password was right just before its account was disabled is over as well.
func TestALogInBesideADisablingLeavesNoSession(t *testing.T) {
	t.Parallel()
	c := open(t)
	for range 10 {
		r := c.account(t, domain.NewID()+"@example.org", domain.RolePatient)
		hash := c.password(t, r.ID)
		atOnce(4, func(i int) error {
			if i == 0 {
				off := change(r)
				off.Disabled = true
				_, err := c.ChangeAccount(t.Context(), admin, off, now)
				return err
			}
			_, err := c.OpenSession(t.Context(), domain.NewSession{
				AccountID: r.ID, PasswordHash: hash, TokenHash: auth.NewRefreshToken().Hash(), Now: now,
			})
			return err
		})
		require.True(t, c.record(t, r.ID).Disabled)
		require.Zero(t, c.count(t, "sessions WHERE user_id = $1 AND ended_at IS NULL", r.ID))
	}
}

func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, less := range []func(*domain.AccountChange){
		func(a *domain.AccountChange) { a.Disabled = true },
		func(a *domain.AccountChange) { a.Roles = []domain.Role{domain.RoleStaff} },
	} {
		last := change(c.record(t, adminAccount))
		less(&last)
		_, err := c.ChangeAccount(t.Context(), admin, last, now)
		require.Equal(t, domain.CodeLastAdmin, domain.CodeOf(err))
	}
	disabled := c.account(t, "off@example.org", domain.RoleAdmin)
	off := change(disabled)
	off.Disabled = true
	_, err := c.ChangeAccount(t.Context(), admin, off, now)
	require.NoError(t, err)
	last := change(c.record(t, adminAccount))
	last.Disabled = true
	_, err = c.ChangeAccount(t.Context(), admin, last, now)
	require.Equal(t, domain.CodeLastAdmin, domain.CodeOf(err), "a disabled admin does not count")
	require.Equal(t, []string{"disabled", "created"}, c.accountKinds(t, disabled.ID))
}

// Admins who take each other away at the same instant: one stays, whoever is first.
func TestAdminsWhoTakeEachOtherAwayLeaveOne(t *testing.T) {
	t.Parallel()
	c := open(t)
	for round := range 5 {
		c.exec(t, "UPDATE users SET roles = '{staff}' WHERE 'admin' = ANY (roles)")
		admins := make([]domain.AccountRecord, 4)
		for i := range admins {
			admins[i] = c.account(t, domain.NewID()+"@example.org", domain.RoleAdmin)
		}
		codes := atOnce(len(admins), func(i int) error {
			next := change(admins[(i+1)%len(admins)])
			if i%2 == round%2 {
				next.Disabled = true
			} else {
				next.Roles = []domain.Role{domain.RolePatient}
			}
			_, err := c.ChangeAccount(t.Context(), manager(admins[i].ID, domain.RoleAdmin), next, now)
			return err
		})
		require.Equal(t, map[domain.Code]int{"": len(admins) - 1, domain.CodeLastAdmin: 1}, codes)
		require.Equal(t, 1, c.count(t, "users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL"))
	}
}

func TestANewPasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	c := open(t)
	here, there := c.logIn(t, patientAccount), c.logIn(t, patientAccount)
	old := c.password(t, patientAccount)
	own := domain.Access{Caller: domain.Caller{UserID: patientAccount, SessionID: here.id}, RequestID: "r"}
	require.NoError(t, c.ReplacePassword(t.Context(), own, old, "new hash", now))
	require.Equal(t, "new hash", c.password(t, patientAccount))
	here.must(t, now)
	_, err := c.trade(t, there.token, now)
	refused(t, err)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(c.ReplacePassword(t.Context(), own, old, "h", now)))
	_, err = c.OpenSession(t.Context(), domain.NewSession{AccountID: patientAccount, PasswordHash: old, TokenHash: []byte("t"), Now: now})
	refused(t, err)

	require.NoError(t, c.ResetPassword(t.Context(), desk, patientAccount, "handed over", now))
	_, err = c.trade(t, here.token, now)
	refused(t, err)
	require.Equal(t, []string{"password_reset", "password_changed"}, c.accountKinds(t, patientAccount))
}

func TestTheHistoryOfAccountsHasNoRoomForNames(t *testing.T) {
	t.Parallel()
	c := open(t)
	for table, want := range map[string][]string{
		"account_events": {"id", "account_id", "kind", "actor_id", "roles", "request_id", "at"},
		"login_attempts": {"subject", "attempts", "window_ends_at"},
	} {
		rows, err := c.db.Query(t.Context(), "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position", table)
		require.NoError(t, err)
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Equal(t, want, got, table)
	}
}

func TestTheFirstAdminIsMadeOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	first := func(int) error {
		_, err := c.CreateFirstAdmin(t.Context(), domain.NewAccount{
			Email: domain.NewID() + "@example.org", Name: "A", Roles: []domain.Role{domain.RoleAdmin}, Locale: "en", Zone: "UTC", PasswordHash: "h",
		})
		return err
	}
	require.Equal(t, domain.CodeConflict, domain.CodeOf(first(0)), "the seeded one")
	c.exec(t, "UPDATE users SET disabled_at = now() WHERE id = $1", adminAccount)
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeConflict: 4}, atOnce(5, first))
	require.Equal(t, 1, c.count(t, "users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL"))
	require.Equal(t, 1, c.count(t, "account_events WHERE kind = 'created' AND actor_id IS NULL"))
}
