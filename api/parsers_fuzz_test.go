package api

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// A cursor is one of ours or it is refused as the caller's mistake; ours mean what they
// were made of.
func FuzzDecodeCursor(f *testing.F) {
	for _, seed := range []string{
		encodeCursor(domain.Appointment{ID: idAppointment, Visit: domain.Window{Start: now}}),
		encodeCursor(domain.Appointment{ID: "urn:uuid:" + idAppointment, Visit: domain.Window{Start: now}}), "", "???", "bm90IGEgY3Vyc29y", "MHww", "fA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		after, id, err := decodeCursor(cursor)
		if err != nil {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			return
		}
		require.Len(t, id, 36, "the form that PostgreSQL reads")
		again, same, err := decodeCursor(encodeCursor(domain.Appointment{ID: id, Visit: domain.Window{Start: after}}))
		require.NoError(t, err)
		require.Equal(t, id, same)
		require.True(t, after.Equal(again))
	})
}

func FuzzDecodeDoctorCursor(f *testing.F) {
	for _, seed := range []string{encodeDoctorCursor(domain.Doctor{ID: idDoctor, Name: "Dr. Ünal | Weber"}), encodeDoctorCursor(domain.Doctor{ID: idDoctor, Name: "\xff"}),
		encodeDoctorCursor(domain.Doctor{ID: "urn:uuid:" + idDoctor}), "", "???", "fHw", "bm90IGEgY3Vyc29y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		name, id, err := decodeDoctorCursor(cursor)
		if err != nil {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			return
		}
		again, same, err := decodeDoctorCursor(encodeDoctorCursor(domain.Doctor{ID: id, Name: name}))
		require.NoError(t, err)
		require.Equal(t, []string{name, id}, []string{again, same})
		require.True(t, utf8.ValidString(name), "PostgreSQL takes no other text")
		require.NotContains(t, name, "\x00", "nor this")
	})
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{etag(1), etag(1 << 30), "*", ` "7" `, `W/"7"`, `"0"`, `"-1"`, `"1","2"`, `"`, `""`, "7", `"2147483648"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		version, err := ifMatch(header)
		if err != nil {
			require.Contains(t, []domain.Code{domain.CodeInvalid, domain.CodeStale}, domain.CodeOf(err))
			return
		}
		require.GreaterOrEqual(t, version, 0)
		if version > 0 {
			again, err := ifMatch(etag(version))
			require.NoError(t, err)
			require.Equal(t, version, again)
		}
	})
}

func FuzzPreferredWait(f *testing.F) {
	for _, seed := range []string{"wait=10", "respond-async, wait=3", `wait="5"; x=y`, "wait=-1", "wait=99999999999999999999", "wait", "=", ";,=\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		wait, asked := preferredWait(header)
		require.True(t, wait >= 0 && wait <= maxWait)
		require.True(t, asked || wait == 0)
		require.Zero(t, wait%time.Second)
	})
}
