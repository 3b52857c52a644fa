package domain

import (
	"encoding/json"
	"time"
)

// OutboxTopic says what a row of the outbox asks for.
type OutboxTopic string

// The topics of the outbox.
const (
	TopicStart       OutboxTopic = "start"        // a booking whose process is to be started
	TopicPaymentHint OutboxTopic = "payment_hint" // news of the payment provider for a process
	TopicCommand     OutboxTopic = "command"      // a command that was answered 202
	TopicMessage     OutboxTopic = "message"      // a message that a person had sent again: the process is to look
	TopicAccountMail OutboxTopic = "account_mail" // letters that an account owes its owner
	TopicPaymentCase OutboxTopic = "payment_case" // a payment case was opened, or there is news for it
	TopicUnmatched   OutboxTopic = "unmatched"    // what matches no running process: kept for ops, not relayed
)

// OutboxRow is one thing the database owes Temporal. Its payload holds identifiers and
// codes only.
type OutboxRow struct {
	ID            int64
	Topic         OutboxTopic
	AppointmentID string
	AccountID     string // of account_mail
	Payload       json.RawMessage
	Attempts      int // this one included
	CreatedAt     time.Time
	Traceparent   string // of what wrote the row; empty where that was not traced
}

// DeferredCommand is a command whose outcome was not known when its caller was
// answered: the relay carries it out, under the same update ID.
type DeferredCommand struct {
	Update   string          `json:"update"`
	UpdateID string          `json:"update_id"`
	Command  json.RawMessage `json:"command"`
}

// WebhookPayload is what the outbox keeps of a payment event.
type WebhookPayload struct {
	EventID  string `json:"event_id"`
	Type     string `json:"type"`
	IntentID string `json:"intent_id"`
	// Refunded is the total of a charge that went back by then, minor units; 0 for other
	// events. Status is a refund's or a dispute's.
	Refunded int64  `json:"refunded,omitempty"`
	Status   string `json:"status,omitempty"`
}

// MessagePayload is what the outbox keeps of a message that is sent again.
type MessagePayload struct {
	MessageID string `json:"message_id"`
}
