package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestABookingAnswersWithWhereItIs(t *testing.T) {
	h := newHarness(t)
	got := h.post("/v1/appointments", h.as(domain.RolePatient), strings.Replace(goodBooking, "{", `{"reason":"a mole",`, 1)).status(http.StatusCreated)
	require.Equal(t, oneVisit, got.Header().Get("Location"))
	require.Empty(t, got.Header().Get(headerReplayed))
	require.Equal(t, []domain.BookingRequest{{
		DoctorID: idDoctor, TypeID: idType, PatientID: idPatient, Reason: "a mole", StartsAt: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC),
	}}, h.store.bookings)
	require.NotContains(t, got.Body.String(), "mole", "what is kept for replays holds no clinical text")
	require.Empty(t, h.commands.calls, "a booking asks nobody but the database")
}

func TestTheSameBookingAgainIsTheFirstAnswer(t *testing.T) {
	h := newHarness(t)
	first := h.post("/v1/appointments", h.as(domain.RolePatient), goodBooking).status(http.StatusCreated)
	// White space, order and the offset's spelling do not make it another booking.
	same := `{ "starts_at":"2026-03-02T08:00:00Z", "patient_id":"` + idPatient + `","type_id":"` + idType + `","doctor_id":"` + idDoctor + `"}`
	again := h.post("/v1/appointments", h.as(domain.RolePatient), same, "Prefer", "wait=30").status(http.StatusCreated)
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Equal(t, "true", again.Header().Get(headerReplayed))
	require.Equal(t, first.Header().Get("Location"), again.Header().Get("Location"))
	require.Len(t, h.store.bookings, 1)

	h.post("/v1/appointments", h.as(domain.RolePatient), strings.Replace(goodBooking, "09:00:00", "09:30:00", 1)).
		problem(http.StatusUnprocessableEntity, domain.CodeIdempotencyReused)
	// Someone else's key of the same text is another key.
	other := h.token(domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleStaff}})
	require.Empty(t, h.post("/v1/appointments", other, goodBooking).status(http.StatusCreated).Header().Get(headerReplayed))
}

func TestABookingThatPrefersToWaitShowsHowToPay(t *testing.T) {
	h := newHarness(t)
	h.store.onLook = func(s *fakeStore) {
		a := s.visits[idAppointment]
		a.Payment = domain.Payment{IntentID: "pi_1", ClientSecret: "pi_1_secret", Status: domain.PaymentAwaitingMethod, Amount: a.Terms.Price}
		s.visits[idAppointment] = a
	}
	got := h.post("/v1/appointments", h.as(domain.RolePatient), goodBooking, "Prefer", "wait=10").status(http.StatusCreated)
	require.Equal(t, "pi_1_secret", got.appointment().Payment.ClientSecret)
	require.Equal(t, "wait=10", got.Header().Get("Preference-Applied"))
	for _, kept := range h.store.answers {
		require.NotContains(t, string(kept.resp.Body), "pi_1_secret", "no secret is kept for replays")
	}
}

func TestABookingHoldsEvenWhenTheWaitFails(t *testing.T) {
	h := newHarness(t)
	h.store.onLook = func(s *fakeStore) { s.err = notFound() }
	h.post("/v1/appointments", h.as(domain.RolePatient), goodBooking, "Prefer", "wait=10").status(http.StatusCreated)
}

func TestRefusedBookingsSayWhy(t *testing.T) {
	for code, status := range map[domain.Code]int{
		domain.CodeSlotTaken: 409, domain.CodePatientOverlap: 409, domain.CodeSlotNotOffered: 409, domain.CodeTooManyHolds: 409,
		domain.CodeDoctorInactive: 409, domain.CodeNotYourPatient: 403, domain.CodeNotFound: 404,
	} {
		h := newHarness(t)
		h.store.err = domain.Errorf(code, "choose another")
		p := h.post("/v1/appointments", h.as(domain.RolePatient), goodBooking).problem(status, code)
		require.Equal(t, "choose another", p.Detail)
	}
}

func TestABookingActsWithTheRolesThatMayBook(t *testing.T) {
	h := newHarness(t)
	h.post("/v1/appointments", h.as(domain.RolePatient, domain.RoleAdmin), goodBooking).status(http.StatusCreated)
	require.Equal(t, []domain.Role{domain.RolePatient}, h.store.bookedBy[0].Roles, "an administrator's patient books as a patient")
}

func TestABookingLeavesItsCallersSessionToTheStore(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.RememberCaller = -1 })
	token, session := h.as(domain.RolePatient), ""
	for id := range h.store.callers {
		session = id
	}
	h.post("/v1/appointments", token, goodBooking).status(http.StatusCreated)
	require.Zero(t, h.store.lookedUp, "the statement that books has seen that it goes on")
	require.Equal(t, []domain.Role{domain.RolePatient}, h.store.bookedBy[0].Claimed)

	caller := h.store.callers[session]
	caller.Roles = []domain.Role{domain.RoleOps}
	h.store.callers[session] = caller
	h.post("/v1/appointments", token, goodBooking).problem(http.StatusForbidden, domain.CodeForbidden)
	caller.Roles = []domain.Role{domain.RoleOps, domain.RolePatient}
	h.store.callers[session] = caller
	h.post("/v1/appointments", token, goodBooking).status(http.StatusCreated)
	delete(h.store.callers, session)
	h.post("/v1/appointments", token, goodBooking, headerIdempotencyKey, "another").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}

func TestARoleThatCameSinceTheTokenBooks(t *testing.T) {
	h := newHarness(t)
	token := h.as(domain.RoleOps)
	for id, caller := range h.store.callers {
		caller.Roles = []domain.Role{domain.RoleOps, domain.RolePatient}
		h.store.callers[id] = caller
	}
	h.post("/v1/appointments", token, goodBooking).status(http.StatusCreated)
	require.Equal(t, 1, h.store.lookedUp)
}
