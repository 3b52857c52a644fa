package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// colleagues adds n dermatologists with the first doctor's hours and a half-hour
// "Consultation" each, and returns their IDs in order. The first doctor is one, too.
func (c clinic) colleagues(t *testing.T, n int) (doctors []string) {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("01990000-0000-7000-8000-0000000005%02d", i)
		c.exec(t, `INSERT INTO doctors (id, clinic_id, name, speciality, languages, time_zone, fee_minor, fee_currency)
			SELECT $1, clinic_id, 'Dr. ' || $2, 'Dérmatology', '{de-AT}', time_zone, 9000, 'EUR' FROM doctors WHERE id = $3`, id, fmt.Sprint(i), seed.DoctorID)
		c.exec(t, `INSERT INTO doctor_schedules (doctor_id) VALUES ($1)`, id)
		c.exec(t, `INSERT INTO doctor_hours SELECT $1, weekday, start_minute, end_minute FROM doctor_hours WHERE doctor_id = $2`, id, seed.DoctorID)
		c.exec(t, `INSERT INTO appointment_types (id, doctor_id, name, duration_minutes, step_minutes, booking_window_days)
			VALUES ($1, $2, 'Consultation', 30, 30, 90)`, fmt.Sprintf("01990000-0000-7000-8000-0000000006%02d", i), id)
		doctors = append(doctors, id)
	}
	return doctors
}

// anyone asks for half an hour with any dermatologist, for the patient of the account.
func anyone(start time.Time) domain.BookingRequest {
	return domain.BookingRequest{
		PatientID: seed.PatientID, StartsAt: start,
		AnyDoctor: &domain.AnyDoctor{Speciality: "dermatology", TypeName: "CONSULTATION", Duration: 30 * time.Minute},
	}
}

func TestAnyDoctorIsTheOneWithTheFewestVisitsThatDay(t *testing.T) {
	t.Parallel()
	c := open(t)
	doctors := c.colleagues(t, 2) // after the first doctor in the order of IDs
	accounts, patients := c.people(t, 9)
	next := 0
	book := func(r domain.BookingRequest) domain.Appointment {
		r.PatientID = patients[next]
		next++
		return c.row(t, c.book(t, domain.Caller{UserID: accounts[next-1], Roles: patient.Roles}, r))
	}
	require.Equal(t, seed.DoctorID, book(anyone(nine)).DoctorID, "equals: the order of the IDs")
	first := book(anyone(later(1)))
	require.Equal(t, doctors[0], first.DoctorID)
	require.Equal(t, doctors[1], book(anyone(later(2))).DoctorID)
	require.Equal(t, domain.Money{Minor: 9000, Currency: "EUR"}, first.Terms.Price, "on the terms of whom it turned out to be")
	require.Equal(t, "Dr. 0", first.DoctorName)
	require.Equal(t, seed.DoctorID, book(anyone(later(5))).DoctorID, "one each: the order again")

	c.move(t, first.ID, domain.StatusCancelled)
	require.Equal(t, doctors[0], book(anyone(later(6))).DoctorID, "a cancelled visit does not count")
	require.Equal(t, seed.DoctorID, book(anyone(later(24))).DoctorID, "another day, another count")
	require.Equal(t, doctors[0], book(anyone(nine)).DoctorID, "who is taken at that time is passed over")
	require.Equal(t, doctors[1], book(anyone(nine)).DoctorID)
	r := anyone(nine)
	r.PatientID = patients[8]
	require.Equal(t, domain.CodeSlotTaken, c.refused(t, domain.Caller{UserID: accounts[8], Roles: patient.Roles}, r))
}

func TestAnyDoctorKeepsToWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	c := open(t)
	doctors := c.colleagues(t, 1)
	ask := func(change func(*domain.AnyDoctor)) domain.Code {
		r := anyone(nine)
		change(r.AnyDoctor)
		_, err := c.try(t.Context(), patient, r)
		return domain.CodeOf(err)
	}
	for name, change := range map[string]func(*domain.AnyDoctor){
		"a part of a speciality": func(a *domain.AnyDoctor) { a.Speciality = "derma" },
		"a language":             func(a *domain.AnyDoctor) { a.Language = "d" },
		"a mode":                 func(a *domain.AnyDoctor) { a.Mode = domain.Telehealth },
		"a length":               func(a *domain.AnyDoctor) { a.Duration = 20 * time.Minute },
		"a price":                func(a *domain.AnyDoctor) { a.MaxPrice = &domain.Money{Minor: 7999, Currency: "EUR"} },
		"a currency":             func(a *domain.AnyDoctor) { a.MaxPrice = &domain.Money{Minor: 99999, Currency: "USD"} },
		"doctors of another one": func(a *domain.AnyDoctor) { a.DoctorIDs = []string{seed.DoctorDemoID} },
		"types of another name":  func(a *domain.AnyDoctor) { a.TypeIDs = []string{seed.TypeFreeID} },
	} {
		require.Equal(t, domain.CodeNotFound, ask(change), name)
	}
	c.exec(t, "UPDATE doctors SET active = false WHERE id = $1", doctors[0])
	require.Equal(t, domain.CodeNotFound, ask(func(a *domain.AnyDoctor) { a.DoctorIDs = doctors }), "an inactive doctor is nobody")
	c.exec(t, "UPDATE doctors SET active = true")
	require.Equal(t, domain.CodeSlotNotOffered, func() domain.Code {
		_, err := c.try(t.Context(), patient, anyone(later(3)))
		return domain.CodeOf(err)
	}(), "nobody works over lunch")
	require.Zero(t, c.count(t, "appointments"))
	require.Zero(t, c.count(t, "idempotency_keys"), "what is refused leaves its key free")

	require.Empty(t, ask(func(a *domain.AnyDoctor) {
		a.Language, a.Mode, a.MaxPrice, a.TypeIDs = "DE", domain.InPerson, &domain.Money{Minor: 9000, Currency: "EUR"}, []string{"01990000-0000-7000-8000-000000000600"}
	}))
	require.Equal(t, 1, c.count(t, "appointments WHERE doctor_id = $1", doctors[0]))
	require.Equal(t, domain.CodePatientOverlap, ask(func(*domain.AnyDoctor) {}), "the patient is taken, not the doctors")
}

func TestOneKeyForAnyDoctorBooksOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.colleagues(t, 3)
	key := newKey(patient)
	codes := atOnce(6, func(int) error {
		_, _, err := c.Book(t.Context(), patient, anyone(nine), key, now, render)
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 6}, codes)
	require.Equal(t, 1, c.count(t, "appointments"))
}

// Any-doctor bookings, bookings of one doctor, and a time off of another, all at once.
func TestStory02_AnyDoctorBookingsFillWhatIsFreeAndNoMore(t *testing.T) {
	t.Parallel()
	c := open(t)
	doctors := append([]string{seed.DoctorID}, c.colleagues(t, 4)...)
	const people = 40
	accounts, patients := c.people(t, people)
	codes := atOnce(people+1, func(i int) error {
		if i == people {
			_, err := c.EditTimetable(t.Context(), doctors[4], 0, timeOff(nine, time.Hour), now)
			return err
		}
		r := anyone(nine)
		if i%4 == 0 { // of one doctor, by name
			r = visit(nine)
		}
		r.PatientID = patients[i]
		_, err := c.try(t.Context(), domain.Caller{UserID: accounts[i], Roles: patient.Roles}, r)
		return err
	})
	booked := c.count(t, "appointments")
	require.Equal(t, booked, codes[""]-1, "%v", codes)
	require.Equal(t, people-booked, codes[domain.CodeSlotTaken], "%v", codes)
	require.Zero(t, c.count(t, `appointments a JOIN appointments b ON a.id < b.id AND a.doctor_id = b.doctor_id AND a.occupied && b.occupied`))
	onLeave := c.count(t, "appointments WHERE doctor_id = $1", doctors[4])
	require.Equal(t, 4+onLeave, booked, "nobody is told that all are taken while one is free")
	require.Equal(t, booked, c.count(t, "outbox"))
	require.Equal(t, booked, c.count(t, "idempotency_keys"))
}

func TestTheFreeTimesOfSeveralDoctorsLeaveOutWhatIsTaken(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.colleagues(t, 2)
	c.book(t, patient, visit(nine))
	list, err := c.Candidates(t.Context(), *anyone(nine).AnyDoctor, domain.Window{Start: nine, End: later(2)})
	require.NoError(t, err)
	require.Len(t, list, 3)
	slots, more, err := domain.JointSlots(list, domain.Window{Start: nine, End: later(2)}, 10, now)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, slots, 4)
	require.Equal(t, []int{2, 2, 3, 3}, []int{slots[0].Doctors, slots[1].Doctors, slots[2].Doctors, slots[3].Doctors},
		"the visit and its buffer take two starts of one doctor")
	_, err = c.Candidates(t.Context(), domain.AnyDoctor{Speciality: "Alchemy"}, domain.Window{Start: nine, End: later(2)})
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}
