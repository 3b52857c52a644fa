package api

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/careflow/careflow/internal/domain"
)

// encodeCursor makes the position after a row opaque, so that it can change its form.
func encodeCursor(a domain.Appointment) string {
	return encodePosition(a.Visit.Start, a.ID)
}

func encodePosition(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(at.UTC().Format(time.RFC3339Nano) + "|" + id))
}

// cutPage takes the row away that a list was asked for beyond its limit, and says where the
// page that it begins starts: after the last row that is left. It is "" where there is none.
func cutPage[T any](rows []T, limit int, position func(T) string) (page []T, next string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], position(rows[limit-1])
}

// decodeCursor is the inverse of encodePosition.
func decodeCursor(cursor string) (after time.Time, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return time.Time{}, "", badCursor()
	}
	at, id, _ := strings.Cut(string(raw), "|")
	after, err = time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return time.Time{}, "", badCursor()
	}
	if !plainID(id) {
		return time.Time{}, "", badCursor()
	}
	return after.UTC(), id, nil
}

// encodeSlotCursor is the position after a start.
func encodeSlotCursor(start time.Time) string {
	return base64.RawURLEncoding.EncodeToString([]byte(start.UTC().Format(time.RFC3339Nano)))
}

// decodeSlotCursor is the inverse of encodeSlotCursor.
func decodeSlotCursor(cursor string) (time.Time, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return time.Time{}, badCursor()
	}
	after, err := time.Parse(time.RFC3339Nano, string(raw))
	if err != nil {
		return time.Time{}, badCursor()
	}
	return after.UTC(), nil
}

// encodeDoctorCursor is the position after a doctor in the list by name.
func encodeDoctorCursor(d domain.Doctor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(d.ID + "|" + d.Name))
}

// decodeDoctorCursor is the inverse of encodeDoctorCursor. What it returns can be asked of
// the database, which knows no NUL and no bytes that are not UTF-8.
func decodeDoctorCursor(cursor string) (name, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", "", badCursor()
	}
	id, name, found := strings.Cut(string(raw), "|")
	if !found || !plainID(id) || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return "", "", badCursor()
	}
	return name, id, nil
}

// plainID reports whether a text is a UUID in its usual form: the library reads others
// too, such as urn:uuid:…, which the database does not.
func plainID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

func badCursor() error {
	return invalidField("query/cursor", "is not a cursor of this list: take next_cursor of the page before, or leave it out")
}
