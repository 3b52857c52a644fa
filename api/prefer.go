package api

import (
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest wait a caller can ask for.
const maxWait = 30 * time.Second

// preferredWait reads wait=N of a Prefer header (RFC 7240), N in seconds. What it does
// not understand it ignores, as the RFC asks; more than maxWait is maxWait.
func preferredWait(header string) (wait time.Duration, asked bool) {
	for preference := range strings.SplitSeq(header, ",") {
		token, _, _ := strings.Cut(preference, ";")
		name, value, found := strings.Cut(token, "=")
		if !found || !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
		if err != nil {
			continue
		}
		return min(time.Duration(n)*time.Second, maxWait), true
	}
	return 0, false
}

// preferenceApplied is the Preference-Applied header for a wait that was followed.
func preferenceApplied(wait time.Duration) string {
	return "wait=" + strconv.Itoa(int(wait/time.Second))
}
