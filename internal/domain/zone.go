package domain

import (
	"runtime"
	"time"
)

// ZoneVersion names the tz database that zone arithmetic of this build uses: the one
// embedded in the Go release. It is copied onto each appointment so that a change of a
// zone's rules can be found afterwards.
func ZoneVersion() string { return runtime.Version() }

// LocalStart formats an instant as the clock of an IANA zone shows it, RFC 3339 with
// that zone's offset.
func LocalStart(t time.Time, zone string) (string, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return "", Errorf(CodeInvalidTimeZone, "%q is not an IANA time zone", zone).Because(err)
	}
	return t.In(loc).Format(time.RFC3339), nil
}
