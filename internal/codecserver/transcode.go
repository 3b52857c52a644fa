package codecserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// bodyLimit bounds a request, in bytes. Temporal UI sends the payloads of a page of
// history at once; Temporal takes no payload over 2 MiB.
const bodyLimit = 16 << 20

// allowOrigin answers the browser's question whether this page may ask, and reports
// whether to go on: Temporal UI may, and so may a program, which sends no origin.
func (s *server) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == s.config.UIOrigin {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	return origin == "" || origin == s.config.UIOrigin
}

func (s *server) preflight(w http.ResponseWriter, r *http.Request) {
	if !s.allowOrigin(w, r) {
		refuse(w, http.StatusForbidden, "forbidden", "This page may not ask the codec server.")
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", "POST")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace, Authorization, Authorization-Extras")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// transcode lets the SDK's handler decode or encode for a signed-in reader.
func (s *server) transcode(w http.ResponseWriter, r *http.Request) {
	if !s.allowOrigin(w, r) {
		refuse(w, http.StatusForbidden, "forbidden", "This page may not ask the codec server.")
		return
	}
	userID, ok := s.sessions.user(r)
	if !ok {
		refuse(w, http.StatusUnauthorized, "unauthenticated", "Open this server's /login in the same browser, sign in, and load the page again.")
		return
	}
	// A form or an image of another page cannot send this type without a preflight.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "invalid_request", "Send application/json.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "invalid_request", "The request is too large.")
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "The request could not be read.")
		return
	}
	// The record of who read what. The caller names the namespace, so it is a hint.
	s.logger.InfoContext(r.Context(), "payloads transcoded", "audit", true, "user", userID, "path", r.URL.Path,
		"namespace", printable(r.Header.Get("X-Namespace")), "bytes", len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.codec.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code, "detail": detail})
}

// printable cuts a header to what a namespace can be, so that no log line is forged.
func printable(text string) string {
	const most = 64
	kept := make([]rune, 0, most)
	for _, r := range text {
		if len(kept) == most {
			break
		}
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

// lenient hands back a payload that it cannot decrypt as it came: one payload under a
// retired key must not hide the rest of a history.
type lenient struct {
	converter.PayloadCodec
	logger *slog.Logger
}

func (l lenient) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	opened := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		one, err := l.PayloadCodec.Decode([]*commonpb.Payload{p})
		if err != nil || len(one) != 1 {
			l.logger.Warn("payload left encrypted", "error", err)
			opened[i] = p
			continue
		}
		opened[i] = one[0]
	}
	return opened, nil
}
