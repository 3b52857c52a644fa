package domain

import "time"

// AccountMessageKind names a message that an account owes its owner.
type AccountMessageKind string

// The messages of an account. All of them are sent again while their outcome is unknown:
// a letter twice is better than a link that never comes, or an alarm that nobody hears.
const (
	MessageVerifyEmail     AccountMessageKind = "verify_email"     // with the link that opens the account
	MessagePasswordReset   AccountMessageKind = "password_reset"   // with the link to choose a new password
	MessageLoginAlert      AccountMessageKind = "login_alert"      // somebody logged in from somewhere new
	MessageAccountExists   AccountMessageKind = "account_exists"   // somebody registered with an address that has an account
	MessagePasswordChanged AccountMessageKind = "password_changed" // by whomever
)

// AccountMessageKinds lists every kind.
func AccountMessageKinds() []AccountMessageKind {
	return []AccountMessageKind{MessageVerifyEmail, MessagePasswordReset, MessageLoginAlert, MessageAccountExists, MessagePasswordChanged}
}

// LinkLife is how long the link of a message is good for; zero for one without a link. A
// link to a new password opens an account that is in use, so it is short-lived.
func (k AccountMessageKind) LinkLife() time.Duration {
	switch k { //nolint:exhaustive // the others have no link
	case MessageVerifyEmail:
		return 24 * time.Hour
	case MessagePasswordReset:
		return time.Hour
	}
	return 0
}

// NewLink is a one-time link to be sent: its token is made from the message's ID under the
// key of that ID, and kept as a hash only.
type NewLink struct {
	MessageID string
	KeyID     string
	Hash      []byte // SHA-256 of the token
}

// AccountMessage is a row of an account's ledger, without its content.
type AccountMessage struct {
	ID        string
	AccountID string
	Seq       int64
	Kind      AccountMessageKind
	Status    MessageStatus
	Attempts  int
	Unknowns  int // attempts whose outcome the vendor never told
	ErrorCode string
	CreatedAt time.Time
	SentAt    time.Time
}

// DueAccountMessage is a message that is to be handed over now.
type DueAccountMessage struct {
	AccountMessage
	// Interrupted is set when an earlier attempt ended without a recorded outcome.
	Interrupted bool
	// KeyID names the key that the link's token is made with; empty without a link.
	KeyID  string
	Letter AccountLetter
}

// AccountLetter is what a letter about an account may say.
type AccountLetter struct {
	MessageID     string
	RecipientName string
	Address       string // e-mail address
	Locale        string // BCP 47; English where there is no translation
	TimeZone      string // IANA; the times below are shown in it
	ClinicName    string
	Device        string    // of a log-in, in a few words
	At            time.Time // when it happened, UTC
	LinkUntil     time.Time // when the link ends, UTC; zero without a link
	Link          string    // opening it changes nothing
}
