package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const anyBooking = `{"any_doctor": {"speciality": "Dermatology", "type_name": "First visit", "mode": "in_person", "duration_minutes": 30,
	"language": "de", "max_price": {"minor": 9000, "currency": "EUR"}}, "patient_id": "` + idPatient + `", "starts_at": "2026-03-02T09:00:00+01:00"}`

func TestABookingMayLeaveTheDoctorOpen(t *testing.T) {
	h := newHarness(t)
	h.post("/v1/appointments", h.as(domain.RolePatient), anyBooking).status(http.StatusCreated)
	require.Equal(t, []domain.BookingRequest{{
		PatientID: idPatient, StartsAt: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC),
		AnyDoctor: &domain.AnyDoctor{
			Speciality: "Dermatology", TypeName: "First visit", Mode: domain.InPerson, Duration: 30 * time.Minute, Language: "de",
			MaxPrice: &domain.Money{Minor: 9000, Currency: "EUR"},
		},
	}}, h.store.bookings)
	again := h.post("/v1/appointments", h.as(domain.RolePatient), anyBooking).status(http.StatusCreated)
	require.Equal(t, "true", again.Header().Get(headerReplayed), "one key, one booking")
	h.post("/v1/appointments", h.as(domain.RolePatient), strings.Replace(anyBooking, "9000", "9500", 1)).
		problem(http.StatusUnprocessableEntity, domain.CodeIdempotencyReused)
}

func TestABookingSaysWhomItIsWithOneWayOrTheOther(t *testing.T) {
	for name, change := range map[string][2]string{
		"both":             {`{"any_doctor"`, `{"doctor_id": "` + idDoctor + `", "any_doctor"`},
		"a type alone":     {`"any_doctor": {"speciality": "Dermatology", "type_name": "First visit", "mode": "in_person", "duration_minutes": 30,` + "\n\t" + `"language": "de", "max_price": {"minor": 9000, "currency": "EUR"}}`, `"type_id": "` + idType + `"`},
		"anybody at all":   {`"speciality": "Dermatology", "type_name": "First visit", `, ``},
		"not a speciality": {`"Dermatology"`, `""`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			body := strings.Replace(anyBooking, change[0], change[1], 1)
			require.NotEqual(t, anyBooking, body)
			h.post("/v1/appointments", h.as(domain.RolePatient), body).problem(http.StatusBadRequest, domain.CodeInvalid)
			require.Empty(t, h.store.bookings)
		})
	}
}

func TestFreeTimesOfSeveralDoctorsComeOnceEachInPages(t *testing.T) {
	h := newHarness(t)
	const path = "/v1/slots?speciality=Dermatology&doctor_id=" + idDoctor + "&doctor_id=" + idNobody +
		"&from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&max_price_minor=8000&max_price_currency=EUR&limit=1"
	page := decode[openapi.JointSlotPage](h.get(path, h.as(domain.RolePatient)).status(http.StatusOK))
	require.Len(t, page.Items, 1)
	require.Equal(t, 2, page.Items[0].Doctors)
	require.Equal(t, "2026-03-02T09:00:00", page.Items[0].LocalTime)
	require.Equal(t, "Europe/Berlin", page.Items[0].TimeZone)
	require.Equal(t, domain.AnyDoctor{
		Speciality: "Dermatology", DoctorIDs: []string{idDoctor, idNobody}, MaxPrice: &domain.Money{Minor: 8000, Currency: "EUR"},
	}, h.store.wanted[0])

	seen := []string{page.Items[0].LocalTime}
	for page.NextCursor != "" {
		page = decode[openapi.JointSlotPage](h.get(path+"&cursor="+page.NextCursor, h.as(domain.RolePatient)).status(http.StatusOK))
		require.Len(t, page.Items, 1)
		seen = append(seen, page.Items[0].LocalTime)
	}
	require.IsIncreasing(t, seen)
	require.Greater(t, len(seen), 1)

	for _, bad := range []string{
		"/v1/slots?from=2026-03-02T00:00:00Z&to=2026-04-03T00:00:00Z", "/v1/slots?from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z",
		"/v1/slots?from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&cursor=x", "/v1/slots?from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&max_price_minor=1",
	} {
		h.get(bad, h.as(domain.RolePatient)).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
}
