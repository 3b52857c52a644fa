package pages

import (
	"fmt"

	"golang.org/x/text/language"
)

// words are a language's texts by key. A text may hold verbs of fmt.
type words map[string]string

var languages = map[string]words{"en": english, "de": german}

// supported is in the order of languageNames; the first is the default.
var (
	languageNames = []string{"en", "de"}
	supported     = language.NewMatcher([]language.Tag{language.English, language.German})
)

// Language returns the language that pages are written in for a BCP 47 tag such as
// "de-AT" or an Accept-Language header; English where none fits.
func Language(preferred string) string {
	tags, _, err := language.ParseAcceptLanguage(preferred)
	if err != nil || len(tags) == 0 {
		return languageNames[0]
	}
	_, i, confidence := supported.Match(tags...)
	if confidence == language.No {
		return languageNames[0]
	}
	return languageNames[i]
}

// Text returns a text in the language of a locale; the key itself where there is none.
func Text(locale, key string, args ...any) string {
	text, err := languages[Language(locale)].text(key, args...)
	if err != nil {
		return key
	}
	return text
}

// text fails on a key that does not exist, so that a page never shows a key.
func (w words) text(key string, args ...any) (string, error) {
	text, ok := w[key]
	if !ok {
		return "", fmt.Errorf("there are no words for %q", key)
	}
	if len(args) == 1 { // a template hands a list over as it is
		if many, ok := args[0].([]any); ok {
			args = many
		}
	}
	if len(args) == 0 {
		return text, nil
	}
	return fmt.Sprintf(text, args...), nil
}
