package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// timeOff is time off that starts at an instant.
func timeOff(start time.Time, length time.Duration) domain.TimetableEdit {
	return domain.TimetableEdit{TimeOff: &domain.TimeOff{ID: domain.NewID(), Window: domain.Window{Start: start, End: start.Add(length)}}}
}

// edit changes the first doctor's schedule and returns what it affects.
func (c clinic) edit(t *testing.T, e domain.TimetableEdit) []string {
	t.Helper()
	change, err := c.EditTimetable(t.Context(), seed.DoctorID, 0, e, now)
	require.NoError(t, err)
	ids := []string{}
	for _, a := range change.Affected {
		ids = append(ids, a.ID)
	}
	return ids
}

func (c clinic) timetable(t *testing.T) domain.Timetable {
	t.Helper()
	table, err := c.Timetable(t.Context(), seed.DoctorID, domain.Window{Start: now, End: now.AddDate(0, 1, 0)})
	require.NoError(t, err)
	return table
}

// Bookings and a time off over their slots race, many times: whichever comes first, no
// visit lies within a time off whose answer does not name it.
func TestStory02_ATimeOffAndTheBookingsUnderWayKnowOfEachOther(t *testing.T) {
	t.Parallel()
	c := open(t)
	const rounds, bookings = 25, 6
	_, patients := c.people(t, bookings)
	in, out := 0, 0
	for round := range rounds {
		from := now.Add(2*time.Hour + time.Duration(round)*30*time.Minute)
		booked := make([]string, bookings)
		var change domain.TimetableChange
		codes := atOnce(bookings+1, func(i int) error {
			edit := round % (bookings + 1) // once the first to start, once the last
			if i == edit {
				var err error
				change, err = c.EditTimetable(t.Context(), seed.DoctorDemoID, 0, timeOff(from, 20*time.Minute), now)
				return err
			}
			n := i
			if i > edit {
				n--
			}
			id, err := c.try(t.Context(), staff, domain.BookingRequest{
				DoctorID: seed.DoctorDemoID, TypeID: seed.TypeDemoID, PatientID: patients[n], StartsAt: from.Add(time.Duration(3*n) * time.Minute),
			})
			booked[n] = id
			return err
		})
		require.Equal(t, bookings+1, codes[""]+codes[domain.CodeSlotNotOffered], "%v", codes)
		booked = slices.DeleteFunc(booked, func(id string) bool { return id == "" })
		named := []string{}
		for _, a := range change.Affected {
			named = append(named, a.ID)
		}
		require.ElementsMatch(t, booked, named, "round %d", round)
		in, out = in+len(booked), out+bookings-len(booked)
	}
	require.Equal(t, in, c.count(t, `appointments a JOIN doctor_time_off o USING (doctor_id)
		WHERE tstzrange(a.starts_at, a.ends_at) && tstzrange(o.starts_at, o.ends_at)`))
	t.Logf("%d bookings came first and were named, %d were refused", in, out)
}

func TestTimeOffListsTheLiveVisitsItHits(t *testing.T) {
	t.Parallel()
	c := open(t)
	first, second := c.book(t, patient, visit(nine)), c.book(t, patient, visit(later(1)))
	gone := c.book(t, patient, visit(later(2)))
	c.move(t, gone, domain.StatusCancelled)

	require.Empty(t, c.edit(t, timeOff(nine.Add(30*time.Minute), 30*time.Minute)), "between two visits")
	require.Equal(t, []string{second}, c.edit(t, timeOff(later(1).Add(29*time.Minute), time.Minute)))
	require.Equal(t, []string{first, second}, c.edit(t, timeOff(nine, 24*time.Hour)), "not the cancelled one")
	require.Equal(t, domain.StatusRequested, c.row(t, first).Status, "nothing happens to them by itself")
	require.Equal(t, domain.CodeSlotNotOffered, c.refused(t, staff, visit(later(2))))

	table := c.timetable(t)
	require.Len(t, table.TimeOff, 3)
	for _, off := range table.TimeOff {
		require.Empty(t, c.edit(t, domain.TimetableEdit{RemoveTimeOff: off.ID}))
	}
	require.Empty(t, c.timetable(t).TimeOff)
	c.book(t, staff, visit(later(2)))
	_, err := c.EditTimetable(t.Context(), seed.DoctorID, 0, domain.TimetableEdit{RemoveTimeOff: table.TimeOff[0].ID}, now)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestADayWithOtherHours(t *testing.T) {
	t.Parallel()
	c := open(t)
	early := c.book(t, patient, visit(nine))
	late := c.book(t, patient, visit(later(6)))
	day := func(hours ...domain.Stretch) domain.TimetableEdit {
		return domain.TimetableEdit{Override: &domain.DayOverride{Date: "2031-03-04", Hours: hours}}
	}
	require.Equal(t, []string{early}, c.edit(t, day(domain.Stretch{Start: 14 * 60, End: 20 * 60})))
	require.Equal(t, domain.CodeSlotNotOffered, c.refused(t, staff, visit(later(1))))
	c.book(t, caregiver, domain.BookingRequest{DoctorID: seed.DoctorID, TypeID: seed.TypeVisitID, PatientID: seed.ChildID, StartsAt: later(9)})

	require.Len(t, c.edit(t, day()), 3, "a day without hours")
	free, err := c.Availability(t.Context(), seed.DoctorID, seed.TypeVisitID, domain.Window{Start: nine, End: later(12)})
	require.NoError(t, err)
	slots, err := domain.Slots(free.Schedule, free.Type.Rules, free.Type.Terms, free.Busy, domain.Window{Start: nine, End: later(12)}, now)
	require.NoError(t, err)
	require.Empty(t, slots)
	require.Equal(t, []domain.DayOverride{{Date: "2031-03-04", Hours: []domain.Stretch{}}}, c.timetable(t).Overrides)

	require.Empty(t, c.edit(t, domain.TimetableEdit{RemoveOverride: "2031-03-04"}))
	c.book(t, staff, visit(later(1)))
	require.Equal(t, domain.StatusRequested, c.row(t, late).Status)
	_, err = c.EditTimetable(t.Context(), seed.DoctorID, 0, domain.TimetableEdit{RemoveOverride: "2031-03-04"}, now)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestTheWeekIsReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	c := open(t)
	tuesday := c.book(t, patient, visit(nine))
	wednesday := c.book(t, patient, visit(later(24)))
	hours := []domain.LocalHours{{Weekday: time.Tuesday, Start: 600, End: 720}, {Weekday: time.Wednesday, Start: 480, End: 720}}
	require.Equal(t, []string{tuesday}, c.edit(t, domain.TimetableEdit{Hours: &hours}))
	require.Equal(t, hours, c.timetable(t).Hours)
	none := []domain.LocalHours{}
	require.Equal(t, []string{tuesday, wednesday}, c.edit(t, domain.TimetableEdit{Hours: &none}))
	require.Empty(t, c.timetable(t).Hours)
	require.Equal(t, 3, c.timetable(t).Version)
}

func TestAnEditOfAScheduleThatWasChangedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	codes := atOnce(8, func(i int) error {
		_, err := c.EditTimetable(t.Context(), seed.DoctorID, 1, timeOff(later(i), time.Hour), now)
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeStale: 7}, codes)
	require.Equal(t, 1, c.count(t, "doctor_time_off"))
	require.Equal(t, 2, c.timetable(t).Version)

	overlap := []domain.LocalHours{{Start: 0, End: 60}, {Start: 30, End: 90}}
	_, err := c.EditTimetable(t.Context(), seed.DoctorID, 2, domain.TimetableEdit{Hours: &overlap}, now)
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	require.Equal(t, 2, c.timetable(t).Version)
	_, err = c.EditTimetable(t.Context(), domain.NewID(), 0, timeOff(nine, time.Hour), now)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	_, err = c.Timetable(t.Context(), domain.NewID(), domain.Window{Start: now, End: now})
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}
