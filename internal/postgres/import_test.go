package postgres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/roster"
)

func (c clinic) importList(t *testing.T, list string, apply bool) domain.ImportReport {
	t.Helper()
	lines, faults, err := roster.Parse(strings.NewReader(list))
	require.NoError(t, err)
	require.Empty(t, faults)
	report, err := c.ImportDoctors(t.Context(), lines, apply, now)
	require.NoError(t, err)
	return report
}

const list = `name,external_id,email,speciality,fee,currency,active
Dr. Ada Berger,B-1,doctor@careflow.example,Dermatology,90,EUR,
Dr. New,N-1,new@clinic.example,Urology,70.50,EUR,no
Dr. Noah Reed,,doctor.ny@careflow.example,,,,
`

func TestAnImportIsTriedFirstAndCanBeRunAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	want := domain.ImportReport{Created: 1, Updated: 1, Unchanged: 1}
	require.Equal(t, want, c.importList(t, list, false))
	require.Equal(t, 3, c.count(t, "doctors"), "a trial saves nothing")
	require.Equal(t, want, c.importList(t, list, true))
	require.Equal(t, domain.ImportReport{Unchanged: 3}, c.importList(t, list, true))

	berger, err := c.Doctor(t.Context(), seed.DoctorID)
	require.NoError(t, err)
	require.Equal(t, int64(9000), berger.ConsultationFee.Minor)
	require.Equal(t, "B-1", berger.ExternalID)
	require.Equal(t, []string{"de", "en"}, berger.Languages, "what the list does not say stays")
	require.Equal(t, 2, berger.Version)
	require.Equal(t, 1, c.count(t, "doctors WHERE id = $1 AND user_id IS NOT NULL", seed.DoctorID))
	require.Equal(t, 1, c.count(t, "doctors JOIN doctor_schedules ON doctor_id = id WHERE external_id = 'N-1' AND NOT active AND time_zone = 'Europe/Berlin'"))

	again := c.importList(t, "name,external_id,email\nDr. Newer,N-1,newer@clinic.example\n", true)
	require.Equal(t, domain.ImportReport{Updated: 1}, again, "found by the external ID, the address may change")
	require.Equal(t, 1, c.count(t, "doctors WHERE email = 'newer@clinic.example' AND fee_minor = 7050"))
}

func TestOneBadLineKeepsTheWholeListOut(t *testing.T) {
	t.Parallel()
	c := open(t)
	require.Equal(t, 1, c.importList(t, "name,external_id,email,fee,currency\nDr. B,B-1,doctor@careflow.example,1,EUR\n", true).Updated)
	report := c.importList(t, `name,external_id,email,fee,currency,time_zone,practising_since
Dr. Good,G-1,,70,EUR,,
Dr. Zone,Z-1,,70,EUR,Mars/Olympus,
Dr. Fee,F-1,,,,,
Dr. Year,Y-1,,70,EUR,,2099
Dr. Mixed,B-1,doctor.ny@careflow.example,,,,
Dr. Other,B-2,doctor@careflow.example,,,,
`, true)
	got := map[int]string{}
	for _, f := range report.Faults {
		got[f.Line] = f.Reason
	}
	require.Len(t, got, 5)
	require.Contains(t, got[3], "IANA")
	require.Contains(t, got[4], "ISO 4217")
	require.Contains(t, got[5], "practising_since")
	require.Equal(t, "external_id is one doctor's and email another's", got[6])
	require.Equal(t, "email is that of a doctor with another external_id", got[7])
	require.Equal(t, 3, c.count(t, "doctors"))
}

func TestAnImportNeedsAClinic(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, "TRUNCATE clinics CASCADE")
	_, err := c.ImportDoctors(t.Context(), nil, true, now)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	created, err := c.SetClinic(t.Context(), domain.Clinic{Name: "First", Zone: "Asia/Kolkata"})
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, domain.ImportReport{Created: 1}, c.importList(t, "name,email,fee,currency\nDr. A,a@b.test,500,INR\n", true))
	require.Equal(t, 1, c.count(t, "doctors WHERE time_zone = 'Asia/Kolkata' AND fee_minor = 50000"))
}
