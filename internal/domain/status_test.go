package domain_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestTheLifecycleHasTheseArrowsAndNoOthers(t *testing.T) {
	t.Parallel()
	const (
		requested, pending, capturing = domain.StatusRequested, domain.StatusPending, domain.StatusCapturing
		confirmed, checkedIn          = domain.StatusConfirmed, domain.StatusCheckedIn
		completed, declined           = domain.StatusCompleted, domain.StatusDeclined
		cancelled, expired            = domain.StatusCancelled, domain.StatusExpired
		noShow, archived              = domain.StatusNoShow, domain.StatusArchived
	)
	arrows := map[domain.Status][]domain.Status{
		requested: {requested, pending, expired, cancelled},
		pending:   {pending, capturing, confirmed, declined, expired, cancelled},
		capturing: {capturing, confirmed, requested, expired, cancelled},
		confirmed: {confirmed, pending, checkedIn, completed, cancelled, noShow},
		checkedIn: {checkedIn, completed, cancelled},
		completed: {noShow, archived}, declined: {archived}, cancelled: {archived}, expired: {archived},
		noShow:   {noShow, completed, archived},
		archived: {},
	}
	require.Len(t, arrows, len(domain.Statuses()))
	for _, from := range domain.Statuses() {
		for _, to := range domain.Statuses() {
			require.Equal(t, slices.Contains(arrows[from], to), from.MayBecome(to), "%s to %s", from, to)
		}
	}
}

func TestAnEndedVisitNeverLivesAgain(t *testing.T) {
	t.Parallel()
	for _, from := range domain.Statuses() {
		require.NotEqual(t, from.Live(), from.Ended())
		for _, to := range domain.Statuses() {
			if from.Ended() && to.Live() {
				require.False(t, from.MayBecome(to), "%s to %s", from, to)
			}
		}
	}
	require.False(t, domain.Status("").MayBecome(domain.StatusRequested))
	require.False(t, domain.Status("").Live())
	require.False(t, domain.Status("").MayBecome(""))
}

func TestTheLiveStatusesAreThoseThatHoldASlot(t *testing.T) {
	t.Parallel()
	var live []domain.Status
	for _, s := range domain.Statuses() {
		if s.Live() {
			live = append(live, s)
		}
	}
	require.Equal(t, []domain.Status{
		domain.StatusRequested, domain.StatusPending, domain.StatusCapturing, domain.StatusConfirmed, domain.StatusCheckedIn,
	}, live)
}

func TestACallerSeesWhatTheRolesAllow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caller domain.Caller
		want   domain.Scope
	}{
		"nobody":                       {domain.Caller{}, domain.Scope{}},
		"a patient":                    {domain.Caller{UserID: "u", Roles: []domain.Role{domain.RolePatient}}, domain.Scope{AccountID: "u"}},
		"a caregiver":                  {domain.Caller{UserID: "u", Roles: []domain.Role{domain.RoleCaregiver}}, domain.Scope{AccountID: "u"}},
		"a doctor":                     {domain.Caller{UserID: "u", Roles: []domain.Role{domain.RoleDoctor}, DoctorID: "d"}, domain.Scope{DoctorID: "d"}},
		"a doctor without a practice":  {domain.Caller{UserID: "u", Roles: []domain.Role{domain.RoleDoctor}}, domain.Scope{}},
		"a doctor's ID without a role": {domain.Caller{UserID: "u", DoctorID: "d"}, domain.Scope{}},
		"staff":                        {domain.Caller{UserID: "u", Roles: []domain.Role{domain.RoleStaff}}, domain.Scope{All: true}},
		"admin":                        {domain.Caller{UserID: "u", Roles: []domain.Role{domain.RoleAdmin}}, domain.Scope{All: true}},
		"ops see no patients":          {domain.Caller{UserID: "u", Roles: []domain.Role{domain.RoleOps}}, domain.Scope{}},
		"the widest of several": {
			domain.Caller{UserID: "u", DoctorID: "d", Roles: []domain.Role{domain.RolePatient, domain.RoleDoctor, domain.RoleStaff}}, domain.Scope{All: true},
		},
		"an unknown role": {domain.Caller{UserID: "u", Roles: []domain.Role{"root"}}, domain.Scope{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.caller.AppointmentScope())
		})
	}
	mine, practice := domain.Scope{AccountID: "u"}, domain.Scope{DoctorID: "d"}
	require.Equal(t, domain.Scope{AccountID: "u", DoctorID: "d"}, mine.Or(practice), "a list shows both")
	require.Equal(t, mine, domain.Scope{}.Or(mine))
	require.True(t, mine.Or(domain.Scope{All: true}).All)
	require.Len(t, domain.Roles(), 6)
	require.False(t, domain.Caller{}.Has(domain.Roles()...))
}
