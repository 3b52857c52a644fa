package domain

import (
	"slices"
	"time"
)

// MaxAlternatives is how many other times are offered to a patient whose request came to
// nothing.
const MaxAlternatives = 3

// Alternatives picks the next free times to offer instead of a visit that was to start at
// instead: on different days of the reader's calendar where possible, by time. slots are
// free ones, oldest first.
func Alternatives(slots []Slot, instead time.Time, reader *time.Location) []Slot {
	var picked, others []Slot
	days := map[civil]bool{}
	for _, s := range slots {
		day := civilDay(s.Start.In(reader))
		switch {
		case s.Start.Equal(instead):
		case !days[day] && len(picked) < MaxAlternatives:
			days[day] = true
			picked = append(picked, s)
		case len(others) < MaxAlternatives:
			others = append(others, s)
		}
	}
	picked = append(picked, others[:min(len(others), MaxAlternatives-len(picked))]...)
	slices.SortFunc(picked, func(a, b Slot) int { return a.Start.Compare(b.Start) })
	return picked
}
