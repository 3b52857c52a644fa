package stories_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	ical "github.com/arran4/golang-ical"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/appointment"
)

const kolkata = "Asia/Kolkata"

// changes returns the next two days on which the clocks of a zone change, at least two
// days from now, by the instant of the change.
func changes(t *testing.T, zone *time.Location) []time.Time {
	t.Helper()
	var found []time.Time
	for at := time.Now().Add(48 * time.Hour).In(zone); len(found) < 2; {
		_, at = at.ZoneBounds()
		require.False(t, at.IsZero(), "%s has changes", zone)
		at = at.In(zone)
		found = append(found, at)
	}
	return found
}

// practice is a doctor with free visits of half an hour that are confirmed at once, and
// with hours in the night too, so that the changes of the clocks are in them.
type practice struct {
	c                *clinic.Clinic
	zone             *time.Location
	doctorID, typeID string
}

func newPractice(t *testing.T, c *clinic.Clinic, zone, doctorID string) practice {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	if doctorID == "" {
		doctorID = domain.NewID()
		c.Exec(`INSERT INTO doctors (id, clinic_id, name, time_zone, fee_minor, fee_currency)
			SELECT $1, id, 'Dr. Isla', $2, 0, 'AUD' FROM clinics`, doctorID, zone)
		c.Exec(`INSERT INTO doctor_schedules (doctor_id) VALUES ($1)`, doctorID)
		c.Exec(`INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute) SELECT $1, d, 780, 1080 FROM generate_series(0, 6) d`, doctorID)
	}
	c.Exec(`INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute) SELECT $1, d, 0, 240 FROM generate_series(0, 6) d`, doctorID)
	return practice{c: c, zone: loc, doctorID: doctorID, typeID: newFreeType(c, doctorID, `["24h", "2h"]`)}
}

func newFreeType(c *clinic.Clinic, doctorID, reminders string) string {
	id := domain.NewID()
	c.Exec(`INSERT INTO appointment_types (id, doctor_id, name, duration_minutes, step_minutes, booking_window_days, price_minor, price_currency, terms)
		VALUES ($1, $2, 'Visit', 30, 30, 730, 0, 'USD', $3)`, id, doctorID, `{"instant_confirm": true, "reminders": `+reminders+`}`)
	return id
}

// slots are the offered ones of the day of an instant.
func (p practice) slots(t *testing.T, u *clinic.User, day time.Time) []openapi.Slot {
	t.Helper()
	y, m, d := day.In(p.zone).Date()
	from, to := time.Date(y, m, d, 0, 0, 0, 0, p.zone), time.Date(y, m, d+1, 0, 0, 0, 0, p.zone)
	query := url.Values{"type_id": {p.typeID}, "from": {from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}}
	a := u.Do(http.MethodGet, "/v1/doctors/"+p.doctorID+"/slots?"+query.Encode(), nil)
	require.Equal(t, http.StatusOK, a.Status, a)
	var list openapi.SlotList
	require.NoError(t, json.Unmarshal(a.Body, &list))
	return list.Items
}

// clocks are the local times of slots, such as "13:00 -04:00", in [from, to) by the clock.
func clocks(slots []openapi.Slot, from, to string) (list []string) {
	for _, s := range slots {
		clock := s.LocalTime[11:16]
		if clock >= from && clock < to {
			list = append(list, clock+" "+s.StartsAt.Format("-07:00"))
		}
	}
	return list
}

// Story 13: a doctor in New York, there from 13:00 to 18:00, and a patient in Kolkata. On
// both days of a year on which the clocks change, everything says 13:00.
func TestStory13_ThirteenOClockIsThirteenOClock(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	p := newPractice(t, c, "America/New_York", seed.DoctorNYID)
	caregiver := c.Login("caregiver")
	patient := seed.ChildID
	type visit struct {
		booked openapi.Appointment
		start  time.Time
	}
	var visits []visit
	for _, change := range changes(t, p.zone) {
		offset := change.Format("-07:00")
		slots := p.slots(t, caregiver, change)
		require.Equal(t, []string{
			"13:00 " + offset, "13:30 " + offset, "14:00 " + offset, "14:30 " + offset, "15:00 " + offset,
			"15:30 " + offset, "16:00 " + offset, "16:30 " + offset, "17:00 " + offset, "17:30 " + offset,
		}, clocks(slots, "13:00", "19:00"), "on the day of the change")
		before := change.Add(-time.Minute).In(p.zone).Format("-07:00")
		require.Equal(t, "13:00 "+before, clocks(p.slots(t, caregiver, change.AddDate(0, 0, -1)), "13:00", "19:00")[0], "the day before has the other offset")

		y, m, d := change.Date()
		start := time.Date(y, m, d, 13, 0, 0, 0, p.zone)
		// The first reminder comes within a minute, though the visit is months away.
		soon := (time.Until(start) - 30*time.Second).Truncate(time.Second)
		b := openapi.Booking{
			DoctorID: p.doctorID, PatientID: patient, StartsAt: start,
			TypeID: newFreeType(c, p.doctorID, fmt.Sprintf(`["%s", "24h", "2h"]`, soon)),
		}
		visits = append(visits, visit{caregiver.Book(b), start})
	}
	for _, v := range visits {
		allSayThirteen(t, c, caregiver, v.booked, v.start)
	}
}

// allSayThirteen looks at everything that says when a visit is.
func allSayThirteen(t *testing.T, c *clinic.Clinic, u *clinic.User, a openapi.Appointment, start time.Time) {
	t.Helper()
	day := start.Format("2006-01-02")
	require.Equal(t, day+"T13:00:00", a.LocalTime)
	require.Equal(t, "America/New_York", a.TimeZone)
	require.Equal(t, start.Format(time.RFC3339), a.StartsAt.Format(time.RFC3339))
	var stored time.Time
	var promised string
	require.NoError(t, c.DB.QueryRow(t.Context(), `SELECT starts_at, local_start FROM appointments WHERE id = $1`, a.ID).Scan(&stored, &promised))
	require.True(t, start.Equal(stored), "%s", stored)
	require.Equal(t, start.Format(time.RFC3339), promised)

	u.Await(a.ID, domain.StatusConfirmed)
	reader, err := time.LoadLocation(kolkata)
	require.NoError(t, err)
	there, here := start.Format("15:04")+"–"+start.Add(30*time.Minute).Format("15:04")+" "+start.Format("MST"), start.In(reader).Format("15:04")
	for _, kind := range []string{"confirmed", "reminder"} {
		letter := letterOf(t, c, a.ID, kind)
		require.Contains(t, letter.Text, "Local time of the visit: "+start.Weekday().String()+", ", kind)
		require.Contains(t, letter.Text, there, "%s: the clock at the doctor's", kind)
		require.Regexp(t, "When: .*, "+here+".* IST", letter.Text, "%s: the patient's own clock", kind)
		if kind == "confirmed" {
			require.Len(t, letter.Attachments, 1)
			require.Contains(t, string(letter.Attachments[0].Content), "DTSTART;TZID=America/New_York:"+start.Format("20060102")+"T130000")
			cal, err := ical.ParseCalendar(strings.NewReader(string(letter.Attachments[0].Content)))
			require.NoError(t, err)
			at, err := cal.Events()[0].GetStartAt()
			require.NoError(t, err)
			require.True(t, start.Equal(at), "%s", at)
			require.Len(t, cal.Timezones(), 1)
		}
	}
	// The next reminder is counted back from 13:00 by the hour, not by the clock.
	testkit.Eventually(t, func() bool {
		at, ok := nextStep(t, c, a.ID)
		return ok && at.Equal(start.Add(-24*time.Hour))
	}, "the next reminder is a day before")
}

func letterOf(t *testing.T, c *clinic.Clinic, id, kind string) sandbox.Mail {
	t.Helper()
	var found sandbox.Mail
	testkit.Eventually(t, func() bool {
		var message string
		err := c.DB.QueryRow(t.Context(), `SELECT id::text FROM messages WHERE appointment_id = $1 AND kind = $2 AND recipient = 'patient' AND status = 'sent'`, id, kind).Scan(&message)
		if err != nil {
			return false
		}
		for _, m := range c.Sandbox.Mailbox() {
			if m.MessageID == message {
				found = m
			}
		}
		return found.ID != ""
	}, "the letter %s of %s is there", kind, id)
	return found
}

// nextStep is when a process acts next, as people see it in Temporal UI.
func nextStep(t *testing.T, c *clinic.Clinic, id string) (time.Time, bool) {
	t.Helper()
	run, err := c.Temporal().DescribeWorkflow(testkit.Context(t), appointment.WorkflowID(id), "")
	require.NoError(t, err)
	at, ok := run.TypedSearchAttributes.GetTime(searchattr.NextStepAt)
	return at, ok
}

// A time that the clocks skip is not offered; one that they show twice is offered once,
// the first time.
func TestStory13_TheNightsOfTheChange(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	caregiver := c.Login("caregiver")
	newYork := newPractice(t, c, "America/New_York", seed.DoctorNYID)
	lordHowe := newPractice(t, c, "Australia/Lord_Howe", "")
	nights := map[bool]map[*time.Location][]string{ // by whether the clocks go forward
		true: {
			newYork.zone:  {"00:00 -05:00", "00:30 -05:00", "01:00 -05:00", "01:30 -05:00", "03:00 -04:00", "03:30 -04:00"},
			lordHowe.zone: {"00:00 +10:30", "00:30 +10:30", "01:00 +10:30", "01:30 +10:30", "02:30 +11:00", "03:00 +11:00", "03:30 +11:00"},
		},
		false: {
			newYork.zone:  {"00:00 -04:00", "00:30 -04:00", "01:00 -04:00", "01:30 -04:00", "02:00 -05:00", "02:30 -05:00", "03:00 -05:00", "03:30 -05:00"},
			lordHowe.zone: {"00:00 +11:00", "00:30 +11:00", "01:00 +11:00", "01:30 +11:00", "02:00 +10:30", "02:30 +10:30", "03:00 +10:30", "03:30 +10:30"},
		},
	}
	for _, p := range []practice{newYork, lordHowe} {
		for _, change := range changes(t, p.zone) {
			_, was := change.Add(-time.Second).Zone()
			_, is := change.Zone()
			slots := p.slots(t, caregiver, change)
			require.Equal(t, nights[is > was][p.zone], clocks(slots, "00:00", "04:00"), "%s", change)
			require.Equal(t, "13:00 "+change.Format("-07:00"), clocks(slots, "13:00", "19:00")[0])
			if is > was {
				continue
			}
			// The second 01:30 (the first minute after the change that shows it) is no slot.
			second := change.Add(time.Duration(was-is)*time.Second - 30*time.Minute)
			require.Equal(t, "01:30", second.Format("15:04"))
			b := openapi.Booking{DoctorID: p.doctorID, TypeID: p.typeID, PatientID: seed.ChildID, StartsAt: second}
			refused := caregiver.Do(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", domain.NewID())
			require.Equal(t, "slot_not_offered", refused.Problem(), refused)
			b.StartsAt = second.Add(-time.Duration(was-is) * time.Second)
			first := caregiver.Book(b)
			require.Equal(t, "01:30", first.LocalTime[11:16])
			require.True(t, first.StartsAt.Equal(b.StartsAt))
			require.Equal(t, change.Add(-time.Second).Format("-07:00"), first.StartsAt.Format("-07:00"), "its offset says which of the two")
		}
	}
}
