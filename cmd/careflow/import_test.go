package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/roster"
	"github.com/careflow/careflow/internal/testkit"
)

func TestImportingDoctorsFromTheCommandLine(t *testing.T) {
	environ := []string{"CAREFLOW_ENV=development", "CAREFLOW_DATABASE_URL=" + testkit.Database(t)}
	file := filepath.Join(t.TempDir(), "doctors.csv")
	write := func(list string) { require.NoError(t, os.WriteFile(file, []byte(list), 0o600)) }

	write("name;email;fee;currency\nDr. New;new@clinic.example;80,00;EUR\n")
	tried := careflow(t.Context(), environ, "import", file)
	require.Zero(t, tried.code, tried.errors)
	require.Equal(t, "1 new, 0 changed, 0 unchanged\nNothing was saved: this was a trial. Run it again with --apply.\n", tried.out)
	applied := careflow(t.Context(), environ, "import", "--apply", file)
	require.Equal(t, "1 new, 0 changed, 0 unchanged\n", applied.out, applied.errors)
	require.Equal(t, "0 new, 0 changed, 1 unchanged\n", careflow(t.Context(), environ, "import", file, "--apply").out)

	write("name,email,time_zone\nDr. Fine,new@clinic.example,\n,x@clinic.example,\nDr. Lost,y@clinic.example,Mars\n")
	bad := careflow(t.Context(), environ, "import", "--apply", file)
	require.Equal(t, exitFailed, bad.code)
	require.Equal(t, "line 3: name is empty\nline 4: the time zone is an IANA name such as Europe/Berlin\n", bad.out)
	require.Contains(t, bad.errors, "nothing was saved")
	require.NotContains(t, bad.out+bad.errors, "clinic.example")
}

func TestNamingTheClinicFromTheCommandLine(t *testing.T) {
	environ := []string{"CAREFLOW_ENV=development", "CAREFLOW_DATABASE_URL=" + testkit.Database(t)}
	r := careflow(t.Context(), environ, "clinic", "--name", "Praxis", "--time-zone", "Europe/Berlin")
	require.Equal(t, "clinic changed\n", r.out, r.errors)
	for _, args := range [][]string{{"clinic"}, {"clinic", "--name", "x"}, {"clinic", "--name", "x", "--time-zone", "Mars"}, {"import"}, {"import", "/does/not/exist.csv"}} {
		require.Equal(t, exitMistaken, careflow(t.Context(), environ, args...).code, args)
	}
}

func TestTheHelpOfImportListsEveryColumn(t *testing.T) {
	help := careflow(t.Context(), nil, "import", "--help")
	for _, c := range roster.Columns() {
		require.Contains(t, help.out, "  "+c.Name)
	}
}
