package domain

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// ZoneVersion names the tz database that zone arithmetic of this build uses: the one
// embedded in the Go release. It is copied onto each appointment so that a change of a
// zone's rules can be found afterwards.
func ZoneVersion() string { return runtime.Version() }

// locations keeps the zones that were asked for: time.LoadLocation reads a file each time.
var locations sync.Map // IANA name → *time.Location

// location is time.LoadLocation, once a zone. What is no zone is not kept: anybody may ask
// for it.
func location(name string) (*time.Location, error) {
	if known, ok := locations.Load(name); ok {
		return known.(*time.Location), nil
	}
	loc, err := time.LoadLocation(name)
	if err == nil {
		locations.Store(name, loc)
	}
	return loc, err
}

// LocalStart formats an instant as the clock of an IANA zone shows it, RFC 3339 with
// that zone's offset.
func LocalStart(t time.Time, zone string) (string, error) {
	loc, err := location(zone)
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
