package domain

import "time"

// RegistrationKept is how long an account that nobody verified is kept: then whoever
// registered it has lost interest, and we have no reason to hold their data.
const RegistrationKept = 7 * 24 * time.Hour

// MostSessions is how many devices an account is logged in on at once. One more ends the
// session that was used longest ago.
const MostSessions = 20

// Registration is what somebody says who opens an account. The account is theirs once
// they have proved that they read the mails of the address and know the password.
type Registration struct {
	Email        string // lower case
	PasswordHash string
	Locale       string
	// Patient is the owner as a patient: name, date of birth, gender, phone, zone.
	Patient   Patient
	RequestID string
}

// RequestWindow is how long requests that send a mail are counted together.
const RequestWindow = time.Hour

// How many requests for a mail a window has room for. They are counted alike whether an
// address has an account or not.
const (
	// RequestsAddress is for one address: nobody's mailbox is to be filled.
	RequestsAddress = 5
	// RequestsNetwork is for one network, over all addresses: a family or a waiting room
	// shares one.
	RequestsNetwork = 40
)

// Allowance is one thing that requests are counted for. Subject is a keyed hash.
type Allowance struct {
	Subject []byte
	Most    int
}

// ErrEmailUnverified is the answer to the right password of an account whose address was
// not verified; nobody else learns that there is one.
func ErrEmailUnverified() *Error {
	return Errorf(CodeEmailUnverified, "The e-mail address is not confirmed yet. Open the link in the letter, or ask for another at POST /v1/registrations/letters.")
}

// ErrLinkOver is the answer to each link that opens nothing: unknown, used, replaced by a
// newer one, over, or made for something else.
func ErrLinkOver() *Error {
	return Errorf(CodeLinkExpired, "This link was used, is too old, or was replaced by a newer one. Ask for another letter.")
}
