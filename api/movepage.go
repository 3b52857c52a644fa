package api

import (
	"context"
	"net/http"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
)

const (
	// moveDays is how many days of free times the page shows at once.
	moveDays = 7
	// moveTimes is the most times it offers of one day; of more, every so manieth.
	moveTimes = 24
)

// movePage is what the template move shows.
type movePage struct {
	Token, Key      string
	Refusal         string
	Facts           []fact
	Days            []moveDay
	Zone            string // the reader's, in which the times are
	Earlier, Later  string // the first days of the other weeks; empty where there are none
	Moves, MovesMax int
}

type moveDay struct {
	Day   string
	Times []moveTime
}

type moveTime struct{ Value, Clock string }

// GetVisitMovePage shows free times to move a visit to.
func (h *handlers) GetVisitMovePage(ctx context.Context, req openapi.GetVisitMovePageRequestObject) (openapi.GetVisitMovePageResponseObject, error) {
	ctx, who := begin(ctx)
	f, err := h.followVisit(ctx, who, req.Token)
	if err != nil {
		return nil, err
	}
	return h.showTimes(ctx, who, f, req.Params.From, http.StatusOK, "")
}

// showTimes shows a week from a day on, in the reader's zone.
func (h *handlers) showTimes(ctx context.Context, who *visitor, f followed, from string, status int, refusal string) (page, error) {
	if !f.mayMove() {
		return showPage(who, f.visitDocument(who, http.StatusConflict, "visit.refused.move"))
	}
	today := startOfDay(f.now, f.zone())
	first, err := time.ParseInLocation(time.DateOnly, from, f.zone())
	if from == "" || err != nil || first.Before(today) {
		first = today
	}
	span := domain.Window{Start: first.UTC(), End: first.AddDate(0, 0, moveDays).UTC()}
	slots, err := h.timesFor(ctx, f, span)
	if err != nil {
		return page{}, err
	}
	view := movePage{
		Token: f.token, Key: domain.NewID(), Refusal: refusal, Facts: f.facts(who), Days: days(who.locale, slots, f.zone()), Zone: f.Zone,
		Later: first.AddDate(0, 0, moveDays).Format(time.DateOnly), Moves: f.Reschedules, MovesMax: f.Terms.RescheduleLimit,
	}
	if first.After(today) {
		view.Earlier = first.AddDate(0, 0, -moveDays).Format(time.DateOnly)
	}
	return showPage(who, f.shown("move", status, view))
}

// timesFor are the free slots that the visit could move to, by the rule that judges the
// move itself: nobody has to pay again, and a visit that stays confirmed needs no answer.
func (h *handlers) timesFor(ctx context.Context, f followed, span domain.Window) ([]domain.Slot, error) {
	free, err := h.store.Availability(ctx, f.DoctorID, f.TypeID, span)
	if domain.CodeOf(err) == domain.CodeDoctorInactive {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	terms := f.Terms
	terms.Price.Minor = 0
	terms.InstantConfirm = f.Status == domain.StatusConfirmed && !terms.Reconfirm
	slots, err := domain.Slots(free.Schedule, free.Type.Rules, terms, free.Busy, span, f.now)
	if err != nil {
		return nil, err
	}
	length := f.Visit.End.Sub(f.Visit.Start)
	fitting := slots[:0]
	for _, s := range slots {
		if s.End.Sub(s.Start) == length {
			fitting = append(fitting, s)
		}
	}
	return fitting, nil
}

// days groups slots by the reader's days.
func days(locale string, slots []domain.Slot, in *time.Location) []moveDay {
	var list []moveDay
	for len(slots) > 0 {
		day := startOfDay(slots[0].Start, in)
		n := 0
		for n < len(slots) && startOfDay(slots[n].Start, in).Equal(day) {
			n++
		}
		step := (n + moveTimes - 1) / moveTimes
		d := moveDay{Day: letters.Day(locale, day, in)}
		for i := 0; i < n; i += step {
			start := slots[i].Start
			d.Times = append(d.Times, moveTime{Value: start.UTC().Format(time.RFC3339), Clock: clockOf(slots, i, in)})
		}
		list, slots = append(list, d), slots[n:]
	}
	return list
}

// clockOf is a time of the day; with its offset where clocks are about to change, since
// 01:30 may come twice.
func clockOf(slots []domain.Slot, i int, in *time.Location) string {
	start := slots[i].Start.In(in)
	_, before := start.Add(-3 * time.Hour).Zone()
	_, after := start.Add(3 * time.Hour).Zone()
	if before != after {
		return start.Format("15:04 (UTC-07:00)")
	}
	return start.Format("15:04")
}

func startOfDay(t time.Time, in *time.Location) time.Time {
	y, m, d := t.In(in).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, in)
}

func (p page) VisitGetVisitMovePageResponse(w http.ResponseWriter) error { return p.write(w) }
