package letters_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no zones, or other ones

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
)

var update = flag.Bool("update", false, "write the golden files anew; read the difference before you keep it")

func data(to domain.Recipient, locale string) domain.LetterData {
	start := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	d := domain.LetterData{
		MessageID: "0190b6c2-0000-7000-8000-00000000000a", AppointmentID: "0190b6c2-7f1e-7cc0-8000-000000000001", Recipient: to,
		RecipientName: "Asha Rao", Address: "asha@example.com", Locale: locale, TimeZone: "Asia/Kolkata",
		ClinicName: "Riverside Clinic", ClinicAddress: "12 Water Street, New York", DoctorName: "Dr. Mara Weiss",
		PatientName: "Asha Rao", VisitTimeZone: "America/New_York", StartsAt: start, EndsAt: start.Add(30 * time.Minute),
		Sequence: 2, Price: domain.Money{Minor: 8000, Currency: "EUR"}, Refunded: domain.Money{Minor: 4000, Currency: "EUR"},
		PayBy: start.Add(-20 * time.Hour), AnswerBy: start.Add(-2 * time.Hour),
		ReceiptCode: "R-000042", Fee: domain.Money{Minor: 2400, Currency: "EUR"}, DisputeBy: start.Add(72 * time.Hour),
		Offers: []domain.Window{
			{Start: start.Add(24 * time.Hour), End: start.Add(24*time.Hour + 30*time.Minute)},
			{Start: start.Add(7 * 24 * time.Hour), End: start.Add(7*24*time.Hour + 30*time.Minute)}, // after New York's change of clocks
		},
		Link: "https://careflow.example/a/0190b6c2", ReminderLead: 24 * time.Hour, WrittenAt: time.Date(2026, 2, 20, 8, 30, 0, 0, time.UTC), OrganizerMail: "visits@riverside.example",
	}
	if to == domain.RecipientDoctor {
		d.RecipientName, d.Address, d.TimeZone = "Dr. Mara Weiss", "weiss@riverside.example", "America/New_York"
	}
	return d
}

// written lists every letter there is.
func written() map[domain.Recipient][]domain.MessageKind {
	return map[domain.Recipient][]domain.MessageKind{
		domain.RecipientPatient: {
			domain.MessageRequestReceived, domain.MessageConfirmed, domain.MessageReceipt, domain.MessageDeclined,
			domain.MessageExpired, domain.MessageCancelled, domain.MessageMoved, domain.MessageReminder, domain.MessageRefunded,
			domain.MessageFeeNotice, domain.MessageFeeKept, domain.MessageFeeWaived, domain.MessageCorrected,
			domain.MessagePaymentReleased,
		},
		domain.RecipientDoctor: {
			domain.MessageRequestToDoctor, domain.MessageConfirmed, domain.MessageExpired, domain.MessageCancelled,
			domain.MessageMoved, domain.MessageReminder,
		},
	}
}

func eachLetter(t *testing.T, check func(t *testing.T, kind domain.MessageKind, d domain.LetterData, m domain.Mail)) {
	t.Helper()
	for to, kinds := range written() {
		for _, kind := range kinds {
			for _, locale := range []string{"en", "de"} {
				t.Run(fmt.Sprintf("%s/%s_%s", locale, to, kind), func(t *testing.T) {
					d := data(to, locale)
					m, err := letters.Render(kind, d)
					require.NoError(t, err)
					check(t, kind, d, m)
				})
			}
		}
	}
}

func TestLettersReadAsTheGoldenFiles(t *testing.T) {
	eachLetter(t, func(t *testing.T, kind domain.MessageKind, d domain.LetterData, m domain.Mail) {
		got := "Subject: " + m.Subject + "\nTo: " + m.ToName + " <" + m.To + ">\n\n" + m.Text + "\n\n" + m.HTML
		for _, a := range m.Attachments {
			got += "\n\n" + a.Name + " (" + a.ContentType + ")\n" + strings.ReplaceAll(string(a.Content), "\r\n", "\n")
		}
		path := filepath.Join("testdata", d.Locale, fmt.Sprintf("%s_%s.golden", d.Recipient, kind))
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got)
	})
}

func TestEveryTemplateBelongsToALetterAndEveryLocaleHasAll(t *testing.T) {
	for _, locale := range []string{"en", "de"} {
		files, err := os.ReadDir(filepath.Join("templates", locale))
		require.NoError(t, err)
		n := 0
		for _, kinds := range written() {
			n += len(kinds)
		}
		require.Len(t, files, n)
	}
}

// TestLettersCannotSayWhatTheVisitIsAbout holds the fields a letter may draw on: whoever
// adds one decides here whether a stranger may read it over someone's shoulder.
func TestLettersCannotSayWhatTheVisitIsAbout(t *testing.T) {
	allowed := map[string]bool{}
	for f := range strings.FieldsSeq(`MessageID AppointmentID Recipient RecipientName Address Locale TimeZone ClinicName
		ClinicAddress DoctorName PatientName VisitTimeZone StartsAt EndsAt Sequence Price Refunded PayBy AnswerBy Link
		IntentID Generation ReceiptCode ReminderLead WrittenAt OrganizerMail Fee DisputeBy Offers Mode JoinURL`) {
		allowed[f] = true
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[domain.LetterData]()) {
		require.True(t, allowed[f.Name], "may a letter hold %s?", f.Name)
	}
	forbidden := []string{"special", "fach", "reason", "grund", "anlass", "note", "notiz", "diagnos", "symptom", "treatment", "behandlung"}
	eachLetter(t, func(t *testing.T, _ domain.MessageKind, _ domain.LetterData, m domain.Mail) {
		for _, part := range append(attached(m), m.Subject, m.Text, m.HTML) {
			for _, word := range forbidden {
				require.NotContains(t, strings.ToLower(part), word)
			}
		}
	})
}

func TestSubjectsNameNobody(t *testing.T) {
	eachLetter(t, func(t *testing.T, _ domain.MessageKind, d domain.LetterData, m domain.Mail) {
		for _, name := range []string{d.RecipientName, d.PatientName, d.DoctorName, d.ClinicName} {
			require.NotContains(t, m.Subject, name)
		}
		require.NotEmpty(t, m.Subject)
		require.NotContains(t, m.Subject, "\n")
	})
}

func TestPatientsNameIsInTheDoctorsLettersOnly(t *testing.T) {
	eachLetter(t, func(t *testing.T, _ domain.MessageKind, d domain.LetterData, _ domain.Mail) {
		d.PatientName, d.RecipientName = "Somebody Else", "Reader"
		kind := domain.MessageConfirmed
		m, err := letters.Render(kind, d)
		require.NoError(t, err)
		require.Equal(t, d.Recipient == domain.RecipientDoctor, strings.Contains(m.Text, "Somebody Else"))
		for _, part := range attached(m) {
			require.NotContains(t, part, "Somebody Else", "calendars are shared")
		}
	})
}

func TestHTMLEscapesEverything(t *testing.T) {
	d := data(domain.RecipientPatient, "en")
	evil := `<script>alert("x")</script>`
	d.RecipientName, d.DoctorName, d.ClinicName, d.ClinicAddress, d.Link = evil, evil, evil, evil, `javascript:alert("x")`
	m, err := letters.Render(domain.MessageConfirmed, d)
	require.NoError(t, err)
	require.NotContains(t, m.HTML, "<script")
	require.NotContains(t, m.HTML, "javascript:")
	require.Contains(t, m.Text, evil, "plain text stays as it is")
}

func TestFreeVisitAsksForNoMoney(t *testing.T) {
	for _, locale := range []string{"en", "de"} {
		d := data(domain.RecipientPatient, locale)
		d.Price, d.Refunded, d.PayBy = domain.Money{Currency: "EUR"}, domain.Money{}, time.Time{}
		for _, kind := range []domain.MessageKind{domain.MessageRequestReceived, domain.MessageDeclined, domain.MessageExpired, domain.MessageCancelled} {
			m, err := letters.Render(kind, d)
			require.NoError(t, err)
			require.NotContains(t, m.Text, "EUR")
			require.NotContains(t, strings.ToLower(m.Text), "card")
			require.NotContains(t, strings.ToLower(m.Text), "karte")
		}
	}
}

func TestOtherTimesAreNamedOnlyWhereThereAreAny(t *testing.T) {
	for _, kind := range []domain.MessageKind{domain.MessageExpired, domain.MessageDeclined} {
		d := data(domain.RecipientPatient, "en")
		m, err := letters.Render(kind, d)
		require.NoError(t, err)
		require.Contains(t, m.Text, "Free: Tuesday, 3 March 2026, 20:30–21:00 IST (UTC+05:30)", "in the reader's zone")
		require.Contains(t, m.Text, "Choose another time:\n"+d.Link)
		d.Offers = nil
		m, err = letters.Render(kind, d)
		require.NoError(t, err)
		require.NotContains(t, m.Text, "Free:")
		require.NotContains(t, strings.ToLower(m.Text), "another time", "nothing is promised that cannot be had")
	}
}

func TestOtherLanguagesFallBackToEnglish(t *testing.T) {
	english, err := letters.Render(domain.MessageReminder, data(domain.RecipientPatient, "en"))
	require.NoError(t, err)
	german, err := letters.Render(domain.MessageReminder, data(domain.RecipientPatient, "de"))
	require.NoError(t, err)
	for locale, want := range map[string]domain.Mail{"": english, "fr": english, "en-GB": english, "de-AT": german, "de_CH": german} {
		m, err := letters.Render(domain.MessageReminder, data(domain.RecipientPatient, locale))
		require.NoError(t, err)
		require.Equal(t, want, m, locale)
	}
}

func TestLetterThatDoesNotExistIsRefused(t *testing.T) {
	_, err := letters.Render(domain.MessageReceipt, data(domain.RecipientDoctor, "en"))
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	d := data(domain.RecipientPatient, "en")
	d.TimeZone = "Mars/Olympus"
	_, err = letters.New().Render(domain.MessageConfirmed, d)
	require.Equal(t, domain.CodeInvalidTimeZone, domain.CodeOf(err))
}

func attached(m domain.Mail) []string {
	var out []string
	for _, a := range m.Attachments {
		out = append(out, string(a.Content))
	}
	return out
}
