package stories_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/browser"
	"github.com/careflow/careflow/stories/clinic"
)

// A move to a time that was just taken leaves everything as it was: the old slot, the
// payment and the reminders.
func TestStory14_AMoveToATakenTimeChangesNothing(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET locale = 'en' WHERE email = $1`, paula)
	patient, a := confirmed(t, c, `{"reminders": ["48h"]}`)
	link := c.VisitLink(paula, "is confirmed")
	before := patient.Appointment(a.ID)
	taken := before.StartsAt.UTC().Add(2 * time.Hour)
	others, ids := c.NewPatients(1)
	b := clinic.Booking(taken)
	b.TypeID, b.PatientID = a.TypeID, ids[0]
	others[0].Book(b)

	refused := patient.Command(a.ID, "reschedule", map[string]any{"starts_at": taken}, domain.NewID())
	require.Equal(t, http.StatusConflict, refused.Status, refused)
	require.Equal(t, string(domain.CodeSlotTaken), refused.Problem())
	status, page := submit(t, link, "move", taken, domain.NewID())
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, page, "Someone else took that time a moment ago")

	after := patient.Appointment(a.ID)
	require.Equal(t, before.StartsAt, after.StartsAt)
	require.Equal(t, before.Version, after.Version)
	require.Equal(t, before.Payment, after.Payment)
	require.Equal(t, 0, after.Reschedules)
	require.NotContains(t, patient.Kinds(a.ID), "rescheduled")
	require.Zero(t, c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND kind = 'moved'`, a.ID))
	status, page = visitPage(t, link)
	require.Equal(t, http.StatusOK, status, "the link of the time that holds still works")
	require.Contains(t, page, "It is confirmed.")

	// The reminder is still that of the old time: it comes up when the clock says so.
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointments WHERE id = $1 AND status = 'confirmed' AND sequence = 0`, a.ID))
}

// A move from the visit's page: no second payment, one live row, a higher SEQUENCE, and
// the old link refuses and says where the new one is. A doubled click is one move.
func TestStory14_AMoveIsDoneOnceAndTheOldLinkRefuses(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET locale = 'en' WHERE email = $1`, paula)
	patient, a := confirmed(t, c, `{"reschedule_limit": 5}`)
	old := c.VisitLink(paula, "is confirmed")
	before := patient.Appointment(a.ID)

	tab := browser.Open(t)
	require.Equal(t, http.StatusOK, tab.Go(old))
	tab.Click(`a[href$="/move"]`)
	tab.Sees("Choose a free time")
	tab.Shoot("times")
	tab.Click(`a[href*="from="]`)
	tab.Sees("Earlier week")
	tab.Script(`document.querySelectorAll("input[type=radio]")[1].focus()`)
	tab.Keys(browser.Space, browser.Down) // the third time, with the keyboard alone
	start, err := time.Parse(time.RFC3339, tab.Value(`document.querySelector("input:checked").value`))
	require.NoError(t, err)
	tab.Script(`document.querySelector("form").addEventListener("submit", function (e) { const f = e.target; setTimeout(function () { f.submit(); }, 0); }, {once: true})`)
	tab.Keys(browser.Enter) // and its double
	tab.Sees("Your appointment has moved")
	tab.Wide()
	tab.Shoot("moved")

	after := patient.Appointment(a.ID)
	require.True(t, after.StartsAt.Equal(start), "%s, not %s", after.StartsAt, start)
	require.Equal(t, domain.StatusConfirmed, domain.Status(after.Status))
	require.Equal(t, 1, after.Reschedules)
	require.Equal(t, before.Payment, after.Payment)
	require.Len(t, c.Sandbox.Ledger().Payments, 1, "no second payment")
	require.Equal(t, 1, c.Sandbox.Ledger().Payments[0].Captures)
	require.Equal(t, 1, count(patient.Kinds(a.ID), "rescheduled"))
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointments WHERE patient_id = $1 AND status = 'confirmed'`, after.PatientID), "one live row")

	fresh := c.VisitLink(paula, "has moved")
	require.NotEqual(t, old, fresh)
	require.Equal(t, []string{"0", "1"}, sequences(c), "calendars replace the entry")
	require.Equal(t, http.StatusGone, tab.Go(old))
	tab.Sees("This appointment has moved")
	require.Contains(t, tab.Text(), "The newest letter")
	tab.Shoot("old_link")
	for _, action := range []string{"cancel", "move"} {
		status, page := submit(t, old, action, start.Add(time.Hour), domain.NewID())
		require.Equal(t, http.StatusGone, status, page)
	}
	require.Equal(t, http.StatusOK, tab.Go(fresh))
	require.Equal(t, after.Version, patient.Appointment(a.ID).Version, "the old link did nothing")
}

// Two moves of one visit at once, by one link and by the API: one wins, the other is told.
func TestStory14_OfTwoMovesAtOnceOneWins(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, a := confirmed(t, c, `{"reschedule_limit": 50}`)
	link := c.VisitLink(paula, "bestätigt")
	start := patient.Appointment(a.ID).StartsAt.UTC()

	const each = 6
	statuses := make([]int, 2*each)
	var all sync.WaitGroup
	for n := range each {
		all.Go(func() {
			statuses[n], _ = submitted(t.Context(), link, "move", start.Add(time.Duration(n+1)*time.Hour), domain.NewID())
		})
		all.Go(func() {
			got, err := patient.Try(http.MethodPost, "/v1/appointments/"+a.ID+"/reschedule",
				map[string]any{"starts_at": start.Add(time.Duration(n+10) * time.Hour)}, "Idempotency-Key", domain.NewID(), "Prefer", "wait=60")
			if err == nil {
				statuses[each+n] = got.Status
			}
		})
	}
	all.Wait()
	testkit.Eventually(t, func() bool { return patient.Appointment(a.ID).Reschedules >= 1 }, "one move is done")
	byLink := statuses[:each]
	require.LessOrEqual(t, count(byLink, http.StatusOK), 1, "one link moves once: %v", byLink)
	for _, status := range byLink {
		require.Contains(t, []int{http.StatusOK, http.StatusAccepted, http.StatusGone, http.StatusTooManyRequests}, status, "%v", statuses)
	}
	moves := patient.Appointment(a.ID).Reschedules
	require.Equal(t, moves, count(patient.Kinds(a.ID), "rescheduled"))
	require.Equal(t, moves, c.Count(`SELECT sequence FROM appointments WHERE id = $1`, a.ID))
	require.Len(t, c.Sandbox.Ledger().Payments, 1)
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointments WHERE status = 'confirmed'`))
}

func count[T comparable](list []T, one T) int {
	n := 0
	for _, v := range list {
		if v == one {
			n++
		}
	}
	return n
}

var sequence = regexp.MustCompile(`SEQUENCE:(\d+)`)

// sequences are those of the patient's calendar entries, in the order of the letters.
func sequences(c *clinic.Clinic) []string {
	var found []string
	for _, m := range c.Sandbox.Mailbox() {
		for _, file := range m.Attachments {
			if n := sequence.FindStringSubmatch(string(file.Content)); n != nil && m.To[0].Email == paula {
				found = append(found, n[1])
			}
		}
	}
	slices.Sort(found)
	return found
}

// submit sends the form of a visit's page, as its browser would.
func submit(t *testing.T, link, action string, start time.Time, key string) (int, string) {
	t.Helper()
	status, page := submitted(t.Context(), link, action, start, key)
	require.NotZero(t, status, page)
	return status, page
}

func submitted(ctx context.Context, link, action string, start time.Time, key string) (int, string) {
	form := url.Values{"token": {link[strings.LastIndex(link, "/")+1:]}, "key": {key}}
	if action == "move" {
		form.Set("starts_at", start.UTC().Format(time.RFC3339))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, link+"/"+action, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return answer(req)
}

func answer(req *http.Request) (int, string) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(page)
}

func visitPage(t *testing.T, link string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	require.NoError(t, err)
	return answer(req)
}
