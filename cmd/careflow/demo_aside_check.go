package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// agree waits until the books of a side life say what they must, and says what is missing
// when they do not.
func (l *sideLife) agree(ctx context.Context) error {
	var wrong []string
	err := l.watch(ctx, paidPatience, "the books to agree", func() (bool, error) {
		var err error
		wrong, err = l.wrong(ctx)
		return len(wrong) == 0, err
	})
	if len(wrong) > 0 && ctx.Err() == nil {
		return fmt.Errorf("the books do not agree:\n  - %s", strings.Join(wrong, "\n  - "))
	}
	if err != nil {
		return err
	}
	currency := l.visit.Terms.Price.Currency
	l.voice.say("Its books agree: captured %s, refunded %s, kept %s, nothing held; %d letters, each sent once.",
		money(l.captured, currency), money(l.refunded, currency), money(l.captured-l.refunded, currency), l.expectedLetters())
	return nil
}

func (l *sideLife) expectedLetters() (n int) {
	for _, count := range l.letters {
		n += count
	}
	return n
}

func (l *sideLife) wrong(ctx context.Context) ([]string, error) {
	ledger, err := l.sandbox.ledger(ctx)
	if err != nil {
		return nil, err
	}
	letters, err := l.demonstration.letters(ctx)
	if err != nil {
		return nil, err
	}
	var timeline openapi.EventList
	if err := l.desk.get(ctx, "/v1/appointments/"+l.visit.ID+"/events", &timeline); err != nil {
		return nil, err
	}
	if err := l.desk.get(ctx, "/v1/appointments/"+l.visit.ID, &l.visit); err != nil {
		return nil, err
	}
	return slices.Concat(l.wrongEnd(timeline), l.wrongBooks(ledger), wrongLetters(letters, ledger, l.letters)), nil
}

// wrongEnd compares status and timeline; it may be in the archive by now.
func (l *sideLife) wrongEnd(timeline openapi.EventList) (wrong []string) {
	if status := domain.Status(l.visit.Status); status != l.ends && status != domain.StatusArchived {
		wrong = append(wrong, fmt.Sprintf("the visit is %s, not %s", words(string(status)), words(string(l.ends))))
	}
	var kinds []string
	for _, e := range timeline.Items {
		if e.Kind != "archived" {
			kinds = append(kinds, e.Kind)
		}
	}
	if !slices.Equal(kinds, l.timeline) {
		wrong = append(wrong, "the timeline is "+strings.Join(kinds, ", "))
	}
	return wrong
}

// wrongBooks compares the provider's ledger and ours with what the terms promise.
func (l *sideLife) wrongBooks(ledger demoLedger) (wrong []string) {
	own := ledger.payments(l.visit.ID)
	if len(own) != 1 {
		return []string{fmt.Sprintf("the provider has %d payments of this visit, not one", len(own))}
	}
	if p := own[0]; p.Captured != l.captured || p.Refunded != l.refunded || p.Held != 0 {
		wrong = append(wrong, fmt.Sprintf("the provider captured %s, refunded %s and holds %s",
			money(p.Captured, p.Currency), money(p.Refunded, p.Currency), money(p.Held, p.Currency)))
	}
	if ours := l.visit.Payment; ours.Captured.Minor != l.captured || ours.Refunded.Minor != l.refunded {
		wrong = append(wrong, fmt.Sprintf("our books say captured %s and refunded %s",
			money(ours.Captured.Minor, ours.Captured.Currency), money(ours.Refunded.Minor, ours.Refunded.Currency)))
	}
	return wrong
}
