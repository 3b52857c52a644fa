package domain

import (
	"crypto/ed25519"
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// Approval is a person's word on a job: begin, go on, stop, go back. The API signs it after
// it has checked who asks; the job checks the signature, since whoever reaches Temporal can
// send updates. It holds the person's ID and reason, and nothing else about them.
type Approval struct {
	// Subject says which word on which job is meant; see ApprovalSubject.
	Subject string `json:"subject"`
	By      string `json:"by"`     // user ID
	Reason  string `json:"reason"` // what the person wrote, at most 500 characters
	// At is when the API was asked, UTC. An approval is good for ApprovalLife from then.
	At        time.Time `json:"at"`
	KeyID     string    `json:"key_id"`
	Signature []byte    `json:"signature"` // Ed25519
}

// ApprovalLife is how long after it was given an approval may still arrive; clocks of hosts
// may differ by as much.
const ApprovalLife = 5 * time.Minute

// mostReason bounds what a person may write, in characters.
const mostReason = 500

// ApprovalSubject names one word on one run of a job: it counts for no other.
func ApprovalSubject(workflowID, runID, word string) string {
	return workflowID + "/" + runID + "/" + word
}

// Sign returns a with the signature of the key named keyID. CodeInvalid without a reason.
func (a Approval) Sign(keyID string, key ed25519.PrivateKey) (Approval, error) {
	switch {
	case a.By == "" || a.Subject == "":
		return a, Errorf(CodeInvalid, "an approval says who gives it and what for")
	case a.Reason == "":
		return a, Errorf(CodeInvalid, "say why: a reason is kept with the job")
	case utf8.RuneCountInString(a.Reason) > mostReason:
		return a, Errorf(CodeInvalid, "a reason has at most %d characters", mostReason)
	}
	a.At, a.KeyID = a.At.UTC().Truncate(time.Second), keyID
	a.Signature = ed25519.Sign(key, a.signedBytes())
	return a, nil
}

// ApprovalKeys are the public keys, by ID, whose approvals count.
type ApprovalKeys map[string]ed25519.PublicKey

// Check reports an approval that nobody we trust has given for this subject about now:
// CodeForbidden.
func (k ApprovalKeys) Check(a Approval, subject string, now time.Time) error {
	key, known := k[a.KeyID]
	switch {
	case !known || !ed25519.Verify(key, a.signedBytes(), a.Signature):
		return Errorf(CodeForbidden, "the approval is not signed by the API: give it there, not in Temporal")
	case a.Subject != subject:
		return Errorf(CodeForbidden, "the approval is for something else")
	case a.At.Before(now.Add(-ApprovalLife)) || a.At.After(now.Add(ApprovalLife)):
		return Errorf(CodeForbidden, "the approval is too old: give it again")
	}
	return nil
}

// signedBytes has the length before each text, so that no two approvals look alike.
func (a Approval) signedBytes() []byte {
	b := []byte("careflow-approval\x00")
	for _, text := range []string{a.Subject, a.By, a.Reason, a.KeyID} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text))) //nolint:gosec // texts are short
		b = append(b, text...)
	}
	return binary.BigEndian.AppendUint64(b, uint64(a.At.Unix())) //nolint:gosec // only a form
}
