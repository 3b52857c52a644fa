package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// free is a doctor with hours on Mondays, in minutes after midnight in Berlin.
func free(doctor, typeID string, price int64, length time.Duration, from, to int, busy ...domain.Window) domain.Availability {
	terms := domain.DefaultTerms()
	terms.Price, terms.Zone, terms.InstantConfirm = domain.Money{Minor: price, Currency: "EUR"}, "Europe/Berlin", true
	return domain.Availability{
		Schedule: domain.Schedule{Zone: "Europe/Berlin", Hours: []domain.LocalHours{{Weekday: time.Monday, Start: from, End: to}}},
		Type: domain.AppointmentType{ID: typeID, DoctorID: doctor, Terms: terms, Rules: domain.SlotRules{
			Duration: domain.Duration(length), Step: domain.Duration(30 * time.Minute), BookingWindow: domain.Duration(90 * 24 * time.Hour),
		}},
		Busy: busy,
	}
}

func TestSeveralDoctorsFreeTimesAreOneList(t *testing.T) {
	t.Parallel()
	monday := time.Date(2031, 3, 3, 0, 0, 0, 0, time.UTC)
	nine := monday.Add(8 * time.Hour) // 09:00 in Berlin
	candidates := []domain.Availability{
		free("a", "a1", 8000, 30*time.Minute, 9*60, 10*60),
		free("a", "a2", 9000, 60*time.Minute, 9*60, 10*60), // the same doctor counts once
		free("b", "b1", 7000, 30*time.Minute, 9*60+30, 10*60+30),
		free("c", "c1", 7000, 30*time.Minute, 9*60, 10*60, domain.Window{Start: nine, End: nine.Add(time.Hour)}),
	}
	span := domain.Window{Start: monday.Add(-48 * time.Hour), End: monday.Add(8 * 24 * time.Hour)}
	slots, more, err := domain.JointSlots(candidates, span, 100, monday.Add(-72*time.Hour))
	require.NoError(t, err)
	require.False(t, more)
	eur := func(minor int64) domain.Money { return domain.Money{Minor: minor, Currency: "EUR"} }
	half, hour := domain.Duration(30*time.Minute), domain.Duration(time.Hour)
	week := 7 * 24 * time.Hour
	require.Equal(t, []domain.JointSlot{
		{Start: nine, Doctors: 1, Prices: []domain.Money{eur(8000), eur(9000)}, Durations: []domain.Duration{half, hour}},
		{Start: nine.Add(30 * time.Minute), Doctors: 2, Prices: []domain.Money{eur(7000), eur(8000)}, Durations: []domain.Duration{half}},
		{Start: nine.Add(time.Hour), Doctors: 1, Prices: []domain.Money{eur(7000)}, Durations: []domain.Duration{half}},
		{Start: nine.Add(week), Doctors: 2, Prices: []domain.Money{eur(7000), eur(8000), eur(9000)}, Durations: []domain.Duration{half, hour}},
		{Start: nine.Add(week + 30*time.Minute), Doctors: 3, Prices: []domain.Money{eur(7000), eur(8000)}, Durations: []domain.Duration{half}},
		{Start: nine.Add(week + time.Hour), Doctors: 1, Prices: []domain.Money{eur(7000)}, Durations: []domain.Duration{half}},
	}, slots)

	first, more, err := domain.JointSlots(candidates, span, 2, monday.Add(-72*time.Hour))
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, slots[:2], first)
	span.Start = first[1].Start.Add(time.Nanosecond)
	rest, more, err := domain.JointSlots(candidates, span, 4, monday.Add(-72*time.Hour))
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, slots[2:], rest, "the next page goes on where the last ended")
}

func TestTheSharedZoneIsTheDoctorsOrUTC(t *testing.T) {
	t.Parallel()
	berlin, newYork := free("a", "a1", 0, time.Hour, 0, 60), free("b", "b1", 0, time.Hour, 0, 60)
	newYork.Schedule.Zone = "America/New_York"
	require.Equal(t, "UTC", domain.SharedZone(nil))
	require.Equal(t, "Europe/Berlin", domain.SharedZone([]domain.Availability{berlin, berlin}))
	require.Equal(t, "UTC", domain.SharedZone([]domain.Availability{berlin, newYork}))
}

func TestCandidatesAreTriedFairlyAndInAStableOrder(t *testing.T) {
	t.Parallel()
	c := func(doctor, typeID string, price int64, visits int) domain.Candidate {
		return domain.Candidate{DoctorID: doctor, TypeID: typeID, Price: domain.Money{Minor: price, Currency: "EUR"}, Visits: visits}
	}
	list := []domain.Candidate{c("a", "1", 1, 3), c("c", "1", 1, 1), c("b", "3", 2, 1), c("b", "2", 1, 1), c("b", "1", 2, 1)}
	domain.FairOrder(list)
	require.Equal(t, []domain.Candidate{c("b", "2", 1, 1), c("b", "1", 2, 1), c("b", "3", 2, 1), c("c", "1", 1, 1), c("a", "1", 1, 3)}, list)
}

func TestALocalDayHasTheLengthThatItHas(t *testing.T) {
	t.Parallel()
	for date, hours := range map[string]float64{"2031-03-29": 24, "2031-03-30": 23, "2031-10-26": 25} {
		noon, err := time.Parse(time.RFC3339, date+"T11:00:00Z")
		require.NoError(t, err)
		day, err := domain.Schedule{Zone: "Europe/Berlin"}.LocalDay(noon)
		require.NoError(t, err)
		require.InDelta(t, hours, day.End.Sub(day.Start).Hours(), 0, date)
	}
}
