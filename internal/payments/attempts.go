package payments

import (
	"errors"
	"strconv"

	"github.com/stripe/stripe-go/v76"

	"github.com/careflow/careflow/internal/domain"
)

// maxAttempts bounds how many stored failures of one key are stepped over; more than
// that in the 24 hours that Stripe keeps them is an outage for people to look at.
const maxAttempts = 40

// look reports whether what a request asks for has happened already.
type look[T any] func() (T, bool, error)

// withKey sends a request under key. Stripe stores a 500 under the key and replays it
// for a day, so that retrying under the same key would fail for a day too; so may it a
// refusal of our request that people have put right meanwhile. A replayed
// failure is therefore final for its key: we look whether the thing happened all the
// same, and if it did not, send it under the key's next attempt. Attempts are numbered,
// so that two callers that race step over the same keys and never act twice.
func withKey[T any](key string, done look[T], send func(key string) (T, error)) (T, error) {
	attempt := key
	for n := 1; ; n++ {
		out, err := send(attempt)
		if err == nil || !replayedFailure(err) || n == maxAttempts {
			return out, err
		}
		if out, ok, lookErr := done(); ok || lookErr != nil {
			return out, lookErr
		}
		attempt = key + ":" + strconv.Itoa(n)
	}
}

// replayedFailure reports whether the answer is a stored 5xx of an earlier request, or a
// stored refusal of the request itself. One of the payment stands.
func replayedFailure(err error) bool {
	var se *stripe.Error
	code := domain.CodeOf(err)
	return (code == domain.CodeVendorUnavailable || code == domain.CodeVendorRejected) && errors.As(err, &se) &&
		se.LastResponse != nil && se.LastResponse.Header.Get("Idempotent-Replayed") == "true"
}
