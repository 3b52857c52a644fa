// Package sandbox stands in for Stripe and SendGrid where there is no network: it
// speaks the parts of their HTTP APIs that Careflow uses, over the real clients,
// refuses what they refuse, keeps a ledger of every charge and mail, and can be told
// to fail in each way a vendor or the network between can fail.
//
// It is for development and tests. A production configuration refuses to talk to it.
//
// The Stripe half follows API version 2023-10-16: PaymentIntents with manual capture,
// refunds, lists, idempotency keys and signed webhooks. Where Stripe's behaviour was a
// choice, the source is named beside the code.
package sandbox
