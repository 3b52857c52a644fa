package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const typePath = doctorPath + "/types/" + idType

func TestSettingsThatAreLeftOutGetTheDefaultTerms(t *testing.T) {
	h := newHarness(t)
	got := h.post(doctorPath+"/types", h.as(domain.RoleStaff), `{"name":" Check-up ","duration_minutes":20,"slot_step_minutes":10}`).status(http.StatusCreated)
	saved := h.store.directory.types[0]
	require.Equal(t, domain.SlotRules{
		Duration: domain.Duration(20 * time.Minute), Step: domain.Duration(10 * time.Minute), BookingWindow: domain.Duration(90 * 24 * time.Hour),
	}, saved.Rules)
	want := domain.DefaultTerms()
	want.Price, want.Zone = saved.Terms.Price, saved.Terms.Zone
	require.Equal(t, want, saved.Terms, "the contract's defaults are the product's")
	require.True(t, saved.Active)
	require.Nil(t, saved.OwnPrice, "the doctor's fee")
	require.Equal(t, "Check-up", saved.Name)
	require.Equal(t, domain.InPerson, saved.Mode)

	require.Equal(t, `"1"`, got.Header().Get("ETag"))
	view := decode[openapi.AppointmentTypeDetail](got)
	require.Equal(t, doctorPath+"/types/"+view.ID, got.Header().Get("Location"))
	require.Equal(t, int64(8000), view.EffectivePrice.Minor)
	again := h.post(doctorPath+"/types", h.as(domain.RoleStaff), `{"name":" Check-up ","duration_minutes":20,"slot_step_minutes":10}`).status(http.StatusCreated)
	require.Equal(t, "true", again.Header().Get(headerReplayed))
	require.Len(t, h.store.directory.types, 1)
}

func TestSettingsOfNothingAreNotLeftOut(t *testing.T) {
	h := newHarness(t)
	staff := h.as(domain.RoleStaff)
	body := `{"name":"Free","duration_minutes":20,"slot_step_minutes":10,"mode":"telehealth","active":false,"price":{"minor":0,"currency":"EUR"},` +
		`"reminder_minutes":[],"refund_tiers":[],"no_show_fee_percent":0,"reschedule_limit":0,"answer_cutoff_minutes":0,"instant_confirm":true}`
	got := h.edit(http.MethodPut, typePath, staff, body, `"1"`).status(http.StatusOK)
	require.Equal(t, `"2"`, got.Header().Get("ETag"))
	saved := h.store.directory.types[0]
	require.Equal(t, &domain.Money{Currency: "EUR"}, saved.OwnPrice)
	require.Empty(t, saved.Terms.Reminders)
	require.Empty(t, saved.Terms.RefundTiers)
	require.Zero(t, saved.Terms.NoShowFeeShare)
	require.Zero(t, saved.Terms.RescheduleLimit)
	require.False(t, saved.Active)
	require.Equal(t, domain.Telehealth, saved.Mode)

	// What is shown as settings is what can be sent again.
	raw := rawField(t, got, "settings")
	h.edit(http.MethodPut, typePath, staff, raw, `*`).status(http.StatusOK)
	require.Equal(t, saved, h.store.directory.types[1])
}

func TestSettingsThatAreRefused(t *testing.T) {
	h := newHarness(t)
	staff := h.as(domain.RoleStaff)
	for body, says := range map[string]string{
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"reminder_minutes":[60,120]}`:                                                      "from the longest to the shortest",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"payment_window_minutes":30,"payment_window_max_minutes":20}`:                      "payment_window",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"refund_tiers":[{"before_minutes":-1,"percent":50}]}`:                              "refund tier",
		`{"name":"  ","duration_minutes":20,"slot_step_minutes":10}`:                                                                                 "has a name",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"booking_window_days":1,"minimum_notice_minutes":1440,"answer_cutoff_minutes":10}`: "minimum_notice",
	} {
		require.Contains(t, h.edit(http.MethodPut, typePath, staff, body, "*").problem(http.StatusBadRequest, domain.CodeInvalid).Detail, says)
		h.post(doctorPath+"/types", staff, body).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
	for body, field := range map[string]string{
		`{"name":"x","duration_minutes":0,"slot_step_minutes":10}`:                                "body/duration_minutes",
		`{"name":"x","slot_step_minutes":10}`:                                                     "body/duration_minutes",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"no_show_fee_percent":101}`:     "body/no_show_fee_percent",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"payment_window_minutes":61}`:   "body/payment_window_minutes",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"colour":"red"}`:                "body/colour",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"price":{"minor":1.5}}`:         "body/price/minor",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"price":{"currency":"EUR"}}`:    "body/price/minor",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"mode":"by_letter"}`:            "body/mode",
		`{"name":"x","duration_minutes":20,"slot_step_minutes":10,"booking_window_days":1000000}`: "body/booking_window_days",
	} {
		p := h.edit(http.MethodPut, typePath, staff, body, "*").problem(http.StatusBadRequest, domain.CodeInvalid)
		require.Equal(t, field, p.Errors[0].Field, body)
	}
	require.Empty(t, h.store.directory.types)
	h.edit(http.MethodPut, typePath, staff, `{"name":"x","duration_minutes":20,"slot_step_minutes":10}`, `"7"`).problem(http.StatusPreconditionFailed, domain.CodeStale)
	h.do(request{method: http.MethodPut, path: typePath, token: staff, body: `{"name":"x","duration_minutes":20,"slot_step_minutes":10}`}).
		problem(http.StatusPreconditionRequired, CodePreconditionRequired)
}

func TestTypesThatTakeNoBookingsAreForThoseWhoSetUp(t *testing.T) {
	h := newHarness(t)
	h.get(doctorPath+"/types?include_inactive=true", h.as(domain.RolePatient)).problem(http.StatusForbidden, domain.CodeForbidden)
	h.get(doctorPath+"/types?include_inactive=true", h.as(domain.RoleDoctor)).status(http.StatusOK)
	other := h.token(domain.Account{ID: idAccount, Roles: []domain.Role{domain.RoleDoctor}, DoctorID: idNobody})
	h.get(typePath, other).problem(http.StatusForbidden, domain.CodeForbidden)
	h.get(typePath, h.as(domain.RoleDoctor)).status(http.StatusOK)
	h.get("/v1/doctors?include_inactive=true", h.as(domain.RoleDoctor)).problem(http.StatusForbidden, domain.CodeForbidden)
	h.get("/v1/doctors?include_inactive=true", h.as(domain.RoleStaff)).status(http.StatusOK)
}

func TestSearchingDoctorsPageByPage(t *testing.T) {
	h := newHarness(t)
	patient := h.as(domain.RolePatient)
	first := decode[openapi.DoctorList](h.get("/v1/doctors?limit=2&name=w%C3%89b&speciality=derma", patient).status(http.StatusOK))
	require.Len(t, first.Items, 2)
	require.NotEmpty(t, first.NextCursor)
	require.Equal(t, domain.DoctorFilter{Name: "wÉb", Speciality: "derma"}, h.store.directory.searches[0])
	second := decode[openapi.DoctorList](h.get("/v1/doctors?limit=2&cursor="+url.QueryEscape(first.NextCursor), patient).status(http.StatusOK))
	require.Len(t, second.Items, 1)
	require.Empty(t, second.NextCursor)
	require.NotEqual(t, first.Items[1].ID, second.Items[0].ID)
	for _, wrong := range []string{"x", "%21", "YWJj", "bm90LWEtdXVpZHxuYW1l"} {
		h.get("/v1/doctors?cursor="+wrong, patient).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
}

func TestAddressesOfDoctorsAreForStaff(t *testing.T) {
	h := newHarness(t)
	for role, want := range map[domain.Role]string{domain.RolePatient: "", domain.RoleDoctor: "", domain.RoleStaff: "grace@example.test"} {
		require.Equal(t, want, decode[openapi.Doctor](h.get(doctorPath, h.as(role)).status(http.StatusOK)).Email, role)
		require.Equal(t, want, decode[openapi.DoctorList](h.get("/v1/doctors", h.as(role)).status(http.StatusOK)).Items[0].Email, role)
	}
}

func TestDoctorsAreAddedAndChanged(t *testing.T) {
	h := newHarness(t)
	staff := h.as(domain.RoleStaff)
	body := `{"name":"Dr. New","time_zone":"Europe/Berlin","consultation_fee":{"minor":8000,"currency":"EUR"},"email":" New@Example.test "}`
	got := h.post("/v1/doctors", staff, body).status(http.StatusCreated)
	require.Equal(t, "new@example.test", h.store.directory.doctors[0].Email)
	require.True(t, h.store.directory.doctors[0].Active)
	h.post("/v1/doctors", staff, body).status(http.StatusCreated)
	require.Len(t, h.store.directory.doctors, 1, "the same key, the same doctor")
	require.Equal(t, "/v1/doctors/"+h.store.directory.doctors[0].ID, got.Header().Get("Location"))

	etag := h.get(doctorPath, staff).Header().Get("ETag")
	h.edit(http.MethodPut, doctorPath, staff, doctorInput(t, h.get(doctorPath, staff)), etag).status(http.StatusOK)
	again := h.store.directory.doctors[1]
	again.Version, again.Languages = 1, nil
	require.Equal(t, exampleDoctor, again, "sent back as it was read, nothing changes")
	h.edit(http.MethodPut, doctorPath, staff, body, `"2"`).problem(http.StatusPreconditionFailed, domain.CodeStale)
	for _, wrong := range []string{
		`{"name":"x","time_zone":"Mars/Olympus","consultation_fee":{"minor":1,"currency":"EUR"}}`,
		`{"name":"x","time_zone":"Europe/Berlin","consultation_fee":{"minor":1,"currency":"EUR"},"practising_since":2190}`,
		`{"name":"x","time_zone":"Europe/Berlin","consultation_fee":{"minor":1,"currency":"EUR"},"picture_url":"http://x"}`,
		`{"name":"x","time_zone":"Europe/Berlin","consultation_fee":{"minor":1,"currency":"EUR"},"languages":["klingon language"]}`,
	} {
		h.edit(http.MethodPut, doctorPath, staff, wrong, "*").status(http.StatusBadRequest)
	}
	require.Len(t, h.store.directory.doctors, 2)
}

func TestPatientsBelongToTheirAccount(t *testing.T) {
	h := newHarness(t)
	h.store.owners[idNobody] = idNobody
	own, other := "/v1/patients/"+idPatient, "/v1/patients/"+idNobody
	patient, staff := h.as(domain.RolePatient), h.as(domain.RoleStaff)
	body := `{"name":"Ada","relation":"self","date_of_birth":"1980-02-29","phone":"+49 (30) 123","time_zone":"Asia/Kolkata"}`
	require.Equal(t, `"1"`, h.get(own, patient).status(http.StatusOK).Header().Get("ETag"))
	h.get(other, patient).problem(http.StatusNotFound, domain.CodeNotFound)
	h.edit(http.MethodPut, other, patient, body, "*").problem(http.StatusNotFound, domain.CodeNotFound)
	h.edit(http.MethodPut, own, patient, body, `"2"`).problem(http.StatusPreconditionFailed, domain.CodeStale)
	saved := decode[openapi.Patient](h.edit(http.MethodPut, own, patient, body, `"1"`).status(http.StatusOK))
	require.Equal(t, "Asia/Kolkata", saved.TimeZone)
	h.edit(http.MethodPut, other, staff, body, "*").status(http.StatusOK)

	child := `{"name":"Ben","relation":"child","time_zone":"Europe/Berlin"}`
	h.post("/v1/patients", patient, child).status(http.StatusCreated)
	require.Equal(t, idAccount, h.store.directory.patients[2].AccountID)
	foreign := `{"name":"Ben","relation":"child","time_zone":"Europe/Berlin","account_id":"` + idNobody + `"}`
	h.post("/v1/patients", patient, foreign, headerIdempotencyKey, "key-2").problem(http.StatusForbidden, domain.CodeForbidden)
	h.post("/v1/patients", staff, foreign, headerIdempotencyKey, "key-3").status(http.StatusCreated)
	require.Equal(t, idNobody, h.store.directory.patients[3].AccountID)
	h.get("/v1/patients?account_id="+idNobody, patient).problem(http.StatusForbidden, domain.CodeForbidden)
	require.Len(t, decode[openapi.PatientList](h.get("/v1/patients?account_id="+idNobody, staff).status(http.StatusOK)).Items, 1)
	for _, wrong := range []string{
		`{"name":"Ben","relation":"child","time_zone":"Europe/Berlin","date_of_birth":"2030-01-01"}`,
		`{"name":"Ben","relation":"child","time_zone":"Europe/Berlin","date_of_birth":"2001-02-29"}`,
		`{"name":"Ben","relation":"friend","time_zone":"Europe/Berlin"}`,
		`{"name":"Ben","relation":"child","time_zone":"Nowhere"}`,
		`{"name":"Ben","relation":"child","time_zone":"Europe/Berlin","phone":"call me"}`,
	} {
		h.post("/v1/patients", patient, wrong, headerIdempotencyKey, "key-4").status(http.StatusBadRequest)
	}
}

// rawField is a field of an answer as it was sent.
func rawField(t *testing.T, r reply, name string) string {
	t.Helper()
	fields := decode[map[string]json.RawMessage](r)
	require.Contains(t, fields, name)
	return string(fields[name])
}

// doctorInput is a doctor as read, to be sent back.
func doctorInput(t *testing.T, r reply) string {
	t.Helper()
	fields := decode[map[string]json.RawMessage](r)
	delete(fields, "id")
	raw, err := json.Marshal(fields)
	require.NoError(t, err)
	return string(raw)
}
