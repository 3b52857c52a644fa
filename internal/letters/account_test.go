package letters_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
)

func accountData(kind domain.AccountMessageKind, locale string) domain.AccountLetter {
	at := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	d := domain.AccountLetter{
		MessageID: "0190b6c2-0000-7000-8000-00000000000a", RecipientName: "Asha Rao", Address: "asha@example.com", Locale: locale,
		TimeZone: "Asia/Kolkata", ClinicName: "Riverside Clinic", At: at,
	}
	if kind == domain.MessageLoginAlert {
		d.Device = "Firefox on Linux"
	}
	if life := kind.LinkLife(); life > 0 {
		d.Link, d.LinkUntil = "https://careflow.example/account/cfl_x", at.Add(life)
	}
	return d
}

func eachAccountLetter(t *testing.T, check func(t *testing.T, kind domain.AccountMessageKind, d domain.AccountLetter, m domain.Mail)) {
	t.Helper()
	for _, kind := range domain.AccountMessageKinds() {
		for _, locale := range []string{"en", "de"} {
			t.Run(locale+"/"+string(kind), func(t *testing.T) {
				d := accountData(kind, locale)
				m, err := letters.RenderAccount(kind, d)
				require.NoError(t, err)
				check(t, kind, d, m)
			})
		}
	}
}

func TestLettersOfAccountsReadAsTheGoldenFiles(t *testing.T) {
	eachAccountLetter(t, func(t *testing.T, kind domain.AccountMessageKind, d domain.AccountLetter, m domain.Mail) {
		got := "Subject: " + m.Subject + "\nTo: " + m.ToName + " <" + m.To + ">\n\n" + m.Text + "\n\n" + m.HTML
		path := filepath.Join("testdata", "account", d.Locale, string(kind)+".golden")
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got)
	})
}

func TestALinkAndItsEndAreInTheLettersThatHaveOne(t *testing.T) {
	eachAccountLetter(t, func(t *testing.T, kind domain.AccountMessageKind, d domain.AccountLetter, m domain.Mail) {
		has := kind.LinkLife() > 0
		require.Equal(t, has, strings.Contains(m.Text, "https://"), m.Text)
		require.Equal(t, has, strings.Contains(m.HTML, "<a href="), m.HTML)
		require.NotContains(t, m.Subject, d.RecipientName)
		require.NotContains(t, m.Subject, d.ClinicName)
		require.Contains(t, m.Text, d.ClinicName)
	})
}

func TestADeviceCannotWriteIntoALetter(t *testing.T) {
	d := accountData(domain.MessageLoginAlert, "en")
	d.Device, d.RecipientName = `<script>alert("x")</script>`, `<b>x</b>`
	m, err := letters.RenderAccount(domain.MessageLoginAlert, d)
	require.NoError(t, err)
	require.NotContains(t, m.HTML, "<script")
	require.NotContains(t, m.HTML, "<b>")
}

func TestALetterOfAnAccountThatDoesNotExistIsRefused(t *testing.T) {
	_, err := letters.RenderAccount("greeting", accountData(domain.MessageLoginAlert, "en"))
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	d := accountData(domain.MessageLoginAlert, "en")
	d.TimeZone = "Mars/Olympus"
	_, err = letters.RenderAccount(domain.MessageLoginAlert, d)
	require.Equal(t, domain.CodeInvalidTimeZone, domain.CodeOf(err))
}
