package pages

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryLanguageHasTheSameWords(t *testing.T) {
	verbs := regexp.MustCompile(`%(\[\d\])?[a-z]`)
	for locale, words := range languages {
		require.ElementsMatch(t, slices.Collect(maps.Keys(english)), slices.Collect(maps.Keys(words)), locale)
		for key, text := range words {
			require.NotEmpty(t, text, key)
			require.Len(t, verbs.FindAllString(text, -1), len(verbs.FindAllString(english[key], -1)), "%s of %s takes the same values", key, locale)
		}
	}
}

func TestTheLanguageIsTheReadersOrEnglish(t *testing.T) {
	for preferred, want := range map[string]string{
		"de": "de", "de-AT": "de", "de-CH,fr;q=0.8": "de", "fr,de;q=0.5": "de", "en-GB": "en", "": "en", "tlh": "en", "not a tag;;": "en", "ja": "en",
	} {
		require.Equal(t, want, Language(preferred), preferred)
	}
}

func TestNothingIsInline(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:>|\s[^>]*>\s*[^<\s])|javascript:`)
	files, err := templateFiles.ReadDir("templates")
	require.NoError(t, err)
	for _, file := range files {
		body, err := templateFiles.ReadFile("templates/" + file.Name())
		require.NoError(t, err)
		require.NotRegexp(t, inline, string(body), file.Name())
	}
}

func TestThePolicyAllowsWhatAPageAsksForAndNothingElse(t *testing.T) {
	require.Equal(t, "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", Policy{}.String())
	require.Contains(t, Policy{Script: []string{"'self'", "https://js.stripe.com"}}.String(), "; script-src 'self' https://js.stripe.com")
}

func TestANoticeSaysWhatIsWrongInTheReadersLanguage(t *testing.T) {
	for name, c := range map[string]struct {
		locale, code string
		status       int
		want         string
	}{
		"its own words":            {"de", "link_expired", http.StatusGone, "Dieser Link ist abgelaufen"},
		"the words of its status":  {"en", "no_such_code", http.StatusNotFound, "There is nothing here"},
		"any refusal":              {"en", "no_such_code", http.StatusConflict, "That did not work"},
		"a fault of ours":          {"en", "no_such_code", http.StatusInternalServerError, "Something went wrong on our side"},
		"an outage":                {"en", "vendor_unavailable", http.StatusServiceUnavailable, "not possible right now"},
		"a language we don't have": {"fr", "internal", http.StatusInternalServerError, "Something went wrong on our side"},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := Notice(c.locale, c.code, c.status)
			require.NoError(t, err)
			require.Equal(t, c.status, page.Status)
			require.Contains(t, string(page.Body), c.want)
			require.Contains(t, string(page.Body), `lang="`+Language(c.locale)+`"`)
		})
	}
}

func TestAPageThatDoesNotExistIsAnError(t *testing.T) {
	_, err := Render(Document{Name: "nowhere"})
	require.ErrorContains(t, err, "nowhere")
	_, _, ok := Asset("../pages.go")
	require.False(t, ok)
}
