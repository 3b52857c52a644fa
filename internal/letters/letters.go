// Package letters writes the mails that an appointment owes people: subject, plain
// text, HTML and, where the time of the visit is the news, a calendar entry.
//
// Letters name clinic, doctor and time, never the speciality, the type of visit, the
// reason or a note. Their links change nothing by being opened. English and German are
// there; another language is another folder under templates and an entry in words.go.
package letters

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"text/template"

	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/domain"
)

//go:embed templates
var files embed.FS

// Module provides Letters.
var Module = fx.Module("letters", fx.Provide(New))

// Letters renders letters for those who take them as an interface.
type Letters struct{}

// New makes Letters; it has no settings.
func New() Letters { return Letters{} }

// Render writes one letter, see the function Render.
func (Letters) Render(kind domain.MessageKind, d domain.LetterData) (domain.Mail, error) {
	return Render(kind, d)
}

// Render writes one letter. It reads no clock: the same data gives the same mail, so
// that a repeated one is recognised. Errors are *domain.Error: invalid_time_zone for a
// zone that is not known, invalid_request for a letter that does not exist, such as a
// receipt to a doctor.
func Render(kind domain.MessageKind, d domain.LetterData) (domain.Mail, error) {
	w := wordsOf(d.Locale)
	d.JoinURL = joinLink(kind, d)
	v, err := viewOf(d, w)
	if err != nil {
		return domain.Mail{}, err
	}
	letter, ok := letterTemplates[w.locale+"/"+letterName(kind, d.Recipient)]
	if !ok {
		return domain.Mail{}, domain.Errorf(domain.CodeInvalid, "there is no letter %s to a %s", kind, d.Recipient)
	}
	m := domain.Mail{MessageID: d.MessageID, To: d.Address, ToName: d.RecipientName}
	if err := compose(&m, letter, v, w); err != nil {
		return domain.Mail{}, err
	}
	if entry, ok := calendar(kind, d, w, v.place); ok {
		m.Attachments = append(m.Attachments, entry)
	}
	return m, nil
}

// compose writes the words of a letter into the layouts.
func compose(m *domain.Mail, letter *template.Template, v view, w words) (err error) {
	parts := map[string]string{}
	for _, name := range []string{"subject", "body", "facts", "action"} {
		if parts[name], err = execute(letter, name, v); err != nil {
			return err
		}
	}
	m.Subject = parts["subject"]
	v.Subject, v.Action = m.Subject, parts["action"]
	v.Paragraphs = paragraphs(parts["body"])
	v.Facts = v.facts(strings.Fields(parts["facts"]), w)

	var text, html bytes.Buffer
	if err := textLayout.Execute(&text, v); err != nil {
		return fmt.Errorf("letters: text of %s: %w", letter.Name(), err)
	}
	if err := htmlLayout.Execute(&html, v); err != nil {
		return fmt.Errorf("letters: html of %s: %w", letter.Name(), err)
	}
	m.Text, m.HTML = text.String(), html.String()
	return nil
}

// joinLink is where a video visit is held, for letters about a visit that is on.
func joinLink(kind domain.MessageKind, d domain.LetterData) string {
	if d.Mode != domain.Telehealth || kind != domain.MessageConfirmed && kind != domain.MessageMoved && kind != domain.MessageReminder {
		return ""
	}
	return d.JoinURL
}

func letterName(kind domain.MessageKind, to domain.Recipient) string {
	return string(to) + "_" + string(kind)
}

var (
	textLayout = template.Must(template.ParseFS(files, "templates/layout.txt"))
	htmlLayout = htmltemplate.Must(htmltemplate.ParseFS(files, "templates/layout.html"))
	// letterTemplates holds the words of each letter, by "locale/recipient_kind".
	letterTemplates = parseLetters("templates/")
)

// parseLetters reads the letters of each language in a folder.
func parseLetters(folder string) map[string]*template.Template {
	out := map[string]*template.Template{}
	for locale := range languages {
		entries, err := files.ReadDir(folder + locale)
		if err != nil {
			panic("letters: " + err.Error())
		}
		for _, e := range entries {
			name := strings.TrimSuffix(e.Name(), ".txt")
			path := folder + locale + "/" + e.Name()
			out[locale+"/"+name] = template.Must(template.New(e.Name()).Option("missingkey=error").ParseFS(files, path))
		}
	}
	return out
}

func execute(t *template.Template, name string, v view) (string, error) {
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, name, v); err != nil {
		return "", fmt.Errorf("letters: %s: %w", t.Name(), err)
	}
	return strings.TrimSpace(b.String()), nil
}

// paragraphs splits at blank lines; line breaks within a paragraph are those of the
// template file and mean nothing.
func paragraphs(body string) []string {
	var out []string
	for p := range strings.SplitSeq(body, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			out = append(out, p)
		}
	}
	return out
}
