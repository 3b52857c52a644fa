package pages

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// Document is what a handler wants to be shown.
type Document struct {
	// Name is the template, without its ending.
	Name string
	// Status is the HTTP status. Defaults to 200.
	Status int
	// Locale is a BCP 47 tag; English where there is no translation.
	Locale string
	// Clinic is the heading of the page. Defaults to none.
	Clinic string
	// Data is what the template sees as .Data.
	Data any
	// Policy lets the page do more than show itself and send forms.
	Policy Policy
}

// Page is a document that was written.
type Page struct {
	Status int
	// Policy is the Content-Security-Policy.
	Policy string
	// Locale is the language it is in.
	Locale string
	Body   []byte
}

// view is what the layout sees.
type view struct {
	Locale, Clinic string
	Data           any
}

// templates are the pages by "locale/name", each with the layout and its language.
var templates = parse()

func parse() map[string]*template.Template {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic("pages: " + err.Error())
	}
	out := map[string]*template.Template{}
	for locale, words := range languages {
		for _, file := range names {
			name := strings.TrimSuffix(path.Base(file), ".html")
			if name == "layout" {
				continue
			}
			t := template.New("layout.html").Option("missingkey=error").Funcs(template.FuncMap{"t": words.text, "list": func(values ...any) []any { return values }})
			out[locale+"/"+name] = template.Must(t.ParseFS(templateFiles, "templates/layout.html", file))
		}
	}
	return out
}

// Render writes a page. It fails on a template that does not exist, or that asks for a
// word or a value which is not there.
func Render(d Document) (Page, error) {
	locale := Language(d.Locale)
	t, ok := templates[locale+"/"+d.Name]
	if !ok {
		return Page{}, fmt.Errorf("pages: there is no page %q", d.Name)
	}
	var body bytes.Buffer
	if err := t.Execute(&body, view{Locale: locale, Clinic: d.Clinic, Data: d.Data}); err != nil {
		return Page{}, fmt.Errorf("pages: write %s: %w", d.Name, err)
	}
	return Page{Status: cmp.Or(d.Status, http.StatusOK), Policy: d.Policy.String(), Locale: locale, Body: body.Bytes()}, nil
}

// notice is what the template of that name sees.
type notice struct{ Heading, Text string }

// Notice says in plain words why something cannot be shown or done. code is that of the
// error; one without words of its own gets those of its status.
func Notice(locale, code string, status int) (Page, error) {
	words := languages[Language(locale)]
	key := "notice." + code
	if _, ok := words[key+".heading"]; !ok {
		key = noticeOfStatus(status)
	}
	return Render(Document{
		Name: "notice", Status: status, Locale: locale,
		Data: notice{Heading: words[key+".heading"], Text: words[key+".text"]},
	})
}

func noticeOfStatus(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "notice.not_found"
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return "notice.unavailable"
	case status < http.StatusInternalServerError:
		return "notice.invalid_request"
	}
	return "notice.internal"
}
