package payments

import (
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/careflow/careflow/internal/domain"
)

// intentOf reduces Stripe's intent to ours. Captured, refunded and the lapse of the
// funds come from the latest charge where it was expanded.
func intentOf(pi *stripe.PaymentIntent) domain.Intent {
	intent := domain.Intent{
		ID:            pi.ID,
		ClientSecret:  pi.ClientSecret,
		Status:        statusOf(pi.Status),
		Amount:        domain.Money{Minor: pi.Amount, Currency: strings.ToUpper(string(pi.Currency))},
		Captured:      pi.AmountReceived,
		AppointmentID: pi.Metadata[metaAppointment],
	}
	// Absent on intents that another program made.
	intent.Generation, _ = strconv.Atoi(pi.Metadata[metaGeneration])
	c := pi.LatestCharge
	if c == nil {
		return intent
	}
	intent.Disputed = c.Disputed
	// Stripe shows a void as a refund of the uncaptured charge; no money came back.
	if c.Captured {
		intent.Refunded = c.AmountRefunded
	} else {
		intent.LetGo = c.AmountRefunded
	}
	if d := c.PaymentMethodDetails; d != nil && d.Card != nil && d.Card.CaptureBefore != 0 {
		intent.CaptureBefore = time.Unix(d.Card.CaptureBefore, 0).UTC()
	}
	return intent
}

func statusOf(s stripe.PaymentIntentStatus) domain.PaymentStatus {
	switch s {
	case stripe.PaymentIntentStatusProcessing:
		return domain.PaymentProcessing
	case stripe.PaymentIntentStatusRequiresCapture:
		return domain.PaymentAuthorised
	case stripe.PaymentIntentStatusSucceeded:
		return domain.PaymentCaptured
	case stripe.PaymentIntentStatusCanceled:
		return domain.PaymentCancelled
	case stripe.PaymentIntentStatusRequiresPaymentMethod, stripe.PaymentIntentStatusRequiresConfirmation,
		stripe.PaymentIntentStatusRequiresAction:
		return domain.PaymentAwaitingMethod
	}
	return domain.PaymentAwaitingMethod
}
