package postgres_test

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

func TestABookingIsARowItsFirstEventAndAProcessToStart(t *testing.T) {
	t.Parallel()
	c := open(t)
	var rendered domain.Appointment
	resp, replayed, err := c.Book(t.Context(), patient, visit(nine), newKey(patient), now, func(a domain.Appointment) (domain.StoredResponse, error) {
		rendered = a
		return render(a)
	})
	require.NoError(t, err)
	require.False(t, replayed)
	require.Equal(t, 201, resp.Status)

	a := c.row(t, string(resp.Body))
	require.Equal(t, domain.StatusRequested, a.Status)
	require.Equal(t, 1, a.Version)
	require.Equal(t, domain.Window{Start: nine, End: nine.Add(30 * time.Minute)}, a.Visit)
	require.Equal(t, "2031-03-04T09:00:00+01:00", a.Local)
	require.Equal(t, domain.Money{Minor: 8000, Currency: "EUR"}, a.Terms.Price, "the doctor's fee, where the type has no price")
	require.Equal(t, "Europe/Berlin", a.Terms.Zone)
	require.Equal(t, now, a.CreatedAt)
	require.False(t, a.ProcessStarted)
	require.Equal(t, a.Terms, rendered.Terms, "the answer shows what was stored")
	require.Equal(t, a.DoctorName, rendered.DoctorName)
	require.Equal(t, a.Local, rendered.Local)

	events := c.timeline(t, a.ID)
	require.Len(t, events, 1)
	require.Equal(t, domain.Event{
		Seq: 1, Version: 1, Transition: "booked", Kind: "booked", From: domain.StatusRequested, To: domain.StatusRequested,
		Actor: domain.Actor{Kind: domain.ActorPatient, ID: patientAccount}, At: now,
	}, events[0])

	rows, err := c.LeaseOutbox(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, domain.TopicStart, rows[0].Topic)
	require.Equal(t, a.ID, rows[0].AppointmentID)
	require.JSONEq(t, "{}", string(rows[0].Payload))
}

func TestTheSameKeyAndBodyGetTheFirstAnswerAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	first, replayed, err := c.Book(t.Context(), patient, visit(nine), key, now, render)
	require.NoError(t, err)
	require.False(t, replayed)
	again, replayed, err := c.Book(t.Context(), patient, visit(nine), key, now.Add(time.Hour), func(domain.Appointment) (domain.StoredResponse, error) {
		return domain.StoredResponse{Status: 201, Body: []byte("another answer")}, nil
	})
	require.NoError(t, err)
	require.True(t, replayed)
	require.Equal(t, first, again)
	require.Equal(t, 1, c.count(t, "appointments"))
	require.Equal(t, 1, c.count(t, "outbox"))
}

func TestTheSameKeyWithAnotherBodyIsRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	_, _, err := c.Book(t.Context(), patient, visit(nine), key, now, render)
	require.NoError(t, err)
	other := sha256.Sum256([]byte("another body"))
	key.BodyHash = other[:]
	_, _, err = c.Book(t.Context(), patient, visit(nine.Add(time.Hour)), key, now, render)
	require.Equal(t, domain.CodeIdempotencyReused, domain.CodeOf(err))
	require.Equal(t, 1, c.count(t, "appointments"))
}

func TestAKeyBelongsToItsOperationAndItsPrincipal(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	c.book(t, staff, visit(nine.Add(2*time.Hour)))
	_, _, err := c.Book(t.Context(), patient, visit(nine), key, now, render)
	require.NoError(t, err)
	key.Operation = "createAppointment/elsewhere"
	_, replayed, err := c.Book(t.Context(), patient, visit(nine.Add(time.Hour)), key, now, render)
	require.NoError(t, err)
	require.False(t, replayed)
	key.Principal = caregiverAccount
	r := visit(nine.Add(5 * time.Hour))
	r.PatientID = seed.ChildID
	_, replayed, err = c.Book(t.Context(), caregiver, r, key, now, render)
	require.NoError(t, err)
	require.False(t, replayed)
}

func TestARefusedBookingLeavesNothingAndItsKeyFree(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	_, _, err := c.Book(t.Context(), patient, visit(nine.Add(time.Minute)), key, now, render)
	require.Equal(t, domain.CodeSlotNotOffered, domain.CodeOf(err))
	_, _, err = c.Book(t.Context(), patient, visit(nine), key, now, func(domain.Appointment) (domain.StoredResponse, error) {
		return domain.StoredResponse{}, errors.New("cannot be rendered")
	})
	require.ErrorContains(t, err, "cannot be rendered")
	require.Zero(t, c.count(t, "appointments"))
	require.Zero(t, c.count(t, "outbox"))
	require.Zero(t, c.count(t, "idempotency_keys"))
	_, replayed, err := c.Book(t.Context(), patient, visit(nine), key, now, render)
	require.NoError(t, err)
	require.False(t, replayed)
}

func TestBookingsThatAreRefused(t *testing.T) {
	t.Parallel()
	with := func(change func(*domain.BookingRequest)) domain.BookingRequest {
		r := visit(nine)
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		prepare string
		by      domain.Caller
		request domain.BookingRequest
		want    domain.Code
	}{
		"outside the hours":          {"", patient, visit(nine.Add(-30 * time.Minute)), domain.CodeSlotNotOffered},
		"beside the grid":            {"", patient, visit(nine.Add(10 * time.Minute)), domain.CodeSlotNotOffered},
		"in the past":                {"", patient, visit(nine.Add(-7 * 24 * time.Hour)), domain.CodeSlotNotOffered},
		"beyond the booking window":  {"", patient, visit(nine.Add(91 * 24 * time.Hour)), domain.CodeSlotNotOffered},
		"too soon to be answered":    {"", patient, visit(now.Add(time.Hour)), domain.CodeSlotNotOffered},
		"in a time off":              {"INSERT INTO doctor_time_off VALUES (gen_random_uuid(), '" + seed.DoctorID + "', '2031-03-04 08:20Z', '2031-03-04 08:40Z')", patient, visit(nine), domain.CodeSlotNotOffered},
		"an inactive doctor":         {"UPDATE doctors SET active = false", patient, visit(nine), domain.CodeDoctorInactive},
		"an inactive type":           {"UPDATE appointment_types SET active = false", patient, visit(nine), domain.CodeDoctorInactive},
		"someone else's patient":     {"", patient, with(func(r *domain.BookingRequest) { r.PatientID = seed.ChildID }), domain.CodeNotFound},
		"a patient that is not":      {"", patient, with(func(r *domain.BookingRequest) { r.PatientID = domain.NewID() }), domain.CodeNotFound},
		"a doctor that is not":       {"", patient, with(func(r *domain.BookingRequest) { r.DoctorID = domain.NewID() }), domain.CodeNotFound},
		"another doctor's type":      {"", patient, with(func(r *domain.BookingRequest) { r.TypeID = seed.TypeNYID }), domain.CodeNotFound},
		"an account that is not":     {"", domain.Caller{UserID: domain.NewID(), Roles: patient.Roles}, visit(nine), domain.CodeNotFound},
		"a doctor for a stranger":    {"", domain.Caller{UserID: caregiverAccount, Roles: []domain.Role{domain.RoleDoctor}}, visit(nine), domain.CodeNotFound},
		"staff beside the grid, too": {"", staff, visit(nine.Add(10 * time.Minute)), domain.CodeSlotNotOffered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clinic := open(t)
			if c.prepare != "" {
				clinic.exec(t, c.prepare)
			}
			require.Equal(t, c.want, clinic.refused(t, c.by, c.request))
			require.Zero(t, clinic.count(t, "appointments"))
		})
	}
}

func TestATimeIsHeldWithTheBuffersOfBothVisits(t *testing.T) {
	t.Parallel()
	c := open(t)
	accounts, patients := c.people(t, 1)
	other := domain.Caller{UserID: accounts[0], Roles: patient.Roles}
	by := func(r domain.BookingRequest) domain.BookingRequest { r.PatientID = patients[0]; return r }
	c.book(t, patient, visit(nine)) // until 09:30, and a buffer until 09:40

	require.Equal(t, domain.CodeSlotTaken, c.refused(t, other, by(visit(nine))))
	require.Equal(t, domain.CodeSlotTaken, c.refused(t, other, by(visit(nine.Add(30*time.Minute)))), "09:30 lies in the buffer")
	require.Equal(t, domain.CodeSlotTaken, c.refused(t, other, by(call(nine.Add(15*time.Minute)))), "another type overlaps partly")
	c.book(t, other, by(call(nine.Add(45*time.Minute)))) // 09:45 to 10:00
	c.book(t, other, by(visit(nine.Add(time.Hour))))     // 10:00: half-open windows touch
	require.Equal(t, domain.CodeSlotTaken, c.refused(t, other, by(visit(nine.Add(30*time.Minute)))))
}

func TestAPatientIsNotInTwoPlacesAtOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.book(t, patient, visit(nine.Add(5*time.Hour))) // 14:00 in Berlin, 08:00 in New York
	c.exec(t, "UPDATE doctor_hours SET start_minute = 480 WHERE doctor_id = $1", seed.DoctorNYID)
	r := visit(nine.Add(5 * time.Hour))
	r.DoctorID, r.TypeID = seed.DoctorNYID, seed.TypeNYID
	require.Equal(t, domain.CodePatientOverlap, c.refused(t, patient, r))
	r.StartsAt = r.StartsAt.Add(30 * time.Minute)
	c.book(t, patient, r) // back to back is the patient's own affair: buffers are the doctor's
}

func TestAnEndedVisitFreesItsTime(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.move(t, id, domain.StatusCancelled)
	require.NotEqual(t, id, c.book(t, patient, visit(nine)))
}

func TestTheFourthUnpaidHoldIsRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, c.book(t, patient, visit(nine.Add(time.Duration(i)*time.Hour))))
	}
	fourth := visit(nine.Add(5 * time.Hour))
	require.Equal(t, domain.CodeTooManyHolds, c.refused(t, patient, fourth))
	c.move(t, ids[0], domain.StatusPending)
	ids = append(ids, c.book(t, patient, fourth))
	require.Equal(t, domain.CodeTooManyHolds, c.refused(t, patient, visit(nine.Add(6*time.Hour))))
	require.Len(t, ids, 4)
}

func TestStaffBookForAnyoneWithoutALimit(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i := range 5 {
		id := c.book(t, staff, visit(later([]int{0, 1, 2, 5, 6}[i])))
		require.Equal(t, domain.Actor{Kind: domain.ActorStaff, ID: staffAccount}, c.timeline(t, id)[0].Actor)
	}
	c.book(t, patient, visit(nine.Add(7*time.Hour))) // what staff booked is not the patient's own hold
}
