package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const goodBooking = `{"doctor_id":"` + idDoctor + `","type_id":"` + idType + `","patient_id":"` + idPatient + `","starts_at":"2026-03-02T09:00:00+01:00"}`

func TestARequestThatDoesNotFitNamesEachField(t *testing.T) {
	const secret = "hepatitis"
	long := `"reason":"` + secret + strings.Repeat("x", 2000) + `"`
	for name, c := range map[string]struct {
		body string
		want []openapi.FieldError
	}{
		"missing": {`{}`, []openapi.FieldError{
			{Field: "body/patient_id", Message: "is required"}, {Field: "body/starts_at", Message: "is required"},
		}},
		"no doctor": {strings.Replace(goodBooking, `"doctor_id":"`+idDoctor+`","type_id":"`+idType+`",`, "", 1), []openapi.FieldError{
			{Field: "body/doctor_id", Message: "is required, with type_id; or say with any_doctor whom the patient would see"},
		}},
		"unknown property": {strings.Replace(goodBooking, "{", `{"colour":"`+secret+`",`, 1), []openapi.FieldError{
			{Field: "body/colour", Message: "is not known here; known are any_doctor, doctor_id, patient_id, reason, starts_at, type_id"},
		}},
		"no instant": {strings.Replace(goodBooking, "2026-03-02T09:00:00+01:00", secret, 1), []openapi.FieldError{
			{Field: "body/starts_at", Message: "is an RFC 3339 instant with seconds and offset, such as 2026-03-02T09:00:00+01:00 (in a URL write + as %2B)"},
		}},
		"no such day": {strings.Replace(goodBooking, "2026-03-02", "2026-02-30", 1), []openapi.FieldError{
			{Field: "body/starts_at", Message: "is an RFC 3339 instant with seconds and offset, such as 2026-03-02T09:00:00+01:00 (in a URL write + as %2B)"},
		}},
		"no UUID": {strings.Replace(goodBooking, idDoctor, secret, 1), []openapi.FieldError{
			{Field: "body/doctor_id", Message: "is a UUID such as 01950000-0000-7000-8000-000000000001"},
		}},
		"too long":     {strings.Replace(goodBooking, "{", "{"+long+",", 1), []openapi.FieldError{{Field: "body/reason", Message: "has at most 2000 characters"}}},
		"wrong type":   {strings.Replace(goodBooking, "{", `{"reason":5,`, 1), []openapi.FieldError{{Field: "body/reason", Message: "is of type string"}}},
		"not JSON":     {`{"` + secret, []openapi.FieldError{{Field: "body", Message: "is not valid JSON"}}},
		"not a object": {`[]`, []openapi.FieldError{{Field: "body", Message: "is of type object"}}},
		"no body":      {``, []openapi.FieldError{{Field: "body", Message: "is required: send a JSON object"}}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			got := h.post("/v1/appointments", h.as(domain.RolePatient), c.body)
			p := got.problem(http.StatusBadRequest, domain.CodeInvalid)
			require.ElementsMatch(t, c.want, p.Errors)
			require.NotContains(t, got.Body.String(), secret, "values are not repeated")
			require.Empty(t, h.store.bookings)
			require.NotContains(t, h.log.String(), secret)
		})
	}
}

// PostgreSQL refuses such texts: they must not get so far.
func TestTextsThatNoDatabaseTakesAreRefused(t *testing.T) {
	h := newHarness(t)
	for path, field := range map[string]string{
		"/v1/doctors?speciality=%00": "query/speciality", "/v1/doctors?name=a%ffb": "query/name",
	} {
		p := h.get(path, h.as(domain.RolePatient)).problem(http.StatusBadRequest, domain.CodeInvalid)
		require.Equal(t, []openapi.FieldError{{Field: field, Message: "is text in UTF-8 without NUL characters"}}, p.Errors)
	}
	body := strings.Replace(goodBooking, "{", `{"reason":"a\u0000b",`, 1)
	p := h.post("/v1/appointments", h.as(domain.RolePatient), body).problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Equal(t, "body/reason", p.Errors[0].Field)
	require.Empty(t, h.store.bookings)

	literal := strings.Replace(goodBooking, "{", `{"reason":"a\\u0000b",`, 1)
	h.post("/v1/appointments", h.as(domain.RolePatient), literal).status(http.StatusCreated)
}

func TestParametersThatDoNotFit(t *testing.T) {
	h := newHarness(t)
	slots := "/v1/doctors/" + idDoctor + "/slots?type_id=" + idType
	for path, field := range map[string]string{
		"/v1/appointments?limit=0":                                                "query/limit",
		"/v1/appointments?limit=101":                                              "query/limit",
		"/v1/appointments?limit=many":                                             "query/limit",
		"/v1/appointments?status=lost":                                            "query/status/0",
		"/v1/appointments?cursor=???":                                             "query/cursor",
		"/v1/appointments?cursor=bm90IGEgY3Vyc29y":                                "query/cursor",
		"/v1/appointments?doctor=" + idDoctor:                                     "query/doctor",
		"/v1/appointments?from=2026-03-02":                                        "query/from",
		"/v1/appointments?from=2026-03-02T00:00:00Z&to=" + "2026-03-01T00:00:00Z": "query/to",
		"/v1/appointments/7":                                                      "path/appointment_id",
		"/v1/doctors/{" + idDoctor + "}":                                          "path/doctor_id",
		slots:                                                                     "query/from",
		slots + "&from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z":              "query/to",
		slots + "&from=2026-03-02T00:00:00Z&to=2026-04-02T00:00:01Z":              "query/to",
		slots + "&from=2026-03-02T00:00:00+01:00&to=2026-03-03T00:00:00Z":         "query/from",
	} {
		p := h.get(path, h.as(domain.RolePatient)).problem(http.StatusBadRequest, domain.CodeInvalid)
		require.NotEmpty(t, p.Errors, path)
		require.Equal(t, field, p.Errors[0].Field, path)
	}
}

func TestACommandWithoutAKeyIsToldSo(t *testing.T) {
	h := newHarness(t)
	for _, path := range []string{"/v1/appointments", "/v1/appointments/" + idAppointment + "/confirm"} {
		got := h.do(request{method: http.MethodPost, path: path, token: h.as(domain.RoleStaff), body: map[bool]string{true: goodBooking}[path == "/v1/appointments"]})
		got.problem(http.StatusBadRequest, CodeIdempotencyKeyRequired)
	}
	for _, key := range []string{strings.Repeat("k", 256), "with space", "ü"} {
		h.post("/v1/appointments", h.as(domain.RoleStaff), goodBooking, headerIdempotencyKey, key).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
}

func TestABodyNobodyAskedForIsRefused(t *testing.T) {
	h := newHarness(t)
	p := h.post("/v1/appointments/"+idAppointment+"/confirm", h.as(domain.RoleStaff), `{"a":1}`).problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Equal(t, "body", p.Errors[0].Field)
}

func TestBodiesAreBounded(t *testing.T) {
	h := newHarness(t)
	h.post("/v1/appointments", h.as(domain.RolePatient), strings.Repeat(" ", 64<<10+1)).problem(http.StatusRequestEntityTooLarge, CodePayloadTooLarge)

	// The same when the length is not told beforehand.
	req := request{method: http.MethodPost, path: "/v1/sessions", body: `{"email":"` + strings.Repeat("a", 64<<10) + `"}`}
	server := httptestServer(t, h)
	got, err := http.Post(server+req.path, "application/json", &unknownLength{strings.NewReader(req.body)})
	require.NoError(t, err)
	defer got.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, got.StatusCode)
}

func TestAnotherMediaTypeIsRefused(t *testing.T) {
	h := newHarness(t)
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", ""} {
		h.post("/v1/appointments", h.as(domain.RolePatient), goodBooking, "Content-Type", contentType).
			problem(http.StatusUnsupportedMediaType, CodeUnsupportedMediaType)
	}
	h.post("/v1/appointments", h.as(domain.RolePatient), goodBooking, "Content-Type", "application/json; charset=utf-8").status(http.StatusCreated)
}

func TestNamesThatCallersMakeUpAreShortened(t *testing.T) {
	h := newHarness(t)
	p := h.get("/v1/doctors?"+strings.Repeat("n", 500)+"=1", h.as(domain.RolePatient)).problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Less(t, len(p.Errors[0].Field), 60)
}
