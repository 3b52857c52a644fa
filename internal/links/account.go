package links

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
)

// The links of an account's letters hold a one-time token. It is made from the message's
// ID under the active key, so that a letter which is sent again is the same letter, and
// the token stands in no database, payload or history: only who has the key and the ID can
// make it. The database keeps its hash, its end and whether it was used.

// accountPrefix lets secret scanners recognise a token that leaked.
const accountPrefix = "cfl_"

// ForAccount makes the link of a new message of an account.
func (l *Links) ForAccount(kind domain.AccountMessageKind, messageID string) domain.NewLink {
	key := l.ring.Active()
	return domain.NewLink{MessageID: messageID, KeyID: key.ID, Hash: accountHash(accountSecret(key, kind, messageID))}
}

// Account is the URL of an account's message, made with the key of keyID. It fails when
// that key left the ring, and for a message that has no link.
func (l *Links) Account(kind domain.AccountMessageKind, messageID, keyID string) (string, error) {
	key, ok := l.ring.Find(keyID)
	if !ok {
		return "", errors.New("links: the key of this link is not in the ring any more")
	}
	path, ok := accountPaths[kind]
	if !ok {
		return "", errors.New("links: this message has no link")
	}
	return l.base + path + accountPrefix + encoding.EncodeToString(accountSecret(key, kind, messageID)), nil
}

var accountPaths = map[domain.AccountMessageKind]string{
	domain.MessageVerifyEmail:   "/account/email/",
	domain.MessagePasswordReset: "/account/password/",
}

// AccountHash returns the hash by which a presented token is found; false for what cannot
// be one. The hash is of 256 bits that nobody can choose, so how long a look-up takes says
// nothing about a token that is good.
func AccountHash(token string) ([]byte, bool) {
	text, ok := strings.CutPrefix(token, accountPrefix)
	if !ok || len(text) != encoding.EncodedLen(sha256.Size) {
		return nil, false
	}
	secret, err := encoding.DecodeString(text)
	if err != nil || len(secret) != sha256.Size {
		return nil, false
	}
	return accountHash(secret), true
}

func accountHash(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// accountSecret binds a token to its purpose and its message.
func accountSecret(key config.Key, kind domain.AccountMessageKind, messageID string) []byte {
	h := hmac.New(sha256.New, key.Bytes())
	_, _ = h.Write([]byte("careflow/account-link\x00" + string(kind) + "\x00" + messageID))
	return h.Sum(nil)
}
