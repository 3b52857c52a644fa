package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// whatOffersDependOn is every change of what the query Offer reads, made behind the back of
// the process that remembers.
var whatOffersDependOn = map[string]string{
	"hours":            `INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute) VALUES ($1, 0, 60, 120)`,
	"fewer hours":      `DELETE FROM doctor_hours WHERE doctor_id = $1 AND weekday = 2`,
	"other hours":      `UPDATE doctor_hours SET end_minute = end_minute - 1 WHERE doctor_id = $1`,
	"another day":      `INSERT INTO doctor_overrides (doctor_id, day) VALUES ($1, '2031-03-04')`,
	"time off":         `INSERT INTO doctor_time_off (id, doctor_id, starts_at, ends_at) VALUES (gen_random_uuid(), $1, '2031-03-04', '2031-03-05')`,
	"a type's length":  `UPDATE appointment_types SET duration_minutes = duration_minutes + 1 WHERE doctor_id = $1`,
	"a type's end":     `UPDATE appointment_types SET active = false WHERE doctor_id = $1`,
	"a doctor's name":  `UPDATE doctors SET name = 'Dr. Other' WHERE id = $1`,
	"a doctor's zone":  `UPDATE doctors SET time_zone = 'Europe/London' WHERE id = $1`,
	"a doctor's fee":   `UPDATE doctors SET fee_minor = fee_minor + 1 WHERE id = $1`,
	"a doctor's end":   `UPDATE doctors SET active = false WHERE id = $1`,
	"another currency": `UPDATE doctors SET fee_currency = 'CHF' WHERE id = $1`,
}

func TestEachChangeOfAnOfferGivesItAnotherStamp(t *testing.T) {
	t.Parallel()
	c := open(t)
	stamp := func(doctor string) string {
		return one[string](t, c, `SELECT stamp::text FROM doctor_schedules WHERE doctor_id = $1`, doctor)
	}
	other := stamp(seed.DoctorDemoID)
	for what, change := range whatOffersDependOn {
		before := stamp(seed.DoctorID)
		c.exec(t, change, seed.DoctorID)
		require.NotEqual(t, before, stamp(seed.DoctorID), what)
	}
	require.Equal(t, other, stamp(seed.DoctorDemoID), "another doctor's offer is as it was")
}

func TestABookingIsNeverMadeByAnOfferThatIsOver(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]domain.Code{
		"fewer hours": domain.CodeSlotNotOffered, "another day": domain.CodeSlotNotOffered, "time off": domain.CodeSlotNotOffered,
		"a type's end": domain.CodeDoctorInactive, "a doctor's end": domain.CodeDoctorInactive,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			c.book(t, patient, visit(nine)) // is remembered
			c.exec(t, whatOffersDependOn[what], seed.DoctorID)
			require.Equal(t, want, c.refused(t, patient, visit(later(1))))
		})
	}
	t.Run("price", func(t *testing.T) {
		t.Parallel()
		c := open(t)
		c.book(t, patient, visit(nine))
		c.exec(t, `UPDATE appointment_types SET price_minor = 12345, price_currency = 'EUR' WHERE id = $1`, seed.TypeVisitID)
		id := c.book(t, patient, visit(later(1)))
		require.Equal(t, int64(12345), one[int64](t, c, `SELECT (terms->'price'->>'minor')::bigint FROM appointments WHERE id = $1`, id))
	})
}

func TestASlotSearchSeesEachEdit(t *testing.T) {
	t.Parallel()
	c := open(t)
	search := func() domain.Availability {
		a, err := c.Availability(t.Context(), seed.DoctorID, seed.TypeVisitID, domain.Window{Start: nine, End: nine.AddDate(0, 0, 7)})
		require.NoError(t, err)
		return a
	}
	first := search()
	require.Equal(t, first, search(), "by what is remembered")
	c.exec(t, whatOffersDependOn["time off"], seed.DoctorID)
	require.Len(t, search().Schedule.TimeOff, len(first.Schedule.TimeOff)+1)
	c.book(t, patient, visit(later(30)))
	require.Len(t, search().Busy, len(first.Busy)+1, "visits are never remembered")
}
