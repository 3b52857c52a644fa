package appointment

import (
	"context"

	"github.com/careflow/careflow/internal/domain"
)

// Handed is what became of handing one letter to the vendor, as a ledger keeps it.
type Handed struct {
	// Status is pending where the letter is to be handed over again.
	Status   domain.MessageStatus
	VendorID string
	Code     string // why not, empty where it was sent
	Unknown  bool   // the vendor did not tell the outcome of this attempt
	// Err is why it is to be handed over again; the activity ends with it.
	Err error
}

// HandOver hands a letter to the vendor. One that is to arrive at most once is not sent
// again where the vendor did not say whether it took it.
func HandOver(ctx context.Context, mailer Mailer, letter domain.Mail, atMostOnce bool) Handed {
	vendorID, err := mailer.Send(ctx, letter)
	switch code := domain.CodeOf(err); {
	case err == nil:
		return Handed{Status: domain.MessageSent, VendorID: vendorID}
	case code == domain.CodeRecipientRejected || code == domain.CodeVendorRejected:
		return Handed{Status: domain.MessageFailed, Code: detail(err)}
	case code == domain.CodeOutcomeUnknown && atMostOnce:
		return Handed{Status: domain.MessageUnknown, Code: "no_reply", Unknown: true}
	default:
		return Handed{Status: domain.MessagePending, Code: detail(err), Unknown: code == domain.CodeOutcomeUnknown, Err: err}
	}
}

// Fault tells Temporal which errors of an activity to retry, for the other families.
func Fault(err error) error { return fault(err) }
