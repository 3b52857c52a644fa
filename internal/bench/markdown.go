package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown is the report as a table a group, compared with an earlier run where there is
// one: ratios only, since the machine's speed is another each time.
func (r Report) Markdown(earlier *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s. %s.\nCommit %s, %d rounds, %.0f minutes.\n",
		r.At.UTC().Format("2006-01-02 15:04 UTC"), r.Machine, r.Stack, r.Commit, r.Rounds, r.Took.Minutes())
	if r.Quick {
		b.WriteString("\n**A quick run: it shows that everything works. Its figures mean nothing.**\n")
	}
	group := ""
	for _, row := range r.Rows {
		if row.Group != group {
			group = row.Group
			fmt.Fprintf(&b, "\n**%s**\n\n| figure | product | baseline | ratio (rounds) | to reach | |\n|---|---:|---:|---:|---:|---|\n", group)
		}
		b.WriteString(row.line(earlier))
	}
	for _, failed := range r.Failed {
		fmt.Fprintf(&b, "\nNot measured: %s\n", failed)
	}
	var notes strings.Builder
	for _, row := range r.Rows {
		if row.Note != "" {
			fmt.Fprintf(&notes, "- %s: %s\n", row.Name, row.Note)
		}
	}
	if notes.Len() > 0 {
		b.WriteString("\n" + notes.String())
	}
	return b.String()
}

func (row Row) line(earlier *Report) string {
	baseline, ratio := "–", "–"
	if len(row.Baseline) > 0 {
		ratios := row.Ratios()
		baseline, ratio = row.value(row.Baseline), "–"
		if len(ratios) > 0 {
			ratio = fmt.Sprintf("%s (%s–%s)", short(Median(ratios)), short(slices.Min(ratios)), short(slices.Max(ratios)))
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", row.Name, row.value(row.Product), baseline, ratio, row.wanted(), row.verdict(earlier))
}

func (row Row) value(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	return strings.TrimSpace(short(Median(values)) + " " + row.Unit)
}

func (row Row) wanted() string {
	switch {
	case row.Target == 0:
		return ""
	case row.Sense == LessIsBetter:
		return "≤ " + short(row.Target)
	}
	return "≥ " + short(row.Target)
}

func (row Row) verdict(earlier *Report) string {
	var said []string
	if row.Target != 0 {
		said = append(said, map[bool]string{true: "met", false: "**missed**"}[row.Met()])
	}
	if earlier != nil {
		if before, ok := earlier.Row(row.Group, row.Name); ok {
			said = append(said, "was "+short(before.Judged()))
		}
	}
	return strings.Join(said, ", ")
}

// short writes three digits that count.
func short(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
