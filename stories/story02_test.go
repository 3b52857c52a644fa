package stories_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// patiently lets the API wait for the outcome of a command, so that each answer is one.
var patiently = []string{"CAREFLOW_COMMAND_WAIT=45s"}

// rush is a clinic in which visits are moved and booked at the same time.
type rush struct {
	t      *testing.T
	c      *clinic.Clinic
	doctor *clinic.User
	typeID string
	movers []*clinic.User // each with a paid visit
	visits []openapi.Appointment

	asking  sync.WaitGroup
	answers []*clinic.Answer // of the moves first; read them after asking is over
}

func newRush(t *testing.T, movers int) *rush {
	t.Helper()
	c := clinic.New(t, clinic.Options{Env: patiently})
	r := &rush{t: t, c: c, doctor: c.Login("doctor.demo"), typeID: c.NewType(30, `{}`)}
	users, patients := c.NewPatients(movers)
	for i, u := range users {
		b := clinic.Booking(clinic.InMinutes(5*24*60 + 40*i))
		b.TypeID, b.PatientID = r.typeID, patients[i]
		r.movers, r.visits = append(r.movers, u), append(r.visits, c.BookAndPay(u, b))
	}
	return r
}

// ask sends a request on its own and keeps its answer.
func (r *rush) ask(u *clinic.User, path string, body any) {
	answer := new(clinic.Answer)
	r.answers = append(r.answers, answer)
	r.asking.Go(func() { *answer, _ = u.Try(http.MethodPost, path, body, "Idempotency-Key", domain.NewID()) })
}

// move asks for another time for one of the paid visits.
func (r *rush) move(i int, to time.Time) {
	r.ask(r.movers[i], "/v1/appointments/"+r.visits[i].ID+"/reschedule", map[string]any{"starts_at": to})
}

// unmoved checks that a visit whose move was refused is as it was: time, money, letters
// and its process.
func (r *rush) unmoved(i int) {
	t, before := r.t, r.visits[i]
	t.Helper()
	after := r.movers[i].Appointment(before.ID)
	require.Equal(t, before.StartsAt.UTC(), after.StartsAt.UTC(), "it keeps its time")
	require.Equal(t, before.Version, after.Version)
	require.Equal(t, before.Status, after.Status)
	require.Equal(t, before.AnswerBy.UTC(), after.AnswerBy.UTC())
	require.Zero(t, after.Reschedules)
	require.NotContains(t, r.movers[i].Kinds(before.ID), "rescheduled")
	require.Equal(t, []string{"request_received patient", "request_to_doctor doctor"}, r.c.Messages(before.ID))
	for _, p := range r.c.Sandbox.Ledger().Payments {
		if p.AppointmentID == before.ID {
			require.Equal(t, int64(8000), p.Held, "its money is held as before")
		}
	}
	r.doctor.Must(before.ID, "confirm", nil)
	r.movers[i].Await(before.ID, domain.StatusConfirmed)
}

// underWay keeps every booking and move between its look at the schedule and its row, until
// release is called.
func (r *rush) underWay() (release func()) {
	r.t.Helper()
	ctx := context.Background()
	tx, err := r.c.DB.BeginTx(ctx, pgx.TxOptions{})
	require.NoError(r.t, err)
	_, err = tx.Exec(ctx, `LOCK TABLE appointment_events IN SHARE MODE`)
	require.NoError(r.t, err)
	return sync.OnceFunc(func() { require.NoError(r.t, tx.Rollback(ctx)) })
}

// awaitWaiting waits until so many transactions wait for a lock.
func (r *rush) awaitWaiting(n int, what string) {
	r.t.Helper()
	testkit.Eventually(r.t, func() bool {
		return r.c.Count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= n
	}, what)
}

// free is how many doctors the search says are free at a start.
func (r *rush) free(start time.Time) int {
	r.t.Helper()
	span := url.Values{
		"speciality": {"General Practice"}, "type_name": {"visit"}, "duration_minutes": {"30"},
		"from": {start.UTC().Format(time.RFC3339)}, "to": {start.Add(time.Minute).UTC().Format(time.RFC3339)},
	}
	found := r.doctor.Do(http.MethodGet, "/v1/slots?"+span.Encode(), nil)
	require.Equal(r.t, http.StatusOK, found.Status, found)
	var page openapi.JointSlotPage
	require.NoError(r.t, json.Unmarshal(found.Body, &page))
	for _, s := range page.Items {
		require.Equal(r.t, start.UTC(), s.StartsAt.UTC())
		return s.Doctors
	}
	return 0
}

func (r *rush) noOverlaps() {
	r.t.Helper()
	require.Zero(r.t, r.c.Count(`SELECT count(*) FROM appointments a JOIN appointments b
		ON a.id < b.id AND a.doctor_id = b.doctor_id AND a.occupied && b.occupied
		AND a.status NOT IN ('cancelled', 'expired', 'declined') AND b.status NOT IN ('cancelled', 'expired', 'declined')`))
}

// colleague is a second doctor of the same speciality with the same kind of visit.
func (r *rush) colleague() string {
	id := domain.NewID()
	r.c.Exec(`INSERT INTO doctors (id, clinic_id, name, speciality, languages, time_zone, fee_minor, fee_currency)
		SELECT $1, clinic_id, 'Dr. Second', speciality, languages, time_zone, fee_minor, fee_currency FROM doctors WHERE id = $2`, id, seed.DoctorDemoID)
	r.c.Exec(`INSERT INTO doctor_schedules (doctor_id) VALUES ($1)`, id)
	r.c.Exec(`INSERT INTO doctor_hours SELECT $1, weekday, start_minute, end_minute FROM doctor_hours WHERE doctor_id = $2`, id, seed.DoctorDemoID)
	r.c.Exec(`INSERT INTO appointment_types (id, doctor_id, name, duration_minutes, step_minutes, price_minor, price_currency)
		VALUES ($1, $2, 'Visit', 30, 1, 8000, 'EUR')`, domain.NewID(), id)
	return id
}

// Moves, any-doctor bookings and bookings want overlapping times of two doctors while
// each of them still looks free: each doctor's time goes to one, the others are told so and
// keep what they had.
func TestStory02_TwoAtOneTimeByAnotherWay(t *testing.T) {
	t.Parallel()
	r := newRush(t, 4)
	second := r.colleague()
	wanted := clinic.InMinutes(3 * 24 * 60)
	require.Equal(t, 2, r.free(wanted), "the search knows of both")
	users, patients := r.c.NewPatients(9)
	book := func(i int, change func(*openapi.Booking)) {
		b := clinic.Booking(wanted)
		b.PatientID, b.TypeID = patients[i], r.typeID
		change(&b)
		r.ask(users[i], "/v1/appointments", b)
	}
	release := r.underWay()
	defer release()
	for i := range r.movers { // each overlaps all the others
		r.move(i, wanted.Add(time.Duration(5*i)*time.Minute))
	}
	for i := range 3 {
		book(i, func(b *openapi.Booking) {
			b.DoctorID, b.TypeID = "", ""
			b.AnyDoctor = openapi.AnyDoctor{Speciality: "general practice", TypeName: "Visit", DurationMinutes: 30}
		})
	}
	r.awaitWaiting(5, "any-doctor bookings and moves are under way")
	for i := 3; i < len(users); i++ {
		book(i, func(*openapi.Booking) {})
	}
	release()
	r.asking.Wait()

	moved, booked := 0, 0
	for i, a := range r.answers {
		switch a.Status {
		case http.StatusOK:
			moved++
			require.Equal(t, wanted.Add(time.Duration(5*i)*time.Minute).UTC(), r.movers[i].Appointment(r.visits[i].ID).StartsAt.UTC())
		case http.StatusCreated:
			booked++
		default:
			require.Equal(t, string(domain.CodeSlotTaken), a.Problem(), a)
			if i < len(r.movers) {
				r.unmoved(i)
			}
		}
	}
	r.noOverlaps()
	held := `SELECT count(*) FROM appointments WHERE doctor_id = $1 AND starts_at < $2`
	soon := wanted.Add(time.Hour)
	require.Equal(t, 1, r.c.Count(held, seed.DoctorDemoID, soon), "the first doctor's time is held once")
	require.Equal(t, 1, r.c.Count(held, second, soon), "and the second's, since any of them would do")
	require.Equal(t, 2, moved+booked, "everyone else was told")
	require.Zero(t, r.free(wanted), "and of none any more")
	require.Equal(t, len(r.visits)+booked, r.c.Count(`SELECT count(*) FROM appointments`), "nothing is left of those who lost")
}

// Time off is saved while bookings and moves into it are under way: each is refused, or the
// answer to the time off names it.
func TestStory02_TimeOffSavedMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRush(t, 3)
	from := clinic.InMinutes(3 * 24 * 60)
	users, patients := r.c.NewPatients(8)
	book := func(i int) {
		b := clinic.Booking(from.Add(time.Duration(40*(i+3)) * time.Minute))
		b.PatientID, b.TypeID = patients[i], r.typeID
		if i%2 == 0 {
			b.AnyDoctor = openapi.AnyDoctor{TypeIds: []string{b.TypeID}}
			b.DoctorID, b.TypeID = "", ""
		}
		r.ask(users[i], "/v1/appointments", b)
	}
	path := "/v1/doctors/" + seed.DoctorDemoID + "/time-off"
	read := r.doctor.Do(http.MethodGet, path+"?from="+from.UTC().Format(time.RFC3339)+"&to="+from.Add(time.Hour).UTC().Format(time.RFC3339), nil)
	// Another replica, whose connections nobody else takes.
	doctor := r.doctor.At(r.c.StartReplica())

	release := r.underWay()
	defer release()
	for i := range r.movers {
		r.move(i, from.Add(time.Duration(40*i)*time.Minute))
	}
	book(0)
	book(1)
	r.awaitWaiting(5, "bookings and moves have seen a schedule without the time off")
	saving := make(chan clinic.Answer, 1)
	go func() {
		a, _ := doctor.Try(http.MethodPost, path, map[string]any{"starts_at": from, "ends_at": from.Add(12 * time.Hour)}, "If-Match", read.Header.Get("ETag"))
		saving <- a
	}()
	testkit.Eventually(t, func() bool {
		return len(saving) > 0 || r.c.Count(`SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%doctor_schedules%'`) > 0
	}, "the time off waits for them")
	for i := 2; i < len(users); i++ {
		book(i)
	}
	release()
	r.asking.Wait()
	answer := <-saving

	require.Equal(t, http.StatusCreated, answer.Status, answer)
	var saved openapi.TimeOffSaved
	require.NoError(t, json.Unmarshal(answer.Body, &saved))
	var named, inside []string
	for _, a := range saved.Affected {
		named = append(named, a.AppointmentID)
	}
	for i, a := range r.answers {
		switch a.Status {
		case http.StatusOK:
			inside = append(inside, r.visits[i].ID)
		case http.StatusCreated:
			var booked openapi.Appointment
			require.NoError(t, json.Unmarshal(a.Body, &booked))
			inside = append(inside, booked.ID)
		default:
			require.Equal(t, string(domain.CodeSlotNotOffered), a.Problem(), a)
			if i < len(r.movers) {
				r.unmoved(i)
			}
		}
	}
	require.GreaterOrEqual(t, len(inside), 5, "those under way have their time")
	slices.Sort(named)
	slices.Sort(inside)
	require.Equal(t, inside, named, "no visit lies in the time off that its answer does not name")
	require.Equal(t, len(inside), r.c.Count(`SELECT count(*) FROM appointments WHERE doctor_id = $1 AND starts_at < $2 AND ends_at > $3`,
		seed.DoctorDemoID, from.Add(12*time.Hour), from))
	t.Logf("%d were in time and are named, %d were refused", len(inside), len(r.answers)-len(inside))
}
