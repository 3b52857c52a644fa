package codecserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/converter"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/telemetry"
)

// readers are the roles that may read processes in Temporal UI.
var readers = []domain.Role{domain.RoleStaff, domain.RoleAdmin, domain.RoleOps}

// Accounts checks a log-in. A wrong e-mail address or password is an error with the code
// domain.CodeUnauthenticated and takes as long as a right one; domain.CodeTooMany asks to
// come back later; any other error is a fault.
type Accounts interface {
	Authenticate(ctx context.Context, email, password string) (userID string, roles []domain.Role, err error)
}

// Config says how the server serves.
type Config struct {
	// Address is where it listens, host:port.
	Address string
	// UIOrigin is the origin of Temporal UI, the only page that may ask for decoding.
	UIOrigin string
	// Secure says that browsers reach the server by https; the cookie is then Secure.
	Secure bool
	// Keys sign the sessions: the first signs, all verify.
	Keys config.KeyRing
	// Ready is what /readyz asks for.
	Ready []telemetry.Check
	// Metrics is what /metrics serves; without it there is none.
	Metrics prometheus.Gatherer
}

// New makes the server's handler.
func New(c Config, codec converter.PayloadCodec, accounts Accounts, logger *slog.Logger) (http.Handler, error) {
	return newServer(c, codec, accounts, logger, time.Now)
}

func newServer(c Config, codec converter.PayloadCodec, accounts Accounts, logger *slog.Logger, now func() time.Time) (http.Handler, error) {
	if c.Keys.IsZero() {
		return nil, errors.New("the codec server has no key for its sessions: set CAREFLOW_COMMAND_KEYS")
	}
	s := &server{
		config:   c,
		accounts: accounts,
		logger:   logger,
		sessions: newSessions(c.Keys, c.Secure, now),
		attempts: newAttempts(now),
		codec:    converter.NewPayloadCodecHTTPHandler(lenient{codec, logger}),
	}
	return s.routes(), nil
}

type server struct {
	config   Config
	accounts Accounts
	logger   *slog.Logger
	sessions sessions
	attempts *attempts
	codec    http.Handler
}

func (s *server) routes() http.Handler {
	// Forms are accepted from this server's own pages only, which keeps others from
	// logging someone in or out.
	forms := http.NewCrossOriginProtection()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", telemetry.Healthz)
	mux.Handle("GET /readyz", telemetry.Readyz(s.logger, s.config.Ready...))
	if s.config.Metrics != nil {
		mux.Handle("GET /metrics", telemetry.Metrics(s.config.Metrics, s.logger))
	}
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.Handle("POST /login", forms.Handler(http.HandlerFunc(s.login)))
	mux.Handle("POST /logout", forms.Handler(http.HandlerFunc(s.logout)))
	mux.HandleFunc("GET /style.css", style)
	for _, path := range []string{"/decode", "/encode"} {
		mux.HandleFunc("OPTIONS "+path, s.preflight)
		mux.HandleFunc("POST "+path, s.transcode)
	}
	return secured(mux)
}

// secured sets the headers that every answer carries.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func mayRead(roles []domain.Role) bool {
	return slices.ContainsFunc(roles, func(r domain.Role) bool { return slices.Contains(readers, r) })
}
