package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Sources say where the outside world is read.
type Sources struct {
	Database string // URL
	API      string // base URL
	Sandbox  string // base URL
	Temporal string // host:port
	Password string // of the accounts in the journal
	Backups  BackupSource
}

// World is everything the oracle has read, at rest.
type World struct {
	Visits    map[string]*Visit    `json:"visits"`
	Receipts  []Receipt            `json:"receipts"`
	Outbox    []OutboxRow          `json:"outbox"` // rows that wait
	Reported  []Reported           `json:"reported"`
	Intents   []Intent             `json:"intents"`
	Mails     []Mail               `json:"mails"`
	Processes map[string][]Process `json:"processes"` // by appointment ID
	Cases     map[string]*Case     `json:"cases"`     // by intent ID
	// CaseProcesses are the runs of the processes of cases, by intent ID.
	CaseProcesses map[string][]Process `json:"case_processes"`
	// AccountMessages are the letters to accounts; appointments have their own.
	AccountMessages []Message `json:"account_messages"`
	// Backups are those in the catalogue, Storage what lies in their storage, by ID;
	// Scratch the databases that proofs have left.
	Backups map[string]*Backup       `json:"backups"`
	Storage map[string]*StoredBackup `json:"storage"`
	Scratch []string                 `json:"scratch"`
}

// Visit is an appointment with everything that belongs to it.
type Visit struct {
	ID        string     `json:"id"`
	DoctorID  string     `json:"doctor_id"`
	PatientID string     `json:"patient_id"`
	Status    string     `json:"status"`
	Version   int        `json:"version"`
	EventSeq  int        `json:"event_seq"`
	StartsAt  time.Time  `json:"starts_at"`
	EndsAt    time.Time  `json:"ends_at"`
	Terms     Terms      `json:"terms"`
	Kept      int64      `json:"kept"`
	Stuck     string     `json:"stuck,omitempty"`
	RunID     string     `json:"run_id"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Events    []Event    `json:"events"`
	Payments  []Payment  `json:"payments"`
	Messages  []Message  `json:"messages"`
	// Seen is what the API shows its patient; nil when nobody could be asked.
	Seen *Seen `json:"seen"`
}

// Terms are the parts of a visit's terms that the rules here need.
type Terms struct {
	Price struct {
		Minor int64 `json:"minor"`
	} `json:"price"`
	InstantConfirm bool   `json:"instant_confirm"`
	Reminders      []Span `json:"reminders"`
	RefundTiers    []struct {
		Before  Span  `json:"before"`
		Percent int64 `json:"percent"`
	} `json:"refund_tiers"`
	NoShowFeeShare   int64 `json:"no_show_fee_share"`
	DisputePeriod    Span  `json:"dispute_period"`
	PaymentWindow    Span  `json:"payment_window"`
	PaymentWindowMax Span  `json:"payment_window_max"`
	AnswerDeadline   Span  `json:"answer_deadline"`
	AnswerCutoff     Span  `json:"answer_cutoff"`
	NoShowGrace      Span  `json:"no_show_grace"`
	// LateAfter is from when on a late deadline is our outage, FreshGrace what people get then.
	LateAfter  Span `json:"late_after"`
	FreshGrace Span `json:"fresh_grace"`
}

// Span is a length of time as the terms write it: "1h30m".
type Span time.Duration

// UnmarshalJSON reads it.
func (s *Span) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	*s = Span(d)
	return err
}

// Event is a line of a timeline.
type Event struct {
	Seq       int       `json:"seq"`
	Version   int       `json:"version"`
	Kind      string    `json:"kind"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	ActorKind string    `json:"actor_kind"`
	Reason    string    `json:"reason_code,omitempty"`
	At        time.Time `json:"at"`
}

// Payment is one attempt to be paid, in our books. Money is in minor units.
type Payment struct {
	IntentID   string `json:"intent_id"`
	Generation int    `json:"generation"`
	Status     string `json:"status"`
	Captured   int64  `json:"captured"`
	Refunded   int64  `json:"refunded"`
	// ChargedBack was taken by a lost dispute.
	ChargedBack int64 `json:"charged_back"`
}

// Case is a payment case in our books.
type Case struct {
	ID            string      `json:"id"`
	IntentID      string      `json:"intent_id"`
	AppointmentID string      `json:"appointment_id"`
	Kind          string      `json:"kind"`
	State         string      `json:"state"`
	WaitsFor      string      `json:"waits_for"`
	ErrorCode     string      `json:"error_code,omitempty"`
	Outcome       string      `json:"outcome"`
	Version       int         `json:"version"`
	Events        []CaseEvent `json:"events"`
}

// CaseEvent is a line of a case's timeline.
type CaseEvent struct {
	Version   int    `json:"version"`
	Kind      string `json:"kind"`
	State     string `json:"state"`
	ActorKind string `json:"actor_kind"`
}

// Message is a row of the ledger of what is owed.
type Message struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	Recipient string     `json:"recipient"`
	Status    string     `json:"status"`
	ForStart  time.Time  `json:"for_start"`
	Reminder  *int       `json:"reminder_seconds"`
	Unknowns  int        `json:"unknowns"`
	ErrorCode string     `json:"error_code,omitempty"`
	SentAt    *time.Time `json:"sent_at"`
	Delivery  string     `json:"delivery,omitempty"` // what the mail vendor's events said
	ResendOf  string     `json:"resend_of,omitempty"`
}

// Receipt is a numbered receipt.
type Receipt struct {
	ClinicID      string    `json:"clinic_id"`
	Number        int64     `json:"number"`
	AppointmentID string    `json:"appointment_id"`
	Kind          string    `json:"kind"`
	IntentID      string    `json:"intent_id"`
	Amount        int64     `json:"amount"`
	IssuedAt      time.Time `json:"issued_at"`
}

// OutboxRow is what Temporal has not heard yet.
type OutboxRow struct {
	ID            int64  `json:"id"`
	Topic         string `json:"topic"`
	AppointmentID string `json:"appointment_id"`
	LastError     string `json:"last_error"`
}

// Reported is a finding of the reconciler.
type Reported struct {
	Subject       string `json:"subject"`
	Code          string `json:"code"`
	AppointmentID string `json:"appointment_id"`
}

// Intent is a payment in the provider's ledger. Money is in minor units.
type Intent struct {
	ID            string `json:"intent_id"`
	AppointmentID string `json:"appointment_id"`
	Generation    int    `json:"generation"`
	Status        string `json:"status"`
	Held          int64  `json:"held"`
	Captured      int64  `json:"captured"`
	Refunded      int64  `json:"refunded"`
	Voided        int64  `json:"voided"`
	Charges       int    `json:"charges"`
	Captures      int    `json:"captures"`
	Refunds       int    `json:"refunds"` // that did not fail
	Lost          int64  `json:"lost"`    // taken by disputes
}

// Mail is a letter that the mail vendor accepted.
type Mail struct {
	MessageID  string    `json:"message_id"`
	ReceivedAt time.Time `json:"received_at"`
	// Events are what became of it there, and whether the product has accepted to hear so.
	Events []MailEvent `json:"events"`
}

// MailEvent is one thing that became of a mail.
type MailEvent struct {
	Event string `json:"event"`
	Told  bool   `json:"told"`
}

// Process is one run of an appointment's process.
type Process struct {
	RunID  string `json:"run_id"`
	State  string `json:"state"`  // Running, Completed, ...
	Status string `json:"status"` // its search attribute
}

// Seen is a visit in the API, as its patient sees it.
type Seen struct {
	Status   string    `json:"status"`
	Version  int       `json:"version"`
	StartsAt time.Time `json:"starts_at"`
	Payment  *struct {
		Captured Amount `json:"captured"`
		Refunded Amount `json:"refunded"`
	} `json:"payment"`
	Kinds []string `json:"kinds"` // of its timeline
}

// Amount is money in the API.
type Amount struct {
	Minor int64 `json:"minor"`
}

// Look reads the world.
func Look(ctx context.Context, s Sources, j *Journal) (*World, error) {
	w := &World{
		Visits: map[string]*Visit{}, Processes: map[string][]Process{}, Cases: map[string]*Case{}, CaseProcesses: map[string][]Process{},
		Backups: map[string]*Backup{}, Storage: map[string]*StoredBackup{},
	}
	if err := w.readDatabase(ctx, s.Database); err != nil {
		return nil, err
	}
	if err := w.readVendors(ctx, s.Sandbox); err != nil {
		return nil, err
	}
	if err := w.readProcesses(ctx, s.Temporal); err != nil {
		return nil, err
	}
	if err := w.readBackups(ctx, s); err != nil {
		return nil, fmt.Errorf("reading the backups: %w", err)
	}
	return w, w.readAPI(ctx, s, j)
}
