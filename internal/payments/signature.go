package payments

import (
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"
)

// signedAt reads the time of a Stripe-Signature header, such as "t=1700000000,v1=…".
// A second time is refused: the library would verify the one while we measure the age
// of the other.
func signedAt(header string) (time.Time, error) {
	var at time.Time
	for pair := range strings.SplitSeq(header, ",") {
		value, ok := strings.CutPrefix(pair, "t=")
		if !ok {
			continue
		}
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || !at.IsZero() {
			return time.Time{}, webhook.ErrInvalidHeader
		}
		at = time.Unix(seconds, 0)
	}
	if at.IsZero() {
		return time.Time{}, webhook.ErrInvalidHeader
	}
	return at, nil
}
