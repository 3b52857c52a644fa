package letters_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ical "github.com/arran4/golang-ical"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
)

// visits are around changes of their zones, and where there are none.
var visits = map[string]struct {
	zone    string
	start   time.Time
	minutes int
}{
	"new_york_before_spring":   {"America/New_York", time.Date(2027, 3, 13, 18, 0, 0, 0, time.UTC), 30},
	"new_york_spring":          {"America/New_York", time.Date(2027, 3, 14, 17, 0, 0, 0, time.UTC), 30},
	"new_york_autumn":          {"America/New_York", time.Date(2027, 11, 7, 18, 0, 0, 0, time.UTC), 30},
	"new_york_over_the_change": {"America/New_York", time.Date(2027, 11, 7, 5, 30, 0, 0, time.UTC), 60}, // 01:30 EDT to 01:30 EST
	"new_york_second_0130":     {"America/New_York", time.Date(2027, 11, 7, 6, 30, 0, 0, time.UTC), 15},
	"new_york_midsummer":       {"America/New_York", time.Date(2027, 7, 15, 17, 0, 0, 0, time.UTC), 30},
	"kolkata":                  {"Asia/Kolkata", time.Date(2027, 7, 15, 4, 0, 0, 0, time.UTC), 30},
	"lord_howe_april":          {"Australia/Lord_Howe", time.Date(2027, 4, 3, 15, 0, 0, 0, time.UTC), 30},
	"lord_howe_october":        {"Australia/Lord_Howe", time.Date(2027, 10, 2, 15, 45, 0, 0, time.UTC), 30},
	"dublin":                   {"Europe/Dublin", time.Date(2027, 10, 31, 9, 0, 0, 0, time.UTC), 30},
	"utc":                      {"UTC", time.Date(2027, 10, 31, 9, 0, 0, 0, time.UTC), 30},
}

func calendarOf(t *testing.T, zone string, start time.Time, minutes int) string {
	t.Helper()
	d := data(domain.RecipientPatient, "en")
	d.VisitTimeZone, d.StartsAt = zone, start
	d.EndsAt = start.Add(time.Duration(minutes) * time.Minute)
	m, err := letters.Render(domain.MessageConfirmed, d)
	require.NoError(t, err)
	require.Len(t, m.Attachments, 1)
	return string(m.Attachments[0].Content)
}

func TestCalendarEntriesAroundChangesOfClocks(t *testing.T) {
	for name, v := range visits {
		t.Run(name, func(t *testing.T) {
			text := calendarOf(t, v.zone, v.start, v.minutes)
			path := filepath.Join("testdata", "calendar", name+".ics")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "\r\n", "\n")), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), strings.ReplaceAll(text, "\r\n", "\n"))

			cal, err := ical.ParseCalendar(strings.NewReader(text))
			require.NoError(t, err)
			event := cal.Events()[0]
			from, err := event.GetStartAt()
			require.NoError(t, err)
			require.True(t, v.start.Equal(from), "%s", from)
			// By the rules in the file alone, as a calendar without zone data reads it.
			require.Equal(t, v.start, byItsOwnRules(t, cal, event.GetProperty(ical.ComponentPropertyDtStart)))
			require.Equal(t, v.start.Add(time.Duration(v.minutes)*time.Minute), byItsOwnRules(t, cal, event.GetProperty(ical.ComponentPropertyDtEnd)))
		})
	}
}

// byItsOwnRules reads an instant by the VTIMEZONE of its calendar: the observance whose
// onset was the last before the local time; a repeated time is the first.
func byItsOwnRules(t *testing.T, cal *ical.Calendar, p *ical.IANAProperty) time.Time {
	t.Helper()
	if at, err := time.Parse("20060102T150405Z", p.Value); err == nil {
		return at
	}
	local, err := time.Parse("20060102T150405", p.Value)
	require.NoError(t, err)
	zone := cal.Timezones()[0]
	require.Equal(t, zone.GetProperty(ical.ComponentPropertyTzid).Value, p.ICalParameters["TZID"][0])
	var found, onset time.Time
	for _, c := range zone.Components {
		get := func(name string) string {
			for _, q := range c.UnknownPropertiesIANAProperties() {
				if q.IANAToken == name {
					return q.Value
				}
			}
			require.Fail(t, "no "+name)
			return ""
		}
		since, err := time.Parse("20060102T150405", get("DTSTART"))
		require.NoError(t, err)
		from, to := seconds(t, get("TZOFFSETFROM")), seconds(t, get("TZOFFSETTO"))
		// The clock jumps at the onset: what it shows next is later by the difference, or
		// had been shown before.
		if shown := since.Add(max(0, to-from)); !local.Before(shown) && !since.Before(onset) {
			found, onset = local.Add(-to), since
			if to < from && local.Before(since) {
				found = local.Add(-from)
			}
		}
	}
	require.False(t, found.IsZero(), "no observance holds at %s", p.Value)
	return found
}

func seconds(t *testing.T, offset string) time.Duration {
	t.Helper()
	d, err := time.Parse("-0700", offset)
	require.NoError(t, err)
	_, s := d.Zone()
	return time.Duration(s) * time.Second
}

// Every hour of a year, in zones of every kind: the entry says the instant.
func TestCalendarEntriesSayTheInstantAllYearRound(t *testing.T) {
	for _, zone := range []string{"America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "Pacific/Apia"} {
		for start := time.Date(2027, 1, 1, 0, 30, 0, 0, time.UTC); start.Year() == 2027; start = start.Add(7 * time.Hour) {
			cal, err := ical.ParseCalendar(strings.NewReader(calendarOf(t, zone, start, 45)))
			require.NoError(t, err)
			event := cal.Events()[0]
			require.Equal(t, start, byItsOwnRules(t, cal, event.GetProperty(ical.ComponentPropertyDtStart)), "%s %s", zone, start)
			end := byItsOwnRules(t, cal, event.GetProperty(ical.ComponentPropertyDtEnd))
			require.Equal(t, start.Add(45*time.Minute), end, "%s %s", zone, start)
		}
	}
}

func TestAVideoVisitHasALinkInThePlaceOfAnAddress(t *testing.T) {
	for to, kinds := range written() {
		for _, kind := range kinds {
			for locale, video := range map[string]string{"en": "Video visit", "de": "Videotermin"} {
				d := data(to, locale)
				d.Mode, d.JoinURL = domain.Telehealth, "https://video.example/room"
				m, err := letters.Render(kind, d)
				require.NoError(t, err)
				all := m.Text + m.HTML + fmt.Sprintf("%s", m.Attachments)
				require.NotContains(t, all, d.ClinicAddress, "%s %s", to, kind)
				on := kind == domain.MessageConfirmed || kind == domain.MessageMoved || kind == domain.MessageReminder
				require.Equal(t, on, strings.Contains(m.Text, d.JoinURL) && strings.Contains(m.HTML, d.JoinURL), "%s %s", to, kind)
				if on {
					require.Contains(t, m.Text, video)
				}
				for _, a := range m.Attachments {
					require.Contains(t, string(a.Content), "LOCATION:"+video)
					require.Equal(t, on, strings.Contains(string(a.Content), "URL:"+d.JoinURL))
				}
			}
		}
	}
	d := data(domain.RecipientPatient, "en")
	d.JoinURL = "https://video.example/room" // in person: a link left over says nothing
	m, err := letters.Render(domain.MessageConfirmed, d)
	require.NoError(t, err)
	require.NotContains(t, m.Text, d.JoinURL)
}
