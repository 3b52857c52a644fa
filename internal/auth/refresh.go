package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// refreshPrefix lets secret scanners recognise a token that leaked.
const refreshPrefix = "cfr_"

// refreshBytes is 256 bit of chance: a token is hashed once, without salt or work factor,
// because it cannot be guessed.
const refreshBytes = 32

// RefreshToken is a secret that is traded in for the next log-in of its session. Only its
// hash is stored.
type RefreshToken struct{ secret []byte }

// NewRefreshToken makes the first token of a session.
func NewRefreshToken() RefreshToken { return RefreshToken{random()} }

// NewRefreshSalt makes the salt of a rotation.
func NewRefreshSalt() []byte { return random() }

func random() []byte {
	b := make([]byte, refreshBytes)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return b
}

// ParseRefreshToken reads a token that a client presents.
func ParseRefreshToken(text string) (RefreshToken, bool) {
	encoded, ok := strings.CutPrefix(text, refreshPrefix)
	if !ok {
		return RefreshToken{}, false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(secret) != refreshBytes || strings.ContainsAny(encoded, "\r\n") { // the decoder skips line ends
		return RefreshToken{}, false
	}
	return RefreshToken{secret}, true
}

// Next is the token's successor under a salt. Token and salt are needed to make it: the
// database, which knows the salt, cannot, and the same pair makes the same successor, so
// that an answer which was lost can be given again without a second branch of the family.
func (t RefreshToken) Next(salt []byte) RefreshToken {
	mac := hmac.New(sha256.New, t.secret)
	_, _ = mac.Write(salt)
	return RefreshToken{mac.Sum(nil)}
}

// Hash is what is stored of a token.
func (t RefreshToken) Hash() []byte {
	sum := sha256.Sum256(t.secret)
	return sum[:]
}

// Text is the token for its client.
func (t RefreshToken) Text() string {
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(t.secret)
}

// String keeps the token out of logs.
func (t RefreshToken) String() string { return refreshPrefix + "***" }
