// Package links signs the links of letters: whoever holds one may see and do what it is
// for, without a log-in. A link names an appointment and nothing personal.
//
// What a link was made for is bound into it: the payment's generation, or the sequence
// of the visit's time. When that has changed since, the page that it leads to refuses the
// link, so that old letters die without a list of them being kept.
package links

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
)

// Purpose says what a link is for. One for paying opens no visit, nor the other way round.
type Purpose byte

// The purposes. They are part of each token: never renumber them.
const (
	Pay   Purpose = 1
	Visit Purpose = 2
)

// AfterVisit is how long after its end a visit's own page can still be opened.
const AfterVisit = 30 * 24 * time.Hour

// Link is what a token says.
type Link struct {
	Purpose       Purpose
	AppointmentID string
	// Binding is the payment's generation (Pay) or the ICS sequence (Visit) that the link
	// was made for.
	Binding int
	// Expires is the end of its life, UTC, in whole seconds.
	Expires time.Time
}

// Links makes and reads links. The first key of its ring signs, all of them verify: a key
// that is rolled stays in the ring until the letters it signed are of no use any more.
type Links struct {
	ring config.KeyRing
	base string
}

// New returns Links under a public URL.
func New(ring config.KeyRing, publicURL string) (*Links, error) {
	if ring.IsZero() {
		return nil, errors.New("links: a key to sign with is needed")
	}
	return &Links{ring: ring, base: strings.TrimSuffix(publicURL, "/")}, nil
}

// Pay is the URL to pay a visit's payment of a generation; it is of no use once the visit
// (until end) is over. Empty for an ID that is no UUID.
func (l *Links) Pay(appointmentID string, generation int, end time.Time) string {
	return l.url("/pay/", Link{Purpose: Pay, AppointmentID: appointmentID, Binding: generation, Expires: end})
}

// Visit is the URL of a visit's own page, for the time that has this ICS sequence. The
// page can be opened until AfterVisit past end. Empty for an ID that is no UUID.
func (l *Links) Visit(appointmentID string, sequence int, end time.Time) string {
	return l.url("/visit/", Link{Purpose: Visit, AppointmentID: appointmentID, Binding: sequence, Expires: end.Add(AfterVisit)})
}

func (l *Links) url(path string, link Link) string {
	token, err := l.Sign(link)
	if err != nil {
		return ""
	}
	return l.base + path + token
}

// A token is purpose, appointment, binding, expiry, the key's ID behind its length, and
// the MAC over all of them, in base64 for URLs.
const (
	headerSize = 1 + 16 + 4 + 4 + 1
	macSize    = 16 // HMAC-SHA256 cut to half, as RFC 2104 allows
	maxKeyID   = 64
)

// maxToken bounds what is decoded at all.
var maxToken = base64.RawURLEncoding.EncodedLen(headerSize + maxKeyID + macSize)

var encoding = base64.RawURLEncoding.Strict()

// Sign writes a link's token. It fails on an appointment ID that is no UUID, and on
// numbers and times that no link has.
func (l *Links) Sign(link Link) (string, error) {
	id, err := uuid.Parse(link.AppointmentID)
	expires := link.Expires.Unix()
	if err != nil || link.Binding < 0 || link.Binding > math.MaxUint32 || expires < 0 || expires > math.MaxUint32 {
		return "", errors.New("links: this is no appointment's link")
	}
	key := l.ring.Active()
	token := append([]byte{byte(link.Purpose)}, id[:]...)
	token = binary.BigEndian.AppendUint32(token, uint32(link.Binding))
	token = binary.BigEndian.AppendUint32(token, uint32(expires))
	token = append(token, byte(len(key.ID))) //nolint:gosec // at most 64, see config.NewKey
	token = append(token, key.ID...)
	return encoding.EncodeToString(append(token, mac(key, token)...)), nil
}

// Verify reads a token of this purpose. Errors: CodeNotFound for one that we did not make,
// or made for something else; CodeLinkExpired from its expiry on.
func (l *Links) Verify(token string, purpose Purpose, now time.Time) (Link, error) {
	unknown := domain.Errorf(domain.CodeNotFound, "There is no such link.")
	if len(token) > maxToken {
		return Link{}, unknown
	}
	raw, err := encoding.DecodeString(token)
	// Decoding passes over line breaks: a token has one spelling only.
	if err != nil || len(raw) < headerSize+macSize || encoding.EncodeToString(raw) != token {
		return Link{}, unknown
	}
	signed, sum := raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	if int(signed[headerSize-1]) != len(signed)-headerSize {
		return Link{}, unknown
	}
	key, ok := l.ring.Find(string(signed[headerSize:]))
	if !ok || !hmac.Equal(mac(key, signed), sum) || Purpose(signed[0]) != purpose {
		return Link{}, unknown
	}
	link := Link{
		Purpose: purpose, AppointmentID: uuid.UUID(signed[1:17]).String(),
		Binding: int(binary.BigEndian.Uint32(signed[17:21])),
		Expires: time.Unix(int64(binary.BigEndian.Uint32(signed[21:25])), 0).UTC(),
	}
	if !now.Before(link.Expires) {
		return link, domain.Errorf(domain.CodeLinkExpired, "This link has expired.")
	}
	return link, nil
}

func mac(key config.Key, signed []byte) []byte {
	h := hmac.New(sha256.New, key.Bytes())
	_, _ = h.Write([]byte("careflow/link\x00"))
	_, _ = h.Write(signed)
	return h.Sum(nil)[:macSize]
}
