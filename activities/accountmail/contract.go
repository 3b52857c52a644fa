// Package accountmail holds the side effects of an account's letters: what one account
// owes its owner is handed to the mail vendor, in order.
//
// This file is the contract with the workflow: registered names, inputs and results.
package accountmail

// Deliver is the registered name of the activity. Histories refer to it: never rename it.
// It is served by the mail vendor's task queue, see appointment.SendGridQueueSuffix.
const Deliver = "accountmail.deliver"

// DeliverInput asks for everything an account owes to be handed over, oldest first. It
// holds an ID only: addresses, names and links are read where the letter is written.
type DeliverInput struct {
	AccountID string `json:"account_id"`
}

// DeliverResult counts outcomes.
type DeliverResult struct {
	Sent   int `json:"sent"`
	Failed int `json:"failed"`
}

// Add returns the sum of two results.
func (r DeliverResult) Add(other DeliverResult) DeliverResult {
	return DeliverResult{Sent: r.Sent + other.Sent, Failed: r.Failed + other.Failed}
}
