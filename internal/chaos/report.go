package chaos

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Print writes a report for people.
func (r Report) Print(to io.Writer) {
	out := bufio.NewWriter(to)
	defer func() { _ = out.Flush() }()
	for _, part := range []struct {
		title string
		n     map[string]int
	}{{"faults", r.Faults}, {"answers", r.Answers}, {"how it went", r.Ends}, {"figures", r.Figures}} {
		fmt.Fprintf(out, "%s:\n", part.title)
		for _, name := range slices.Sorted(maps.Keys(part.n)) {
			fmt.Fprintf(out, "  %6d  %s\n", part.n[name], name)
		}
	}
	fmt.Fprintf(out, "settled after %s; the supervisor was started again %d times\n", r.Settled, r.Revived)
	if len(r.Findings) == 0 {
		fmt.Fprintf(out, "seed %d: nothing found\n", r.Seed)
		return
	}
	fmt.Fprintf(out, "seed %d: %d findings\n", r.Seed, len(r.Findings))
	for _, f := range r.Findings {
		fmt.Fprintf(out, "  %s  %s: %s\n", f.Rule, f.Subject, f.Detail)
	}
}

// KeptSeeds are the seeds that once found something, from testdata/seeds.txt.
func KeptSeeds(root string) ([]uint64, error) {
	raw, err := os.ReadFile(filepath.Join(root, "internal/chaos/testdata/seeds.txt"))
	if err != nil {
		return nil, err
	}
	var seeds []uint64
	for line := range strings.Lines(string(raw)) {
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("testdata/seeds.txt: %w", err)
		}
		seeds = append(seeds, seed)
	}
	return seeds, nil
}
