package letters_test

import (
	"mime"
	"strings"
	"testing"
	"time"

	ical "github.com/arran4/golang-ical"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
)

func TestTimesAreTheReadersWithTheVisitsBesideThem(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return v
	}
	tests := map[string]struct {
		reader, visit, start, end string
		want, not                 []string
	}{
		"before the change in New York, read in Kolkata": {
			reader: "Asia/Kolkata", visit: "America/New_York", start: "2026-03-07T18:00:00Z", end: "2026-03-07T18:30:00Z",
			want: []string{
				"When: Saturday, 7 March 2026, 23:30 IST (UTC+05:30) – Sunday, 8 March 2026, 00:00 IST (UTC+05:30)",
				"Local time of the visit: Saturday, 7 March 2026, 13:00–13:30 EST (UTC-05:00)",
			},
		},
		"on the day of the change": {
			reader: "Asia/Kolkata", visit: "America/New_York", start: "2026-03-08T17:00:00Z", end: "2026-03-08T17:30:00Z",
			want: []string{"Sunday, 8 March 2026, 22:30–23:00 IST (UTC+05:30)", "Sunday, 8 March 2026, 13:00–13:30 EDT (UTC-04:00)"},
		},
		"one zone, said once": {
			reader: "Europe/Berlin", visit: "Europe/Paris", start: "2026-03-02T09:00:00Z", end: "2026-03-02T09:30:00Z",
			want: []string{"Monday, 2 March 2026, 10:00–10:30 CET (UTC+01:00)"}, not: []string{"Local time of the visit"},
		},
		"the hour that comes twice": {
			reader: "America/New_York", visit: "America/New_York", start: "2026-11-01T05:30:00Z", end: "2026-11-01T06:15:00Z",
			want: []string{"Sunday, 1 November 2026, 01:30 EDT (UTC-04:00) – 01:15 EST (UTC-05:00)"},
		},
		"a shift of half an hour": {
			reader: "Australia/Lord_Howe", visit: "Australia/Lord_Howe", start: "2026-04-04T14:00:00Z", end: "2026-04-04T15:30:00Z",
			want: []string{"Sunday, 5 April 2026, 01:00 UTC+11:00 – 02:00 UTC+10:30"},
		},
		"over midnight": {
			reader: "Europe/Berlin", visit: "", start: "2026-03-02T22:45:00Z", end: "2026-03-02T23:15:00Z",
			want: []string{"Monday, 2 March 2026, 23:45 CET (UTC+01:00) – Tuesday, 3 March 2026, 00:15 CET (UTC+01:00)"},
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			d := data(domain.RecipientPatient, "en")
			d.TimeZone, d.VisitTimeZone, d.StartsAt, d.EndsAt = c.reader, c.visit, at(c.start), at(c.end)
			m, err := letters.Render(domain.MessageConfirmed, d)
			require.NoError(t, err)
			for _, want := range c.want {
				require.Contains(t, m.Text, want)
			}
			for _, not := range c.not {
				require.NotContains(t, m.Text, not)
			}
			entry := parse(t, m)
			start, err := entry.GetStartAt()
			require.NoError(t, err)
			require.True(t, start.Equal(d.StartsAt), "mail and calendar agree")
		})
	}
}

func TestCalendarEntriesReplaceAndRemoveEachOther(t *testing.T) {
	tests := map[domain.MessageKind]struct{ method, status string }{
		domain.MessageConfirmed: {"REQUEST", "CONFIRMED"},
		domain.MessageMoved:     {"REQUEST", "CONFIRMED"},
		domain.MessageCancelled: {"CANCEL", "CANCELLED"},
	}
	for kind, want := range tests {
		t.Run(string(kind), func(t *testing.T) {
			d := data(domain.RecipientPatient, "en")
			d.ClinicName = "Praxis Müller; \"Süd\", O'Hara\nund Söhne mit einem sehr langen Namen, der umbrochen werden muss"
			m, err := letters.Render(kind, d)
			require.NoError(t, err)
			require.Len(t, m.Attachments, 1)
			_, params, err := mime.ParseMediaType(m.Attachments[0].ContentType)
			require.NoError(t, err)
			require.Equal(t, want.method, params["method"])

			raw := string(m.Attachments[0].Content)
			require.Contains(t, raw, "\r\nMETHOD:"+want.method+"\r\n")
			require.Contains(t, raw, "\r\nDTSTAMP:20260220T083000Z\r\n")
			for line := range strings.SplitSeq(raw, "\r\n") {
				require.LessOrEqual(t, len(line), 75)
				require.NotContains(t, line, "\n")
			}
			entry := parse(t, m)
			require.Equal(t, d.AppointmentID+"@careflow", entry.Id())
			require.Equal(t, "2", entry.GetProperty(ical.ComponentPropertySequence).Value)
			require.Equal(t, want.status, entry.GetProperty(ical.ComponentPropertyStatus).Value)
			require.Equal(t, "mailto:visits@riverside.example", entry.GetProperty(ical.ComponentPropertyOrganizer).Value)
			require.Equal(t, "mailto:asha@example.com", entry.GetProperty(ical.ComponentPropertyAttendee).Value)
			require.Contains(t, entry.GetProperty(ical.ComponentPropertySummary).Value, "O'Hara")
		})
	}
}

func TestOnlyNewsOfTheTimeBringACalendarEntry(t *testing.T) {
	for _, kind := range []domain.MessageKind{domain.MessageReminder, domain.MessageReceipt, domain.MessageDeclined, domain.MessageRequestReceived} {
		m, err := letters.Render(kind, data(domain.RecipientPatient, "en"))
		require.NoError(t, err)
		require.Empty(t, m.Attachments)
	}
}

func parse(t *testing.T, m domain.Mail) *ical.VEvent {
	t.Helper()
	require.NotEmpty(t, m.Attachments)
	cal, err := ical.ParseCalendar(strings.NewReader(string(m.Attachments[0].Content)))
	require.NoError(t, err)
	require.Len(t, cal.Events(), 1)
	return cal.Events()[0]
}
