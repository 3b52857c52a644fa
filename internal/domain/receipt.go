package domain

import (
	"fmt"
	"time"
)

// ReceiptKind says which way the money of a receipt went.
type ReceiptKind string

// The kinds of receipts.
const (
	ReceiptPayment ReceiptKind = "payment" // money taken
	ReceiptRefund  ReceiptKind = "refund"  // money given back
	// ReceiptRefundFailed takes a refund back whose money did not arrive.
	ReceiptRefundFailed ReceiptKind = "refund_failed"
	ReceiptChargeback   ReceiptKind = "chargeback" // money that a lost dispute took
)

// Receipt says that money moved. Numbers count up by one within a clinic, without gaps.
type Receipt struct {
	Number   int64
	Kind     ReceiptKind
	Amount   Money // of this receipt, never negative
	IssuedAt time.Time
}

// Code is the number as it stands on paper, such as R-000042.
func (r Receipt) Code() string { return ReceiptCode(r.Number) }

// ReceiptCode formats a receipt's number; "" for none.
func ReceiptCode(number int64) string {
	if number <= 0 {
		return ""
	}
	return fmt.Sprintf("R-%06d", number)
}
