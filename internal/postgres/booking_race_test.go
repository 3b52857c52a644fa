package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// atOnce calls fn n times at the same instant and returns the codes ("" for success).
func atOnce(n int, fn func(i int) error) map[domain.Code]int {
	var (
		mu    sync.Mutex
		done  sync.WaitGroup
		codes = map[domain.Code]int{}
		start = make(chan struct{})
	)
	for i := range n {
		done.Go(func() {
			<-start
			code := domain.CodeOf(fn(i))
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	close(start)
	done.Wait()
	return codes
}

func TestFiftyBookingsOfOneTimeLeadToOneVisit(t *testing.T) {
	t.Parallel()
	c := open(t)
	accounts, patients := c.people(t, 50)
	codes := atOnce(50, func(i int) error {
		r := visit(nine)
		switch i % 3 { // the same time, partly overlapping ones, another type
		case 1:
			r = call(nine.Add(15 * time.Minute))
		case 2:
			r = call(nine)
		}
		if i%3 == 1 && i%2 == 0 { // overlaps visits at 09:00 by its neighbour's buffer, calls at 09:15 partly
			r = call(nine.Add(15 * time.Minute))
		}
		r.PatientID = patients[i]
		_, err := c.try(t.Context(), domain.Caller{UserID: accounts[i], Roles: patient.Roles}, r)
		return err
	})
	require.Equal(t, 50, codes[""]+codes[domain.CodeSlotTaken], "%v", codes)
	overlaps := c.count(t, `appointments a JOIN appointments b ON a.id < b.id AND a.doctor_id = b.doctor_id AND a.occupied && b.occupied`)
	require.Zero(t, overlaps)
	// A half-hour visit leaves room for nothing else here; two calls fit beside each other.
	require.Contains(t, []int{1, 2}, codes[""])
	require.Equal(t, codes[""], c.count(t, "appointments"))
	require.Equal(t, codes[""], c.count(t, "outbox"))
	require.Equal(t, codes[""], c.count(t, "appointment_events"))
	require.Equal(t, codes[""], c.count(t, "idempotency_keys"), "losers keep no key")
}

func TestFiftyOverlappingBookingsOfOneVisitLeadToExactlyOne(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, "UPDATE appointment_types SET step_minutes = 5")
	accounts, patients := c.people(t, 50)
	codes := atOnce(50, func(i int) error {
		r := visit(nine.Add(time.Duration(i%5) * 5 * time.Minute)) // all of them share 09:20 to 09:30
		if i%7 == 0 {
			r = call(nine.Add(20 * time.Minute))
		}
		r.PatientID = patients[i]
		_, err := c.try(t.Context(), domain.Caller{UserID: accounts[i], Roles: patient.Roles}, r)
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeSlotTaken: 49}, codes)
	require.Equal(t, 1, c.count(t, "appointments"))
}

func TestOneAccountNeverHoldsMoreThanThreeUnpaidVisits(t *testing.T) {
	t.Parallel()
	c := open(t)
	codes := atOnce(8, func(i int) error {
		_, err := c.try(t.Context(), patient, visit(later([]int{0, 1, 2, 5, 24, 25, 26, 29}[i])))
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 3, domain.CodeTooManyHolds: 5}, codes)
	require.Equal(t, 3, c.count(t, "appointments"))
}

func TestOneKeyUsedTwiceAtOnceBooksOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := newKey(patient)
	var mu sync.Mutex
	answers := map[string]int{}
	codes := atOnce(6, func(int) error {
		resp, _, err := c.Book(t.Context(), patient, visit(nine), key, now, render)
		mu.Lock()
		defer mu.Unlock()
		answers[string(resp.Body)]++
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 6}, codes)
	require.Len(t, answers, 1)
	require.Equal(t, 1, c.count(t, "appointments"))
}

func TestATimeOffThatIsSavedMeanwhileKeepsABookingOut(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(clinic){
		"first booking":    func(clinic) {},
		"remembered offer": func(c clinic) { c.book(t, patient, visit(later(1))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			before(c)
			timeOffDuringABooking(t, c)
		})
	}
}

func timeOffDuringABooking(t *testing.T, c clinic) {
	t.Helper()
	edit, err := c.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = edit.Rollback(t.Context()) }()
	_, err = edit.Exec(t.Context(), "SELECT 1 FROM doctor_schedules FOR UPDATE")
	require.NoError(t, err)
	booked := make(chan error, 1)
	go func() {
		_, err := c.try(t.Context(), patient, visit(nine))
		booked <- err
	}()
	require.Eventually(t, func() bool {
		return c.count(t, "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
	}, 30*time.Second, 10*time.Millisecond, "the booking waits for the edit")
	_, err = edit.Exec(t.Context(), `INSERT INTO doctor_time_off SELECT gen_random_uuid(), doctor_id, '2031-03-04', '2031-03-05' FROM doctor_schedules`)
	require.NoError(t, err)
	require.NoError(t, edit.Commit(t.Context()))
	require.Equal(t, domain.CodeSlotNotOffered, domain.CodeOf(<-booked))
}
