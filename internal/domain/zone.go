package domain

import (
	"fmt"
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

// LocalTimeMoved compares the local start that was promised at booking (RFC 3339) with what
// the clock of the zone shows at start by the rules of this build. detail says how they
// differ.
func LocalTimeMoved(promised string, start time.Time, zone string) (detail string, moved bool) {
	today, err := LocalStart(start, zone)
	if err != nil {
		return fmt.Sprintf("promised %s in %s, which this build does not know", promised, zone), true
	}
	then, err := time.Parse(time.RFC3339, promised)
	if err == nil && then.Format(time.DateTime) == today[:10]+" "+today[11:19] {
		return "", false
	}
	return fmt.Sprintf("promised %s, by today's rules %s in %s", promised, today, zone), true
}
