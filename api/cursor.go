package api

import (
	"encoding/base64"
	"strings"
	"time"

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
	if _, err := uuid.Parse(id); err != nil {
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

func badCursor() error {
	return invalidField("query/cursor", "is not a cursor of this list: take next_cursor of the page before, or leave it out")
}
