package sandbox

import (
	"bytes"
	"crypto/subtle"
	"embed"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

//go:embed pages
var pageFiles embed.FS

var pageTemplates = parsePages()

func parsePages() map[string]*template.Template {
	funcs := template.FuncMap{
		"money": func(minor int64, currency string) string {
			return domain.Money{Minor: minor, Currency: strings.ToUpper(currency)}.String()
		},
		"at":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"words": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	}
	out := map[string]*template.Template{}
	for _, name := range []string{"index", "payments", "pay", "mails", "mail", "ledger"} {
		out[name] = template.Must(template.New("layout.html").Funcs(funcs).ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html"))
	}
	return out
}

type view struct {
	Title string
	Data  any
}

func (s *Sandbox) pageRoutes() {
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		show(w, "index", view{"Sandbox", s.Faults()})
	})
	s.mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pageFiles, "pages/style.css")
	})
	s.mux.HandleFunc("GET /payments", func(w http.ResponseWriter, _ *http.Request) {
		show(w, "payments", view{"Payments", s.Ledger().Payments})
	})
	s.mux.HandleFunc("GET /pay/{id}", s.payPage)
	s.mux.HandleFunc("POST /pay/{id}", s.payAction)
	s.mux.HandleFunc("GET /ledger", func(w http.ResponseWriter, _ *http.Request) {
		show(w, "ledger", view{"Ledger", s.Ledger()})
	})
	s.mux.HandleFunc("GET /mails", func(w http.ResponseWriter, _ *http.Request) {
		mails := s.Mailbox()
		slices.Reverse(mails)
		show(w, "mails", view{"Mailbox", mails})
	})
	s.mux.HandleFunc("GET /mails/{id}", s.withMail(func(w http.ResponseWriter, _ *http.Request, m Mail) {
		show(w, "mail", view{m.Subject, m})
	}))
	s.mux.HandleFunc("GET /mails/{id}/html", s.withMail(func(w http.ResponseWriter, _ *http.Request, m Mail) {
		// A mail is foreign text: no script, no form, nothing loaded from elsewhere.
		w.Header().Set("Content-Security-Policy", "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(m.HTML))
	}))
	s.mux.HandleFunc("GET /mails/{id}/attachments/{n}", s.withMail(func(w http.ResponseWriter, r *http.Request, m Mail) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 0 || n >= len(m.Attachments) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.Attachments[n].Filename}))
		_, _ = w.Write(m.Attachments[n].Content)
	}))
}

func (s *Sandbox) withMail(h func(http.ResponseWriter, *http.Request, Mail)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, ok := s.Mail(r.PathValue("id"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		h(w, r, m)
	}
}

// payable is what the pay page shows.
type payable struct {
	PaymentEntry
	Query  string // the page's own query, kept over its buttons
	Notice string
}

// payer finds the intent of a pay page. The page stands in for the payer's browser, so
// a client secret that is given must be right; without one it serves the developer.
func (s *Sandbox) payer(w http.ResponseWriter, r *http.Request) (PaymentEntry, bool) {
	id := r.PathValue("id")
	i := s.find(id)
	secret := r.URL.Query().Get("client_secret")
	if i == nil || secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(i.Secret)) != 1 {
		http.Error(w, "There is no such payment.", http.StatusNotFound)
		return PaymentEntry{}, false
	}
	return s.Payment(id)
}

func (s *Sandbox) payPage(w http.ResponseWriter, r *http.Request) {
	e, ok := s.payer(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	notice := q.Get("notice")
	q.Del("notice")
	show(w, "pay", view{"Pay " + domain.Money{Minor: e.Amount, Currency: strings.ToUpper(e.Currency)}.String(), payable{e, q.Encode(), notice}})
}

func (s *Sandbox) payAction(w http.ResponseWriter, r *http.Request) {
	e, ok := s.payer(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	var err error
	notice := "declined"
	switch r.FormValue("do") {
	case "pay":
		err, notice = s.Pay(e.IntentID), "paid"
	case "decline":
		err = s.Decline(e.IntentID, r.FormValue("decline_code"))
	default:
		http.Error(w, "Choose to pay or to decline.", http.StatusBadRequest)
		return
	}
	if err != nil {
		notice = "refused"
	}
	q := r.URL.Query()
	q.Set("notice", notice)
	to := url.URL{Path: "/pay/" + e.IntentID, RawQuery: q.Encode()}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

func show(w http.ResponseWriter, name string, v view) {
	var buf bytes.Buffer
	if err := pageTemplates[name].Execute(&buf, v); err != nil {
		http.Error(w, fmt.Sprintf("page %s: %v", name, err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(buf.Bytes())
}
