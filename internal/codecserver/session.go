package codecserver

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/careflow/careflow/internal/config"
)

// sessionTTL is how long a log-in lasts. A role that is taken away ends with it.
const sessionTTL = time.Hour

const (
	sessionAudience = "careflow-codec-server"
	// sessionPurpose separates these keys from the ring's other use.
	sessionPurpose = "careflow codec server session v1"
)

// sessions makes and reads session cookies: signed tokens with the user's ID, so that
// any replica accepts them and none keeps state.
type sessions struct {
	active string
	keys   map[string][]byte
	secure bool
	now    func() time.Time
	parser *jwt.Parser
}

func newSessions(ring config.KeyRing, secure bool, now func() time.Time) sessions {
	keys := map[string][]byte{}
	for _, k := range ring.Keys() {
		derived, err := hkdf.Key(sha256.New, k.Bytes(), nil, sessionPurpose, sha256.Size)
		if err != nil {
			panic("codecserver: " + err.Error()) // only for a length that SHA-256 cannot give
		}
		keys[k.ID] = derived
	}
	return sessions{
		active: ring.Active().ID, keys: keys, secure: secure, now: now,
		parser: jwt.NewParser(
			// The algorithm is pinned here and never taken from the token.
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithAudience(sessionAudience),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(now),
		),
	}
}

// cookieName has the __Host- prefix where browsers honour it: no other host of the
// domain can set such a cookie.
func (s sessions) cookieName() string {
	if s.secure {
		return "__Host-careflow_codec"
	}
	return "careflow_codec"
}

func (s sessions) cookie(value string, maxAge time.Duration) *http.Cookie {
	seconds := int(maxAge.Seconds())
	if seconds == 0 {
		seconds = -1 // delete
	}
	return &http.Cookie{ //nolint:gosec // Secure follows the public URL: development has no https
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	}
}

// start sets the session cookie for a user.
func (s sessions) start(w http.ResponseWriter, userID string) error {
	now := s.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject:   userID,
		Audience:  jwt.ClaimStrings{sessionAudience},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(sessionTTL)),
	})
	token.Header["kid"] = s.active
	text, err := token.SignedString(s.keys[s.active])
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(text, sessionTTL))
	return nil
}

// end deletes the session cookie.
func (s sessions) end(w http.ResponseWriter) { http.SetCookie(w, s.cookie("", 0)) }

// user returns the ID of the user whose session the request carries.
func (s sessions) user(r *http.Request) (userID string, ok bool) {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return "", false
	}
	var claims jwt.RegisteredClaims
	if _, err := s.parser.ParseWithClaims(cookie.Value, &claims, s.key); err != nil {
		return "", false
	}
	return claims.Subject, claims.Subject != ""
}

func (s sessions) key(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	key, found := s.keys[kid]
	if !found {
		return nil, errors.New("unknown kid")
	}
	return key, nil
}
