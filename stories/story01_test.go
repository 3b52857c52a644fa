package stories_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/stories/clinic"
)

// 50 patients ask for the same free slot at once, some for partly overlapping times,
// some for another appointment type: one 201, the others 409, one live row.
func TestStory01_SameSlotSameInstant(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	short, long := c.NewType(30, `{}`), c.NewType(60, `{"buffer_before": "5m"}`)
	users, patients := c.NewPatients(50)
	start := clinic.InMinutes(24 * 60)

	answers := make([]clinic.Answer, len(users))
	gate := make(chan struct{})
	var asking sync.WaitGroup
	for i, u := range users {
		b := clinic.Booking(start)
		b.PatientID, b.TypeID = patients[i], short
		switch i % 5 {
		case 1:
			b.StartsAt = start.Add(10 * time.Minute)
		case 2:
			b.StartsAt = start.Add(-10 * time.Minute)
		case 3:
			b.TypeID = long
		}
		asking.Go(func() {
			<-gate
			answers[i], _ = u.Try(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", domain.NewID())
		})
	}
	close(gate)
	asking.Wait()

	created := 0
	for _, a := range answers {
		if a.Status == http.StatusCreated {
			created++
			continue
		}
		require.Equal(t, http.StatusConflict, a.Status, a)
		require.Equal(t, string(domain.CodeSlotTaken), a.Problem())
	}
	// Half an hour from ten minutes before and from ten minutes after: each overlaps all
	// the others, so that whoever is first leaves room for nobody.
	live := c.Count(`SELECT count(*) FROM appointments WHERE status = 'requested'`)
	require.Equal(t, created, live)
	overlaps := c.Count(`SELECT count(*) FROM appointments a JOIN appointments b
		ON a.id < b.id AND a.doctor_id = b.doctor_id AND a.occupied && b.occupied`)
	require.Zero(t, overlaps, "no two visits overlap")
	require.Equal(t, 1, created)
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM outbox WHERE topic = 'start'`))
}
