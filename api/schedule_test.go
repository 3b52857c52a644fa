package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const (
	doctorPath = "/v1/doctors/" + idDoctor
	someWeek   = `{"items":[{"weekday":"monday","start":"09:00","end":"12:30"},{"weekday":"sunday","start":"00:00","end":"24:00"}]}`
)

// edit sends an edit made on a version.
func (h *harness) edit(method, path, token, body, match string) reply {
	h.t.Helper()
	return h.do(request{method: method, path: path, token: token, body: body, headers: []string{headerIfMatch, match}})
}

func TestTheWeekIsReadAndReplacedByItsVersion(t *testing.T) {
	h := newHarness(t)
	doctor := h.as(domain.RoleDoctor)
	got := h.get(doctorPath+"/hours", doctor).status(http.StatusOK)
	require.Equal(t, `"1"`, got.Header().Get("ETag"))
	require.Equal(t, openapi.WeeklyHours{TimeZone: "Europe/Berlin", Items: []openapi.HoursOfWeekday{
		{Weekday: openapi.WeekdayMonday, Start: "09:00", End: "24:00"},
	}}, decode[openapi.WeeklyHours](got))

	saved := h.edit(http.MethodPut, doctorPath+"/hours", doctor, someWeek, got.Header().Get("ETag")).status(http.StatusOK)
	require.Equal(t, `"2"`, saved.Header().Get("ETag"))
	require.Equal(t, idAppointment, decode[openapi.ScheduleSaved](saved).Affected[0].AppointmentID)
	require.Equal(t, []domain.LocalHours{{Weekday: time.Monday, Start: 540, End: 750}, {Weekday: time.Sunday, Start: 0, End: 1440}},
		*h.store.directory.edits[0].Hours)

	h.edit(http.MethodPut, doctorPath+"/hours", doctor, someWeek, `"1"`).problem(http.StatusPreconditionFailed, domain.CodeStale)
	h.edit(http.MethodPut, doctorPath+"/hours", doctor, someWeek, `*`).status(http.StatusOK)
	require.Len(t, h.store.directory.edits, 2)
}

func TestAnEditSaysWhichVersionItWasMadeOn(t *testing.T) {
	h := newHarness(t)
	staff := h.as(domain.RoleStaff)
	for _, edit := range []request{
		{method: http.MethodPut, path: "/hours", body: someWeek},
		{method: http.MethodPut, path: "/overrides/2026-03-14", body: `{"hours":[]}`},
		{method: http.MethodDelete, path: "/overrides/2026-03-14"},
		{method: http.MethodPost, path: "/time-off", body: `{"starts_at":"2026-03-02T00:00:00Z","ends_at":"2026-03-03T00:00:00Z"}`},
		{method: http.MethodDelete, path: "/time-off/" + idNobody},
	} {
		edit.path, edit.token = doctorPath+edit.path, staff
		h.do(edit).problem(http.StatusPreconditionRequired, CodePreconditionRequired)
		for _, wrong := range []string{"1", `W/"1"`, `"0"`, `"-1"`, `"one"`, `"`, `"99999999999"`} {
			edit.headers = []string{headerIfMatch, wrong}
			h.do(edit).problem(http.StatusPreconditionFailed, domain.CodeStale)
		}
		edit.headers = []string{headerIfMatch, `"1", "2"`}
		h.do(edit).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
	require.Empty(t, h.store.directory.edits)
}

func TestADoctorEditsTheOwnScheduleOnly(t *testing.T) {
	h := newHarness(t)
	other := h.token(domain.Account{ID: idAccount, Roles: []domain.Role{domain.RoleDoctor, domain.RolePatient}, DoctorID: idNobody})
	none := h.token(domain.Account{ID: idAccount, Roles: []domain.Role{domain.RoleDoctor}})
	for _, token := range []string{other, none} {
		h.get(doctorPath+"/hours", token).problem(http.StatusForbidden, domain.CodeForbidden)
		h.get(doctorPath+"/time-off", token).problem(http.StatusForbidden, domain.CodeForbidden)
		h.get(doctorPath+"/overrides", token).problem(http.StatusForbidden, domain.CodeForbidden)
		h.edit(http.MethodPut, doctorPath+"/hours", token, someWeek, "*").problem(http.StatusForbidden, domain.CodeForbidden)
		h.edit(http.MethodDelete, doctorPath+"/time-off/"+idNobody, token, "", "*").problem(http.StatusForbidden, domain.CodeForbidden)
	}
	require.Empty(t, h.store.directory.edits)
	h.edit(http.MethodPut, doctorPath+"/hours", h.as(domain.RoleAdmin), someWeek, "*").status(http.StatusOK)
	h.get("/v1/doctors/"+idNobody+"/hours", h.as(domain.RoleAdmin)).problem(http.StatusNotFound, domain.CodeNotFound)
}

func TestHoursThatAreNone(t *testing.T) {
	h := newHarness(t)
	staff := h.as(domain.RoleStaff)
	for body, says := range map[string]string{
		`{"items":[{"weekday":"monday","start":"09:00","end":"12:00"},{"weekday":"monday","start":"11:00","end":"13:00"}]}`: "Monday: the hours 09:00 to 12:00 and 11:00 to 13:00 overlap",
		`{"items":[{"weekday":"monday","start":"12:00","end":"09:00"}]}`:                                                    "do not end after they start",
		`{"items":[{"weekday":"monday","start":"24:00","end":"24:00"}]}`:                                                    "do not end after they start",
	} {
		p := h.edit(http.MethodPut, doctorPath+"/hours", staff, body, "*").problem(http.StatusBadRequest, domain.CodeInvalid)
		require.Contains(t, p.Detail, says)
	}
	for body, field := range map[string]string{
		`{"items":[{"weekday":"monday","start":"9:00","end":"12:00"}]}`:     "body/items/0/start",
		`{"items":[{"weekday":"monday","start":"09:00","end":"24:01"}]}`:    "body/items/0/end",
		`{"items":[{"weekday":"mon","start":"09:00","end":"10:00"}]}`:       "body/items/0/weekday",
		`{"items":[` + strings.Repeat(`{},`, 70) + `{}]}`:                   "body/items",
		`{"items":[{"weekday":"monday","start":"09:00:30","end":"12:00"}]}`: "body/items/0/start",
	} {
		p := h.edit(http.MethodPut, doctorPath+"/hours", staff, body, "*").problem(http.StatusBadRequest, domain.CodeInvalid)
		require.True(t, slices.ContainsFunc(p.Errors, func(e openapi.FieldError) bool { return e.Field == field }), field)
	}
	h.edit(http.MethodPut, doctorPath+"/overrides/2026-02-29", staff, `{"hours":[]}`, "*").problem(http.StatusBadRequest, domain.CodeInvalid)
	h.edit(http.MethodDelete, doctorPath+"/overrides/2026-02-30", staff, "", "*").problem(http.StatusBadRequest, domain.CodeInvalid)
	h.get(doctorPath+"/time-off?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", staff).problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Empty(t, h.store.directory.edits)
}

func TestADayWithOtherHours(t *testing.T) {
	h := newHarness(t)
	staff := h.as(domain.RoleStaff)
	list := decode[openapi.DayOverrideList](h.get(doctorPath+"/overrides", staff).status(http.StatusOK))
	require.Equal(t, []openapi.DayOverride{
		{Date: "2026-03-14", Hours: []openapi.HoursOfDay{{Start: "10:00", End: "13:00"}}}, {Date: "2026-04-03", Hours: []openapi.HoursOfDay{}},
	}, list.Items)
	require.Equal(t, []domain.Window{{Start: now, End: now.AddDate(1, 0, 0)}}, h.store.directory.spans, "the coming year")
	h.edit(http.MethodPut, doctorPath+"/overrides/2026-03-14", staff, `{"hours":[{"start":"20:00","end":"24:00"}]}`, `"1"`).status(http.StatusOK)
	require.Equal(t, domain.DayOverride{Date: "2026-03-14", Hours: []domain.Stretch{{Start: 1200, End: 1440}}}, *h.store.directory.edits[0].Override)
	gone := h.edit(http.MethodDelete, doctorPath+"/overrides/2026-03-14", staff, "", `"2"`).status(http.StatusNoContent)
	require.Equal(t, `"3"`, gone.Header().Get("ETag"))
}

func TestTimeOffAnswersWithTheVisitsItHits(t *testing.T) {
	h := newHarness(t)
	doctor := h.as(domain.RoleDoctor)
	body := `{"starts_at":"2026-03-02T00:00:00+01:00","ends_at":"2026-03-07T00:00:00+01:00"}`
	got := h.edit(http.MethodPost, doctorPath+"/time-off", doctor, body, `"1"`).status(http.StatusCreated)
	saved := decode[openapi.TimeOffSaved](got)
	require.Equal(t, "2026-03-02T09:00:00", saved.Affected[0].LocalTime)
	require.Equal(t, "Europe/Berlin", saved.Affected[0].TimeZone)
	require.NotContains(t, got.Body.String(), "mole", "no clinical text")
	require.Contains(t, got.Body.String(), `"starts_at":"2026-03-02T00:00:00+01:00"`)
	off := h.store.directory.edits[0].TimeOff
	require.Equal(t, saved.TimeOff.ID, off.ID)
	require.Equal(t, time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC), off.Start)

	h.edit(http.MethodPost, doctorPath+"/time-off", doctor, body, `"1"`).problem(http.StatusPreconditionFailed, domain.CodeStale)
	require.Len(t, h.store.directory.edits, 1, "sent again, it is not saved again")
	h.edit(http.MethodPost, doctorPath+"/time-off", doctor, `{"starts_at":"2026-03-02T00:00:00Z","ends_at":"2026-03-02T00:00:00Z"}`, `*`).
		problem(http.StatusBadRequest, domain.CodeInvalid)
	h.edit(http.MethodDelete, doctorPath+"/time-off/"+off.ID, doctor, "", `"2"`).status(http.StatusNoContent)
	require.Equal(t, off.ID, h.store.directory.edits[1].RemoveTimeOff)
}
