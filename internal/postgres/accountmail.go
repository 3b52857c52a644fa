package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
	"github.com/careflow/careflow/internal/telemetry"
)

// accountNews is a message that an account comes to owe; its ID is the link's.
type accountNews struct {
	kind   domain.AccountMessageKind
	device string
	link   domain.NewLink
}

// oweAccount adds a message to an account's ledger and tells the relay. A link ends the
// older ones of its purpose. The caller holds the account's row, so that of two links at
// once one is the newer.
func oweAccount(ctx context.Context, q *db.Queries, accountID string, n accountNews, now time.Time) error {
	var until time.Time
	if life := n.kind.LinkLife(); life > 0 {
		until = now.Add(life)
	}
	err := q.OweAccountMessage(ctx, db.OweAccountMessageParams{
		ID: n.link.MessageID, AccountID: accountID, Kind: string(n.kind), Device: n.device, SendBefore: optionalTime(until), Now: now,
	})
	if err == nil && !until.IsZero() {
		purpose := string(n.kind)
		err = errors.Join(
			q.EndLinks(ctx, db.EndLinksParams{AccountID: accountID, Purpose: &purpose, Now: now, Reason: "replaced"}),
			q.InsertLink(ctx, db.InsertLinkParams{
				Hash: n.link.Hash, MessageID: n.link.MessageID, AccountID: accountID, Purpose: purpose, KeyID: n.link.KeyID, ExpiresAt: until,
			}))
	}
	if err == nil {
		err = q.OweAccountMail(ctx, db.OweAccountMailParams{AccountID: &accountID, DedupeKey: "account_mail/" + n.link.MessageID, Traceparent: telemetry.Traceparent(ctx)})
	}
	if err != nil {
		return fmt.Errorf("adding a letter to the account's ledger: %w", err)
	}
	return nil
}

// owePasswordChanged tells the owner of a new password, and ends what could set another.
func owePasswordChanged(ctx context.Context, q *db.Queries, accountID string, now time.Time) error {
	return errors.Join(
		q.EndLinks(ctx, db.EndLinksParams{AccountID: accountID, Now: now, Reason: endPasswordChanged}),
		oweAccount(ctx, q, accountID, accountNews{kind: domain.MessagePasswordChanged, link: domain.NewLink{MessageID: domain.NewID()}}, now))
}

// wakeAfter wakes the relay once a transaction that may owe something is in.
func (s *Store) wakeAfter(err error) {
	if err == nil {
		s.Wake()
	}
}

// NextAccountMessage takes an account's oldest message that is still to be handed over,
// under a new attempt, and first skips letters whose link is over at now (UTC). It returns
// nil when nothing is left.
func (s *Store) NextAccountMessage(ctx context.Context, accountID string, now time.Time) (*domain.DueAccountMessage, error) {
	var due *domain.DueAccountMessage
	err := s.inTx(ctx, func(q *db.Queries) error {
		due = nil
		if err := q.SkipAccountMessages(ctx, db.SkipAccountMessagesParams{AccountID: accountID, Now: now}); err != nil {
			return fmt.Errorf("skipping what is too late: %w", err)
		}
		m, err := q.TakeAccountMessage(ctx, accountID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("taking a letter of an account: %w", err)
		}
		facts, err := q.AccountLetterFacts(ctx, db.AccountLetterFactsParams{AccountID: accountID, MessageID: m.ID})
		if err != nil {
			return fmt.Errorf("reading what the letter says: %w", err)
		}
		due = &domain.DueAccountMessage{
			AccountMessage: domain.AccountMessage{
				ID: m.ID, AccountID: accountID, Seq: m.Seq, Kind: domain.AccountMessageKind(m.Kind), Status: domain.MessageSending,
				Attempts: int(m.Attempts), Unknowns: int(m.Unknowns), CreatedAt: m.CreatedAt.UTC(),
			},
			Interrupted: m.WasStatus == string(domain.MessageSending),
			KeyID:       facts.KeyID,
			Letter: domain.AccountLetter{
				MessageID: m.ID, RecipientName: facts.Name, Address: facts.Email, Locale: facts.Locale, TimeZone: facts.TimeZone,
				ClinicName: facts.ClinicName, Device: m.Device, At: m.CreatedAt.UTC(), LinkUntil: utc(m.SendBefore),
			},
		}
		return nil
	})
	return due, err
}

// SettleAccountMessage records what became of an attempt. unknown counts an attempt whose
// outcome the vendor never told.
func (s *Store) SettleAccountMessage(ctx context.Context, id string, status domain.MessageStatus, vendorID, errorCode string, unknown bool) error {
	n := int32(0)
	if unknown {
		n = 1
	}
	err := s.q.SettleAccountMessage(ctx, db.SettleAccountMessageParams{
		ID: id, Status: string(status), VendorID: vendorID, ErrorCode: errorCode, Unknown: n,
	})
	if err != nil {
		return fmt.Errorf("recording the outcome of a letter: %w", err)
	}
	return nil
}

// AccountMessages lists an account's ledger, newest first; CodeNotFound where the caller
// does not manage it.
func (s *Store) AccountMessages(ctx context.Context, by domain.Caller, id string, limit int) ([]domain.AccountMessage, error) {
	if _, err := s.ManagedAccount(ctx, by, id); err != nil {
		return nil, err
	}
	rows, err := s.q.AccountMessages(ctx, db.AccountMessagesParams{AccountID: id, MaxRows: int32(limit)}) //nolint:gosec // small bounds
	if err != nil {
		return nil, fmt.Errorf("reading an account's letters: %w", err)
	}
	list := make([]domain.AccountMessage, 0, len(rows))
	for _, r := range rows {
		list = append(list, domain.AccountMessage{
			ID: r.ID, AccountID: id, Seq: r.Seq, Kind: domain.AccountMessageKind(r.Kind), Status: domain.MessageStatus(r.Status),
			Attempts: int(r.Attempts), Unknowns: int(r.Unknowns), ErrorCode: r.ErrorCode, CreatedAt: r.CreatedAt.UTC(), SentAt: utc(r.SentAt),
		})
	}
	return list, nil
}
