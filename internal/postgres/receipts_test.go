package postgres_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// money says what the provider has of a visit's payment, and books it.
func (c clinic) money(t *testing.T, id string, captured, refunded int64) error {
	t.Helper()
	return c.RecordFact(t.Context(), domain.Fact{
		ID: fmt.Sprintf("money/%d/%d", captured, refunded), AppointmentID: id, Kind: "payment_refunded", At: now,
		Payment: domain.PaymentFact{IntentID: "pi_" + id, Status: domain.PaymentCaptured, Captured: captured, Refunded: refunded},
	})
}

func (c clinic) paidVisit(t *testing.T, hours int) string {
	t.Helper()
	id := c.book(t, staff, visit(later(hours)))
	opened := intent(id, 1)
	opened.ID = "pi_" + id
	_, err := c.RecordPayment(t.Context(), id, 1, opened, now)
	require.NoError(t, err)
	return id
}

func TestMoneyThatMovesHasAReceipt(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.paidVisit(t, 0)
	for range 2 { // told twice, moved once
		require.NoError(t, c.money(t, id, 8000, 0))
		require.NoError(t, c.money(t, id, 8000, 3000))
	}
	require.NoError(t, c.money(t, id, 8000, 8000))
	eur := func(minor int64) domain.Money { return domain.Money{Minor: minor, Currency: "EUR"} }
	receipts, err := c.Receipts(t.Context(), everyone, id)
	require.NoError(t, err)
	require.Equal(t, []domain.Receipt{
		{Number: 1, Kind: domain.ReceiptPayment, Amount: eur(8000), IssuedAt: now},
		{Number: 2, Kind: domain.ReceiptRefund, Amount: eur(3000), IssuedAt: now},
		{Number: 3, Kind: domain.ReceiptRefund, Amount: eur(5000), IssuedAt: now},
	}, receipts)
	require.Equal(t, "R-000003", receipts[2].Code())

	_, err = c.Receipts(t.Context(), domain.Scope{AccountID: caregiverAccount}, id)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "not for others")
}

func TestReceiptNumbersHaveNoGaps(t *testing.T) {
	t.Parallel()
	c := open(t)
	var visits []string
	for _, hours := range []int{0, 1, 2, 5, 6} {
		visits = append(visits, c.paidVisit(t, hours))
	}
	var booking sync.WaitGroup
	for i, id := range visits {
		booking.Go(func() { _ = c.money(t, id, 8000, 0) })
		booking.Go(func() { _ = c.money(t, id, 8000, int64(1000*(i+1))) })
		// A payment nobody knows is refused, and must not use a number up.
		booking.Go(func() { _ = c.money(t, id[:len(id)-1]+"0", 8000, 0) })
	}
	booking.Wait()
	var numbers, highest, moved int
	require.NoError(t, c.db.QueryRow(t.Context(), `SELECT count(*), max(number), count(*) FILTER (WHERE kind = 'payment') FROM receipts`).
		Scan(&numbers, &highest, &moved))
	require.Equal(t, numbers, highest, "every number up to the highest is there")
	require.Equal(t, len(visits), moved, "one payment each")
}
