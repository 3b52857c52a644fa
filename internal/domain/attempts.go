package domain

import "time"

// Attempts to log in are counted in windows of this length, which end by themselves: an
// owner whom someone keeps out waits at most this long, and a known device not even that.
const AttemptWindow = 15 * time.Minute

// How many attempts a window has room for.
const (
	// AttemptsPair is for one account from one network: somebody who mistypes.
	AttemptsPair = 10
	// AttemptsNetwork is for one network, over all accounts: a clinic's front desk shares
	// one, and so does somebody who tries one password on many accounts.
	AttemptsNetwork = 100
	// AttemptsAccount is for one account, over all networks that it was not used from
	// before: somebody who tries from many places.
	AttemptsAccount = 50
)

// Attempt counts one try to log in. The subjects are keyed hashes; Account is counted for
// addresses that no account has as well, so that the answers do not differ.
type Attempt struct {
	Pair    []byte // account and network
	Network []byte
	Account []byte
	// Email and Origin tell whether the account was used from this network before.
	Email  string
	Origin []byte
	Now    time.Time // UTC
}
