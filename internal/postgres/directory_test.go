package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// rendered answers with the ID of something new.
func rendered[T any](id func(T) string) func(T) (domain.StoredResponse, error) {
	return func(v T) (domain.StoredResponse, error) {
		return domain.StoredResponse{Status: 201, Body: []byte(id(v))}, nil
	}
}

func newType() domain.AppointmentType {
	minutes := func(n int) domain.Duration { return domain.Duration(time.Duration(n) * time.Minute) }
	t := domain.AppointmentType{
		ID: domain.NewID(), DoctorID: seed.DoctorID, Name: "Check-up", Mode: domain.Telehealth, Active: true, Terms: domain.DefaultTerms(),
		Rules: domain.SlotRules{Duration: minutes(20), Step: minutes(10), MinimumNotice: minutes(5), BookingWindow: minutes(30 * 24 * 60)},
	}
	t.Terms.Reminders, t.Terms.RefundTiers, t.Terms.NoShowFeeShare = []domain.Duration{}, []domain.RefundTier{}, 0
	return t
}

func (c clinic) addType(t *testing.T, typ domain.AppointmentType, key domain.IdempotencyKey) (replayed bool) {
	t.Helper()
	_, replayed, err := c.CreateAppointmentType(t.Context(), typ, key, rendered(func(t domain.AppointmentType) string { return t.ID }))
	require.NoError(t, err)
	return replayed
}

func TestAnAppointmentTypeIsReadAsItWasSaved(t *testing.T) {
	t.Parallel()
	c := open(t)
	typ, key := newType(), newKey(staff)
	typ.JoinURL = "https://video.example/room"
	require.False(t, c.addType(t, typ, key))
	require.True(t, c.addType(t, typ, key), "sent again, it is not added again")
	got, err := c.AppointmentType(t.Context(), seed.DoctorID, typ.ID)
	require.NoError(t, err)
	typ.Version = 1
	typ.Terms.Price, typ.Terms.Zone, typ.Terms.ZoneVersion = domain.Money{Minor: 8000, Currency: "EUR"}, "Europe/Berlin", domain.ZoneVersion()
	typ.Terms.Mode = typ.Mode // like price and zone, it comes with each booking
	require.Equal(t, typ, got, "nothing of what is nothing becomes a default")

	typ.OwnPrice, typ.Active, typ.JoinURL = &domain.Money{Currency: "CHF"}, false, ""
	got, err = c.UpdateAppointmentType(t.Context(), typ, 1)
	require.NoError(t, err)
	typ.Version, typ.Terms.Price = 2, *typ.OwnPrice
	require.Equal(t, typ, got)
	_, err = c.UpdateAppointmentType(t.Context(), typ, 1)
	require.Equal(t, domain.CodeStale, domain.CodeOf(err))
	typ.DoctorID = seed.DoctorNYID
	_, err = c.UpdateAppointmentType(t.Context(), typ, 0)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "not another doctor's")
	_, _, err = c.CreateAppointmentType(t.Context(), domain.AppointmentType{DoctorID: domain.NewID()}, newKey(staff), nil)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	_, _, err = c.CreateAppointmentType(t.Context(), domain.AppointmentType{DoctorID: seed.DoctorID}, newKey(staff), nil)
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))

	active, err := c.AppointmentTypes(t.Context(), seed.DoctorID, false)
	require.NoError(t, err)
	all, err := c.AppointmentTypes(t.Context(), seed.DoctorID, true)
	require.NoError(t, err)
	require.Len(t, all, len(active)+1)
}

func TestAChangeOfATypeNeverTouchesABookedVisit(t *testing.T) {
	t.Parallel()
	c := open(t)
	typ := newType()
	typ.OwnPrice = &domain.Money{Minor: 5000, Currency: "EUR"}
	c.addType(t, typ, newKey(staff))
	request := visit(nine)
	request.TypeID = typ.ID
	id := c.book(t, patient, request)
	before := c.row(t, id)

	typ.Name, typ.OwnPrice.Minor, typ.Rules.Duration, typ.Terms.NoShowFeeShare = "Renamed", 9900, domain.Duration(time.Hour), 100
	typ.Terms.BufferAfter, typ.Active = domain.Duration(time.Hour), false
	_, err := c.UpdateAppointmentType(t.Context(), typ, 1)
	require.NoError(t, err)
	doctor, err := c.Doctor(t.Context(), seed.DoctorID)
	require.NoError(t, err)
	doctor.ConsultationFee.Minor, doctor.Zone = 1, "Asia/Kolkata"
	_, err = c.UpdateDoctor(t.Context(), doctor, doctor.Version)
	require.NoError(t, err)

	after := c.row(t, id)
	require.Equal(t, before.Terms, after.Terms)
	require.Equal(t, before.Visit, after.Visit)
	require.Equal(t, "2031-03-04T09:00:00+01:00", one[string](t, c, "SELECT local_start FROM appointments WHERE id = $1", id))
	request.StartsAt = later(1)
	require.Equal(t, domain.CodeDoctorInactive, c.refused(t, staff, request), "an inactive type takes no bookings")
}

func (c clinic) names(t *testing.T, f domain.DoctorFilter) []string {
	t.Helper()
	doctors, err := c.Doctors(t.Context(), f, domain.DoctorPage{Limit: 100})
	require.NoError(t, err)
	names := []string{}
	for _, d := range doctors {
		names = append(names, d.Name)
	}
	return names
}

func TestDoctorsAreFoundWhateverTheCaseAndTheAccents(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i, name := range []string{"Dr. Zoë Müller", "Dr. José Ñandú", "Dr. 100% Sure", "Dr. Łukasz Żak"} {
		c.addDoctor(t, domain.Doctor{Name: name, Speciality: "Pédiatrie", Active: i != 2})
	}
	for search, want := range map[string][]string{
		"zoe": {"Dr. Zoë Müller"}, "MULLER": {"Dr. Zoë Müller"}, "müll": {"Dr. Zoë Müller"}, " nandu ": {"Dr. José Ñandú"},
		"lukasz zak": {"Dr. Łukasz Żak"}, "%": {}, "_": {}, `\`: {}, "nobody": {},
	} {
		require.Equal(t, want, c.names(t, domain.DoctorFilter{Name: search}), search)
	}
	require.Equal(t, []string{"Dr. 100% Sure"}, c.names(t, domain.DoctorFilter{Name: "0% s", InactiveToo: true}))
	require.Len(t, c.names(t, domain.DoctorFilter{Speciality: "PEDIATRIE"}), 3)
	require.Equal(t, []string{"Dr. Ada Berger"}, c.names(t, domain.DoctorFilter{Speciality: "derma", Name: "ada"}))
}

func (c clinic) addDoctor(t *testing.T, d domain.Doctor) domain.Doctor {
	t.Helper()
	d.ID = domain.NewID()
	if d.Zone == "" {
		d.Zone, d.ConsultationFee = "Europe/Berlin", domain.Money{Minor: 100, Currency: "EUR"}
	}
	_, _, err := c.CreateDoctor(t.Context(), d, newKey(staff), rendered(func(d domain.Doctor) string { return d.ID }))
	require.NoError(t, err)
	d, err = c.Doctor(t.Context(), d.ID)
	require.NoError(t, err)
	return d
}

func TestPagesOfDoctorsMissNobody(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i := range 7 {
		c.addDoctor(t, domain.Doctor{Name: fmt.Sprintf("Dr. Same Name %d", i/4), Active: true})
	}
	seen := map[string]bool{}
	page := domain.DoctorPage{Limit: 3}
	for {
		doctors, err := c.Doctors(t.Context(), domain.DoctorFilter{}, page)
		require.NoError(t, err)
		for _, d := range doctors {
			require.False(t, seen[d.ID], d.Name)
			seen[d.ID] = true
			page.AfterName, page.AfterID = d.Name, d.ID
		}
		if len(doctors) < page.Limit {
			break
		}
	}
	require.Len(t, seen, 7+3)
}

func TestADoctorIsReadAsSavedAndEditedByVersion(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := domain.Doctor{
		Name: "Dr. New", Speciality: "Urology", Degree: "MD", PractisingSince: 2009, About: "About", Address: "Street 1",
		PictureURL: "https://clinic.example/new.jpg", Languages: []string{"de", "en"}, Active: true, Zone: "Asia/Kolkata",
		Email: "new@clinic.example", ExternalID: "N-1", ConsultationFee: domain.Money{Minor: 500, Currency: "INR"},
	}
	saved := c.addDoctor(t, d)
	d.ID, d.Version = saved.ID, 1
	require.Equal(t, d, saved)
	_, err := c.Timetable(t.Context(), d.ID, domain.Window{Start: now, End: now})
	require.NoError(t, err, "a schedule of its own")

	d.PractisingSince, d.Languages, d.ExternalID = 0, []string{}, ""
	got, err := c.UpdateDoctor(t.Context(), d, 1)
	require.NoError(t, err)
	d.Version = 2
	require.Equal(t, d, got)
	_, err = c.UpdateDoctor(t.Context(), d, 1)
	require.Equal(t, domain.CodeStale, domain.CodeOf(err))
	_, err = c.UpdateDoctor(t.Context(), domain.Doctor{ID: domain.NewID()}, 0)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))

	d.ID = domain.NewID()
	_, _, err = c.CreateDoctor(t.Context(), d, newKey(staff), nil)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "two doctors with one address")
}

func TestADoctorsLogInIsTheAccountWithTheAddressAndTheRole(t *testing.T) {
	t.Parallel()
	c := open(t)
	accounts, _ := c.people(t, 1) // p0@example.org, a patient
	d := c.addDoctor(t, domain.Doctor{Name: "Dr. New", Email: "p0@example.org"})
	logIn := func() string {
		a, err := c.AccountByID(t.Context(), accounts[0])
		require.NoError(t, err)
		return a.DoctorID
	}
	require.Empty(t, logIn(), "a patient's account does not become a doctor's by its address")
	_, err := c.UpdateDoctor(t.Context(), d, 0)
	require.NoError(t, err)
	require.Empty(t, logIn())
	c.exec(t, "UPDATE users SET roles = '{patient,doctor}' WHERE id = $1", accounts[0])
	require.Equal(t, d.ID, logIn(), "the account came after the doctor")
	other := d
	other.Email = ""
	_, err = c.UpdateDoctor(t.Context(), other, 0)
	require.NoError(t, err)
	require.Empty(t, logIn(), "without an address, without a log-in")
	_, err = c.UpdateDoctor(t.Context(), d, 0)
	require.NoError(t, err)
	require.Equal(t, d.ID, logIn(), "the doctor came after the account")
	late := domain.NewID()
	unlinked := c.addDoctor(t, domain.Doctor{Name: "Dr. Late", Email: "late@example.org"})
	c.exec(t, "INSERT INTO users (id, email, name, password_hash, roles) VALUES ($1, 'late@example.org', 'L', '', '{doctor}')", late)
	require.Equal(t, unlinked.ID, one[string](t, c, "SELECT id::text FROM doctors WHERE user_id = $1", late))
	c.exec(t, "UPDATE users SET email = 'late2@example.org', roles = '{doctor,staff}' WHERE id = $1", late)

	berger, err := c.Doctor(t.Context(), seed.DoctorID)
	require.NoError(t, err)
	require.Equal(t, "doctor@careflow.example", berger.Email, "the log-in that is linked")
	_, err = c.UpdateDoctor(t.Context(), berger, 0)
	require.NoError(t, err)
	require.Equal(t, 1, c.count(t, "doctors WHERE id = $1 AND user_id IS NOT NULL", seed.DoctorID), "saved as it was read, it stays linked")
	berger.Email = "p0@example.org"
	_, err = c.UpdateDoctor(t.Context(), berger, 0)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "another doctor's log-in")
}

func TestPatientsOfAnAccount(t *testing.T) {
	t.Parallel()
	c := open(t)
	child := domain.Patient{
		ID: domain.NewID(), AccountID: patientAccount, Name: "Ben", Relation: "child", DateOfBirth: "2020-02-29", Gender: "boy",
		Phone: "+49 30 1", Zone: "Europe/Berlin",
	}
	add := func(p domain.Patient, key domain.IdempotencyKey) error {
		_, _, err := c.CreatePatient(t.Context(), p, key, rendered(func(p domain.Patient) string { return p.ID }))
		return err
	}
	key := newKey(patient)
	require.NoError(t, add(child, key))
	require.NoError(t, add(child, key))
	got, err := c.Patient(t.Context(), patientAccount, child.ID)
	require.NoError(t, err)
	child.Version = 1
	require.Equal(t, child, got)
	_, err = c.Patient(t.Context(), caregiverAccount, child.ID)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	_, err = c.Patient(t.Context(), "", child.ID)
	require.NoError(t, err, "staff")

	child.DateOfBirth, child.Gender, child.Phone, child.Name = "", "", "", "Benjamin"
	got, err = c.UpdatePatient(t.Context(), child, 1)
	require.NoError(t, err)
	child.Version = 2
	require.Equal(t, child, got)
	_, err = c.UpdatePatient(t.Context(), child, 1)
	require.Equal(t, domain.CodeStale, domain.CodeOf(err))
	child.AccountID = caregiverAccount
	_, err = c.UpdatePatient(t.Context(), child, 0)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "another account's")

	codes := atOnce(domain.MaxPatients, func(int) error {
		return add(domain.Patient{ID: domain.NewID(), AccountID: patientAccount, Name: "N", Relation: "other", Zone: "UTC"}, newKey(patient))
	})
	require.Equal(t, map[domain.Code]int{"": domain.MaxPatients - 2, domain.CodeConflict: 2}, codes)
	err = add(domain.Patient{ID: domain.NewID(), AccountID: domain.NewID(), Name: "N", Relation: "other", Zone: "UTC"}, newKey(patient))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestTheClinicIsNamedOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	created, err := c.SetClinic(t.Context(), domain.Clinic{Name: "Renamed", Zone: "Asia/Kolkata"})
	require.NoError(t, err)
	require.False(t, created)
	got, err := c.Clinic(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Renamed", got.Name)
	require.Equal(t, 1, c.count(t, "clinics"))
}
