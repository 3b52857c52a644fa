package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Sense says how a figure is compared with its baseline.
type Sense string

// The senses.
const (
	// MoreIsBetter: the ratio is product / baseline, and a target is the least it may be.
	MoreIsBetter Sense = "more"
	// LessIsBetter: the ratio is product / baseline, and a target is the most it may be.
	LessIsBetter Sense = "less"
	// TimesFaster: the ratio is baseline / product, and a target is the least it may be.
	TimesFaster Sense = "faster"
)

// Row is one figure: a value a round for the product and for its baseline, which were
// measured in turns.
type Row struct {
	Group    string    `json:"group"`
	Name     string    `json:"name"`
	Unit     string    `json:"unit"`
	Sense    Sense     `json:"sense"`
	Product  []float64 `json:"product"`
	Baseline []float64 `json:"baseline,omitempty"`
	// Target bounds the ratio, or the value where there is no baseline; 0 is none.
	Target float64 `json:"target,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// Add notes a round.
func (r *Row) Add(product, baseline float64) {
	r.Product, r.Baseline = append(r.Product, product), append(r.Baseline, baseline)
}

// Ratios are those of each round.
func (r Row) Ratios() []float64 {
	var ratios []float64
	for i := range min(len(r.Product), len(r.Baseline)) {
		product, baseline := r.Product[i], r.Baseline[i]
		if r.Sense == TimesFaster {
			product, baseline = baseline, product
		}
		if baseline > 0 {
			ratios = append(ratios, product/baseline)
		}
	}
	return ratios
}

// Judged is what the target bounds: the median ratio, or the median value without a
// baseline.
func (r Row) Judged() float64 {
	if len(r.Baseline) == 0 {
		return Median(r.Product)
	}
	return Median(r.Ratios())
}

// Met reports whether the target is reached; a row without one is always met.
func (r Row) Met() bool {
	switch {
	case r.Target == 0:
		return true
	case r.Sense == LessIsBetter:
		return r.Judged() <= r.Target
	}
	return len(r.Product) > 0 && r.Judged() >= r.Target
}

// Report is one run.
type Report struct {
	At      time.Time     `json:"at"`
	Commit  string        `json:"commit"`
	Machine string        `json:"machine"`
	Stack   string        `json:"stack"`
	Rounds  int           `json:"rounds"`
	Quick   bool          `json:"quick,omitempty"`
	Took    time.Duration `json:"took"`
	Rows    []Row         `json:"rows"`
	// Failed are figures that could not be measured, and why.
	Failed []string `json:"failed,omitempty"`
}

// Read reads a report that an earlier run wrote.
func Read(path string) (Report, error) {
	var r Report
	raw, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("%s is no report of this program: %w", path, err)
	}
	return r, nil
}

// Write writes the report as JSON.
func (r Report) Write(path string) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}

// Row finds a row by its group and name.
func (r Report) Row(group, name string) (Row, bool) {
	for _, row := range r.Rows {
		if row.Group == group && row.Name == name {
			return row, true
		}
	}
	return Row{}, false
}
