package domain

import "time"

// MessageKind names a message that an appointment owes someone.
type MessageKind string

// The messages of the lifecycle.
const (
	MessageRequestReceived MessageKind = "request_received" // patient, with the pay link when there is something to pay
	MessageRequestToDoctor MessageKind = "request_to_doctor"
	MessageConfirmed       MessageKind = "confirmed"
	MessageReceipt         MessageKind = "receipt"
	MessageDeclined        MessageKind = "declined"
	MessageExpired         MessageKind = "expired"
	MessageCancelled       MessageKind = "cancelled"
	MessageMoved           MessageKind = "moved"
	MessageReminder        MessageKind = "reminder"
	MessageRefunded        MessageKind = "refunded"
	MessageFeeNotice       MessageKind = "no_show_fee_notice" // what is to be kept, and until when to object
	MessageFeeKept         MessageKind = "no_show_fee_kept"
	MessageFeeWaived       MessageKind = "no_show_fee_waived"
	MessageCorrected       MessageKind = "corrected"        // it took place after all: the notice is void
	MessagePaymentReleased MessageKind = "payment_released" // paid too late: nothing is taken
)

// Recipient says whose message it is.
type Recipient string

// The recipients of an appointment's messages.
const (
	RecipientPatient Recipient = "patient"
	RecipientDoctor  Recipient = "doctor"
)

// AtMostOnce reports whether a message whose outcome is unknown stays unsent:
// reminders do, messages about money and cancellations are sent again.
func (k MessageKind) AtMostOnce() bool { return k == MessageReminder }

// LetterData is what a letter may say: clinic, doctor, time and money; never the
// speciality, the type of visit, the reason or a note.
type LetterData struct {
	MessageID     string // for the vendor's de-duplication and for replies
	AppointmentID string
	Recipient     Recipient
	RecipientName string
	Address       string // e-mail address
	Locale        string // BCP 47; English where there is no translation
	TimeZone      string // IANA zone of the reader; the times below are shown in it
	ClinicName    string
	ClinicAddress string
	DoctorName    string
	PatientName   string // for the doctor's letters only
	VisitTimeZone string // IANA zone of the visit, shown beside the reader's where they differ
	StartsAt      time.Time
	EndsAt        time.Time
	Sequence      int // ICS SEQUENCE
	Price         Money
	Refunded      Money
	Mode          VisitMode
	JoinURL       string // of a telehealth visit that is on
	ReceiptCode   string // the number of a receipt or refund
	PayBy         time.Time
	AnswerBy      time.Time
	Fee           Money     // kept, or to be kept, for a visit that nobody came to
	DisputeBy     time.Time // until when the patient may object to it
	Offers        []Window  // other times with the same doctor, free when the letter was written
	IntentID      string    // the payment's ID, for its link
	Generation    int       // the attempt to be paid, for its link
	Link          string    // pay page or appointment page; opening it changes nothing
	// ReminderLead is how long before the start a reminder was due.
	ReminderLead time.Duration
	// WrittenAt is when the message came to be owed, UTC: the DTSTAMP of its ICS.
	WrittenAt     time.Time
	OrganizerMail string // for the ICS ORGANIZER
}

// Mail is a rendered letter.
type Mail struct {
	MessageID   string // our message ID, sent as a custom argument so that vendor events find it
	To          string
	ToName      string
	Subject     string
	Text        string
	HTML        string
	Attachments []Attachment
}

// Attachment is a file of a mail.
type Attachment struct {
	Name        string
	ContentType string // with parameters, such as `text/calendar; charset=utf-8; method=REQUEST`
	Content     []byte
}
