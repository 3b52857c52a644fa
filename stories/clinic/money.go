package clinic

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// AwaitCase waits until the visit has a payment case for which the condition holds.
func (u *User) AwaitCase(appointmentID string, condition func(openapi.PaymentCase) bool, what string) openapi.PaymentCase {
	u.t.Helper()
	var found openapi.PaymentCase
	testkit.Eventually(u.t, func() bool {
		for _, c := range u.Cases("appointment_id=" + appointmentID) {
			if condition(c) {
				found = c
				return true
			}
		}
		return false
	}, "the payment case of %s %s", appointmentID, what)
	return found
}

// Cases lists payment cases.
func (u *User) Cases(query string) []openapi.PaymentCase {
	u.t.Helper()
	a := u.Do(http.MethodGet, "/v1/payment-cases?"+query, nil)
	require.Equal(u.t, http.StatusOK, a.Status, a)
	var page openapi.PaymentCasePage
	require.NoError(u.t, json.Unmarshal(a.Body, &page))
	return page.Items
}

// CaseEvents returns what happened to a case.
func (u *User) CaseEvents(id string) []string {
	u.t.Helper()
	a := u.Do(http.MethodGet, "/v1/payment-cases/"+id, nil)
	require.Equal(u.t, http.StatusOK, a.Status, a)
	var record openapi.PaymentCaseRecord
	require.NoError(u.t, json.Unmarshal(a.Body, &record))
	var kinds []string
	for _, e := range record.Events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// DecideCase sends a person's decision about a case.
func (u *User) DecideCase(c openapi.PaymentCase, verb, reason string) Answer {
	u.t.Helper()
	return u.Do(http.MethodPost, "/v1/payment-cases/"+c.ID+"/"+verb, map[string]string{"reason_code": reason},
		"Idempotency-Key", domain.NewID(), "If-Match", strconv.Quote(strconv.Itoa(c.Version)))
}

// Kept is what the receipts of a visit add up to, in minor units.
func (c *Clinic) Kept(appointmentID string) int {
	c.t.Helper()
	return c.Count(`SELECT coalesce(sum(CASE WHEN kind IN ('payment', 'refund_failed') THEN amount_minor ELSE -amount_minor END), 0)
		FROM receipts WHERE appointment_id = $1`, appointmentID)
}

// Mails is how many mails of a kind about a visit the vendor has accepted.
func (c *Clinic) Mails(appointmentID string, kind domain.MessageKind) int {
	c.t.Helper()
	rows, err := c.DB.Query(context.Background(), `SELECT id::text FROM messages WHERE appointment_id = $1 AND kind = $2`, appointmentID, string(kind))
	require.NoError(c.t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(c.t, err)
	n := 0
	for _, m := range c.Sandbox.Ledger().Mails {
		if slices.Contains(ids, m.MessageID) {
			n += m.Count
		}
	}
	return n
}
