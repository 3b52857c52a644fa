package config

import (
	"fmt"
	"io"
	"log/slog"
)

// mask is what is printed in the place of a secret.
const mask = "***"

// Secret is a text that never shows up in a log line, an error or a printed struct:
// every way to format or marshal it yields "***". Reveal is the only way out, so that
// a search for it lists every use.
//
// The text sits behind a pointer because fmt prints the unexported fields of a struct
// without asking their methods; there it finds an address.
type Secret struct{ text *string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the hidden text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret, or an empty one.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns the mask, or "" where there is nothing to hide, so that a missing
// secret can be told from a present one.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// Format masks the secret under every verb of fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue masks the secret in slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in JSON and every other text encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
