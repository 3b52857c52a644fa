package codecserver

import (
	_ "embed"
	"html/template"
	"net"
	"net/http"
	"strings"

	"github.com/careflow/careflow/internal/domain"
)

// formLimit bounds the log-in form, in bytes.
const formLimit = 8 << 10

//go:embed page/page.html
var pageText string

//go:embed page/style.css
var styleText []byte

var page = template.Must(template.New("page").Parse(pageText))

// view is what the page shows.
type view struct {
	SignedIn bool
	Problem  string
	UIOrigin string
}

func (s *server) home(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.sessions.user(r); !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, view{SignedIn: true})
}

func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, view{})
}

// login answers a wrong password and an account without a reader's role alike, so that
// it tells no one which accounts there are.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	if err := r.ParseForm(); err != nil {
		s.show(w, r, http.StatusBadRequest, view{Problem: "The form could not be read. Try again."})
		return
	}
	email := strings.ToLower(strings.TrimSpace(r.PostForm.Get("email")))
	who := attempt(email, r.RemoteAddr)
	if !s.attempts.allowed(who) {
		s.show(w, r, http.StatusTooManyRequests, view{Problem: "Too many attempts. Try again in a quarter of an hour."})
		return
	}
	userID, roles, err := s.accounts.Authenticate(r.Context(), email, r.PostForm.Get("password"))
	switch {
	case domain.CodeOf(err) == domain.CodeTooMany:
		s.show(w, r, http.StatusTooManyRequests, view{Problem: "Many people are signing in. Try again in a moment."})
		return
	case err != nil && domain.CodeOf(err) != domain.CodeUnauthenticated:
		s.logger.ErrorContext(r.Context(), "log-in failed", "error", err)
		s.show(w, r, http.StatusServiceUnavailable, view{Problem: "Signing in does not work at the moment. Try again later."})
		return
	case err != nil || !mayRead(roles):
		s.attempts.failed(who)
		s.logger.WarnContext(r.Context(), "log-in refused", "user", userID)
		s.show(w, r, http.StatusUnauthorized, view{Problem: "The e-mail address or the password is wrong, or the account may not read processes."})
		return
	}
	s.attempts.succeeded(who)
	if err := s.sessions.start(w, userID); err != nil {
		s.logger.ErrorContext(r.Context(), "session not started", "error", err)
		s.show(w, r, http.StatusInternalServerError, view{Problem: "Signing in does not work at the moment. Try again later."})
		return
	}
	s.logger.InfoContext(r.Context(), "signed in", "user", userID)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	s.sessions.end(w)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (s *server) show(w http.ResponseWriter, r *http.Request, status int, v view) {
	v.UIOrigin = s.config.UIOrigin
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := page.Execute(w, v); err != nil {
		s.logger.DebugContext(r.Context(), "page not written", "error", err)
	}
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(styleText)
}

// attempt names who tries: an account from one address, so that nobody can lock the
// account for its owner elsewhere.
func attempt(email, remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	return email + "\x00" + remote
}
