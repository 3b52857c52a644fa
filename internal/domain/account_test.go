package domain

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhoManagesWhoseAccounts(t *testing.T) {
	admin, staff := Caller{Roles: []Role{RoleAdmin}}, Caller{Roles: []Role{RoleStaff, RolePatient}}
	for _, role := range Roles() {
		require.True(t, admin.MayGive([]Role{role}))
		require.Equal(t, role == RolePatient || role == RoleCaregiver, staff.MayGive([]Role{role}), role)
		require.False(t, Caller{Roles: []Role{RoleDoctor, RoleOps, RolePatient}}.MayGive([]Role{role}))
	}
	require.False(t, staff.MayGive([]Role{RolePatient, RoleAdmin}))
}
