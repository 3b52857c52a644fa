package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const oneVisit = "/v1/appointments/" + idAppointment

func TestAVisitIsThereForItsPeopleOnly(t *testing.T) {
	h := newHarness(t)
	for name, c := range map[string]struct {
		account domain.Account
		sees    bool
	}{
		"its patient":         {domain.Account{ID: idAccount, Roles: []domain.Role{domain.RolePatient}}, true},
		"its caregiver":       {domain.Account{ID: idAccount, Roles: []domain.Role{domain.RoleCaregiver}}, true},
		"another patient":     {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RolePatient}}, false},
		"its doctor":          {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleDoctor}, DoctorID: idDoctor}, true},
		"another doctor":      {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleDoctor}, DoctorID: idNobody}, false},
		"doctor of nobody":    {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleDoctor}}, false},
		"staff":               {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleStaff}}, true},
		"a doctor as patient": {domain.Account{ID: idAccount, Roles: []domain.Role{domain.RoleDoctor, domain.RolePatient}, DoctorID: idNobody}, true},
	} {
		t.Run(name, func(t *testing.T) {
			token := h.token(c.account)
			for _, path := range []string{oneVisit, oneVisit + "/events"} {
				if c.sees {
					h.get(path, token).status(http.StatusOK)
				} else {
					h.get(path, token).problem(http.StatusNotFound, domain.CodeNotFound)
				}
			}
			if c.account.Roles[0] != domain.RoleDoctor || len(c.account.Roles) == 1 {
				page := decode[openapi.AppointmentPage](h.get("/v1/appointments", token).status(http.StatusOK))
				require.Equal(t, c.sees, len(page.Items) == 1)
			}
		})
	}
}

func TestADoctorWhoIsAPatientCannotConfirmTheOwnVisit(t *testing.T) {
	h := newHarness(t)
	token := h.token(domain.Account{ID: idAccount, Roles: []domain.Role{domain.RoleDoctor, domain.RolePatient}, DoctorID: idNobody})
	h.post(oneVisit+"/confirm", token, "").problem(http.StatusNotFound, domain.CodeNotFound)
	require.Empty(t, h.commands.calls)

	h.post(oneVisit+"/cancel", token, `{"reason_code":"patient_request"}`).status(http.StatusOK)
	require.Equal(t, domain.ActorPatient, h.commands.calls[0].argument.Actor.Kind, "a patient here, whatever else")
}

func TestInstantsCarryTheVisitsZone(t *testing.T) {
	h := newHarness(t)
	got := h.get(oneVisit, h.as(domain.RolePatient)).status(http.StatusOK)
	for _, text := range []string{
		`"starts_at":"2026-03-02T09:00:00+01:00"`, `"ends_at":"2026-03-02T09:30:00+01:00"`,
		`"local_time":"2026-03-02T09:00:00"`, `"time_zone":"Europe/Berlin"`, `"price":{"currency":"EUR","minor":8000}`,
	} {
		require.Contains(t, got.Body.String(), text)
	}
	require.NotContains(t, got.Body.String(), "answer_by")
}

func TestWhatIsWaitedForLateIsShownWithItsDeadline(t *testing.T) {
	h := newHarness(t)
	a := exampleVisit()
	shown := func() string { return h.get(oneVisit, h.as(domain.RolePatient)).status(http.StatusOK).Body.String() }
	a.Status, a.Terms.NoShowGrace = domain.StatusConfirmed, domain.Duration(10*time.Minute)
	h.store.visits[a.ID] = a
	require.Contains(t, shown(), `"check_in_by":"2026-03-02T09:40:00+01:00"`)
	a.OverBy = a.Visit.End.Add(2 * time.Hour)
	h.store.visits[a.ID] = a
	require.Contains(t, shown(), `"check_in_by":"2026-03-02T11:30:00+01:00"`, "put off after an outage")
	require.NotContains(t, shown(), "no_show_fee\"")

	a.Status, a.Fee = domain.StatusNoShow, domain.NoShowFee{Status: domain.FeeNoticed, Minor: 4000, Until: a.Visit.End.Add(72 * time.Hour)}
	h.store.visits[a.ID] = a
	require.Contains(t, shown(), `"no_show_fee":{"amount":{"currency":"EUR","minor":4000},"dispute_by":"2026-03-05T09:30:00+01:00","status":"noticed"}`)
	a.Fee.Status = domain.FeeDisputed
	h.store.visits[a.ID] = a
	require.Contains(t, shown(), `"decide_by":"2026-03-05T09:30:00+01:00"`)

	h.get("/v1/appointments?no_show_fee=disputed", h.as(domain.RoleStaff)).status(http.StatusOK)
	require.Equal(t, domain.FeeDisputed, h.store.filters[0].Fee)
	h.get("/v1/appointments?no_show_fee=all", h.as(domain.RoleStaff)).status(http.StatusBadRequest)
}

func TestClinicalTextAndSecretsAreForThoseTheyBelongTo(t *testing.T) {
	h := newHarness(t)
	a := exampleVisit()
	a.Payment = domain.Payment{IntentID: "pi_1", ClientSecret: "pi_1_secret", Status: domain.PaymentAwaitingMethod, Amount: a.Terms.Price}
	a.Stuck = domain.CodeVendorRejected
	h.store.visits[a.ID] = a
	for name, c := range map[string]struct {
		account             domain.Account
		pays, reason, notes bool
		stuck               bool
	}{
		"payer":  {domain.Account{ID: idAccount, Roles: []domain.Role{domain.RolePatient}}, true, true, false, false},
		"doctor": {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleDoctor}, DoctorID: idDoctor}, false, true, true, false},
		"staff":  {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleStaff}}, false, true, false, true},
		"admin":  {domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleAdmin}}, false, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.get(oneVisit, h.token(c.account)).appointment()
			require.Equal(t, c.pays, got.Payment.ClientSecret == "pi_1_secret")
			require.Equal(t, c.pays, got.Payment.PayURL == "https://pay.example/pi_1" && got.Payment.PublishableKey == "pk_test")
			require.Equal(t, c.reason, got.Reason != "")
			require.Equal(t, c.notes, got.Notes != "")
			require.Equal(t, c.stuck, got.Stuck != "")
		})
	}
	ours := newHarness(t, func(c *Config) { c.PayURL = "" })
	ours.store.visits[a.ID] = a
	require.Equal(t, ours.links.Pay(a.ID, a.Generation, a.Visit.End), ours.get(oneVisit, ours.as(domain.RolePatient)).appointment().Payment.PayURL)
	a.Status = domain.StatusExpired
	h.store.visits[a.ID] = a
	require.Empty(t, h.get(oneVisit, h.as(domain.RolePatient)).appointment().Payment.ClientSecret, "the pay link dies with the hold")
}

func TestEveryReadingIsAttributed(t *testing.T) {
	h := newHarness(t)
	h.get(oneVisit, h.as(domain.RoleStaff), "X-Request-Id", "front-desk-0001").status(http.StatusOK)
	require.Len(t, h.store.reads, 1)
	require.Equal(t, "front-desk-0001", h.store.reads[0].RequestID)
	require.Equal(t, idAccount, h.store.reads[0].Caller.UserID)
}

func TestPagesFollowTheCursor(t *testing.T) {
	h := newHarness(t)
	for i := range 5 {
		a := exampleVisit()
		a.ID = fmt.Sprintf("01950000-0000-7000-8000-00000000000%d", i)
		h.store.visits[a.ID] = a
	}
	seen, cursor, pages := map[string]bool{}, "", 0
	for {
		page := decode[openapi.AppointmentPage](h.get("/v1/appointments?limit=2"+cursor, h.as(domain.RoleStaff)).status(http.StatusOK))
		for _, a := range page.Items {
			require.False(t, seen[a.ID])
			seen[a.ID] = true
			require.Empty(t, a.Reason)
		}
		pages++
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
		require.Len(t, page.Items, 2)
	}
	require.Len(t, seen, 6)
	require.Equal(t, 3, pages)
}

func TestFiltersReachTheStore(t *testing.T) {
	h := newHarness(t)
	query := url.Values{"status": {"pending", "confirmed"}, "doctor_id": {idDoctor}, "patient_id": {idPatient},
		"from": {"2026-03-01T00:00:00+01:00"}, "to": {"2026-03-02T00:00:00Z"}}
	h.get("/v1/appointments?"+query.Encode(), h.as(domain.RoleStaff)).status(http.StatusOK)
	require.Equal(t, domain.AppointmentFilter{
		Statuses: []domain.Status{domain.StatusPending, domain.StatusConfirmed}, DoctorID: idDoctor, PatientID: idPatient,
		From: time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
	}, h.store.filters[0])
}

func TestSlotsShowBothClocks(t *testing.T) {
	h := newHarness(t)
	path := "/v1/doctors/" + idDoctor + "/slots?type_id=" + idType + "&from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z"
	list := decode[openapi.SlotList](h.get(path, h.as(domain.RolePatient)).status(http.StatusOK))
	require.Len(t, list.Items, 2)
	require.Equal(t, "2026-03-02T09:00:00+01:00", list.Items[0].StartsAt.Format(time.RFC3339))
	require.Equal(t, "2026-03-02T09:00:00", list.Items[0].LocalTime)
	require.Equal(t, "Europe/Berlin", list.Items[0].TimeZone)
}

func TestTheTimelineNamesPeopleToStaffOnly(t *testing.T) {
	h := newHarness(t)
	require.Empty(t, decode[openapi.EventList](h.get(oneVisit+"/events", h.as(domain.RolePatient))).Items[0].Actor.ID)
	require.Equal(t, idAccount, decode[openapi.EventList](h.get(oneVisit+"/events", h.as(domain.RoleStaff))).Items[0].Actor.ID)
}

func TestPreferWaitWaitsForTheClientSecret(t *testing.T) {
	h := newHarness(t)
	looks := 0
	h.store.onLook = func(s *fakeStore) {
		if looks++; looks == 3 {
			a := s.visits[idAppointment]
			a.Payment = domain.Payment{IntentID: "pi_1", ClientSecret: "pi_1_secret", Status: domain.PaymentAwaitingMethod, Amount: a.Terms.Price}
			s.visits[idAppointment] = a
			s.events[idAppointment] = append(s.events[idAppointment], domain.Event{Kind: "payment_opened"})
		}
	}
	got := h.get(oneVisit, h.as(domain.RolePatient), "Prefer", "respond-async, wait=20")
	require.Equal(t, "pi_1_secret", got.status(http.StatusOK).appointment().Payment.ClientSecret)
	require.Equal(t, "wait=20", got.Header().Get("Preference-Applied"))
	require.LessOrEqual(t, len(h.store.reads), 3, "the record is read when something happened, not at each look")
}

func TestAWaitEndsWhenTheStatusMoves(t *testing.T) {
	h := newHarness(t)
	h.store.onLook = func(s *fakeStore) {
		a := s.visits[idAppointment]
		a.Status, a.Version = domain.StatusCancelled, 2
		s.visits[idAppointment] = a
	}
	got := h.get(oneVisit, h.as(domain.RolePatient), "Prefer", "wait=30").appointment()
	require.Equal(t, openapi.StatusCancelled, got.Status)

	// after_version waits for the next change, whatever the status.
	h.store.onLook = func(s *fakeStore) {
		a := s.visits[idAppointment]
		a.Version = 3
		s.visits[idAppointment] = a
	}
	require.Equal(t, 3, h.get(oneVisit+"?after_version=2", h.as(domain.RolePatient), "Prefer", "wait=30").appointment().Version)
}

func TestAWaitThatIsOverAnswersWithWhatIsThere(t *testing.T) {
	h := newHarness(t)
	h.get(oneVisit, h.as(domain.RolePatient), "Prefer", "wait=1").status(http.StatusOK)

	// Nothing to wait for: confirmed visits answer at once.
	a := exampleVisit()
	a.Status = domain.StatusConfirmed
	h.store.visits[a.ID] = a
	h.store.onLook = func(*fakeStore) { t.Error("a settled visit is not polled") }
	h.get(oneVisit, h.as(domain.RolePatient), "Prefer", "wait=30").status(http.StatusOK)
}

func TestTooManyWaitsAreAnsweredAtOnce(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.MaxWaits = 1 })
	h.store.onLook = func(s *fakeStore) {
		s.onLook = nil
		s.mu.Unlock() // the fake is locked during a look; the second request needs it
		defer s.mu.Lock()
		h.get(oneVisit, h.as(domain.RolePatient), "Prefer", "wait=30").status(http.StatusOK)
		s.mu.Lock()
		a := s.visits[idAppointment]
		a.Status = domain.StatusExpired
		s.visits[idAppointment] = a
		s.mu.Unlock()
	}
	h.get(oneVisit, h.as(domain.RolePatient), "Prefer", "wait=30").status(http.StatusOK)
}

func TestPreferredWaits(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"wait=5": 5 * time.Second, "WAIT=7": 7 * time.Second, `wait="9"`: 9 * time.Second, "respond-async, wait=10; x=1": 10 * time.Second,
		"wait=31": 30 * time.Second, "wait=999999999": 30 * time.Second, "wait = 3": 3 * time.Second, "wait=0": 0,
	} {
		got, asked := preferredWait(header)
		require.True(t, asked, header)
		require.Equal(t, want, got, header)
	}
	for _, header := range []string{"", "wait", "wait=-1", "wait=soon", "await=3", "wait=99999999999999"} {
		_, asked := preferredWait(header)
		require.False(t, asked, header)
	}
}

func TestMissingThingsAreNotFound(t *testing.T) {
	h := newHarness(t)
	for _, path := range []string{"/v1/doctors/" + idNobody, "/v1/doctors/" + idNobody + "/types", "/v1/appointments/" + idNobody} {
		h.get(path, h.as(domain.RoleStaff)).problem(http.StatusNotFound, domain.CodeNotFound)
	}
	h.store.err = errors.New("broken")
	for _, path := range []string{oneVisit, "/v1/me", "/v1/appointments", oneVisit + "/messages"} {
		h.get(path, h.as(domain.RoleStaff)).problem(http.StatusInternalServerError, domain.CodeInternal)
	}
}
