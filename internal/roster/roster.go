// Package roster reads a clinic's list of doctors from a spreadsheet's CSV file and says
// of each bad line what is wrong with it.
package roster

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/careflow/careflow/internal/domain"
)

// Bounds of a list: one that is larger is not a clinic's.
const (
	MaxBytes = 4 << 20
	MaxLines = 5000 // doctors
)

// Parse reads a list in UTF-8, with or without a byte order mark, with commas, semicolons
// or tabs between the cells, as spreadsheets of different countries write it. The first
// line names the columns (see Columns).
//
// Faults are by line; the doctors of the other lines are returned beside them. The error
// is about the file as a whole: unreadable, too large, or no list.
func Parse(r io.Reader) ([]domain.DoctorLine, []domain.LineFault, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the list: %w", err)
	}
	if len(raw) > MaxBytes {
		return nil, nil, fmt.Errorf("the list is larger than %d MiB", MaxBytes>>20)
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return nil, nil, errors.New("the list is not in UTF-8: save the sheet as \"CSV UTF-8\"")
	}
	rows := csv.NewReader(bytes.NewReader(raw))
	rows.Comma, rows.FieldsPerRecord, rows.ReuseRecord = separator(raw), -1, true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("the list is empty: its first line names the columns")
	}
	if err != nil {
		return nil, nil, errors.New("the first line, which names the columns, cannot be read: check its quotes")
	}
	columns, err := columnsOf(header)
	if err != nil {
		return nil, nil, err
	}
	p := parser{rows: rows, columns: columns, seen: map[string]int{}}
	if err := p.read(); err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(p.faults, func(a, b domain.LineFault) int { return cmp.Compare(a.Line, b.Line) })
	return p.lines, p.faults, nil
}

// separator is the one of the three that the first line has most of.
func separator(raw []byte) rune {
	first, _, _ := bytes.Cut(raw, []byte("\n"))
	best, most := ',', 0
	for _, r := range []rune{',', ';', '\t'} {
		if n := bytes.Count(first, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

func columnsOf(header []string) ([]Column, error) {
	known := Columns()
	var names []string
	for _, c := range known {
		names = append(names, c.Name)
	}
	var columns []Column
	seen := map[string]bool{}
	for i, cell := range header {
		name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(cell)), " ", "_")
		at := slices.Index(names, name)
		if at < 0 {
			return nil, fmt.Errorf("column %d of the first line is none of %s", i+1, strings.Join(names, ", "))
		}
		if seen[name] {
			return nil, fmt.Errorf("the column %s is there twice", name)
		}
		seen[name] = true
		columns = append(columns, known[at])
	}
	if !seen["name"] || (!seen["external_id"] && !seen["email"]) || seen["fee"] != seen["currency"] {
		return nil, errors.New("a list has the column name, one of external_id and email, and fee only together with currency")
	}
	return columns, nil
}

type parser struct {
	rows    *csv.Reader
	columns []Column
	seen    map[string]int // identities, and the line they were first on
	lines   []domain.DoctorLine
	faults  []domain.LineFault
}

func (p *parser) fault(line int, format string, args ...any) {
	p.faults = append(p.faults, domain.LineFault{Line: line, Reason: fmt.Sprintf(format, args...)})
}

func (p *parser) read() error {
	for n := 0; ; n++ {
		row, err := p.rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			// What follows an open quote cannot be told apart from it.
			p.fault(broken.StartLine, "its quotes do not fit: nothing from here on was read")
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the list: %w", err)
		}
		if n >= MaxLines {
			return fmt.Errorf("the list has more than %d doctors", MaxLines)
		}
		line, _ := p.rows.FieldPos(0)
		if !slices.ContainsFunc(row, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue // spreadsheets leave empty rows at the end
		}
		p.row(line, row)
	}
}

func (p *parser) row(line int, row []string) {
	if len(row) != len(p.columns) {
		p.fault(line, "has %d cells, the first line has %d", len(row), len(p.columns))
		return
	}
	before := len(p.faults)
	cells := map[string]string{}
	var said domain.Doctor // to judge the cells
	for i, c := range p.columns {
		cell, wrong := c.clean(row[i])
		if wrong == "" && cell != "" && c.set != nil {
			wrong = c.set(&said, cell)
		}
		if wrong != "" {
			p.fault(line, "%s %s", c.Name, wrong)
			continue
		}
		cells[c.Name] = cell
	}
	fee, wrong := feeOf(cells)
	if wrong != "" {
		p.fault(line, "%s", wrong)
	}
	if len(p.faults) == before {
		p.identify(line, said, cells)
	}
	if len(p.faults) > before {
		return
	}
	p.lines = append(p.lines, domain.DoctorLine{
		Line: line, ExternalID: said.ExternalID, Email: said.Email,
		Onto: func(d domain.Doctor) domain.Doctor {
			for _, c := range p.columns {
				if cell := cells[c.Name]; cell != "" && c.set != nil {
					c.set(&d, cell)
				}
			}
			if fee.Currency != "" {
				d.ConsultationFee = fee
			}
			return d
		},
	})
}

// identify makes sure that a line says which doctor it is about, and no other line does.
func (p *parser) identify(line int, said domain.Doctor, cells map[string]string) {
	if said.Name == "" {
		p.fault(line, "name is empty")
	}
	if said.ExternalID == "" && said.Email == "" {
		p.fault(line, "external_id or email says which doctor this is: both are empty")
	}
	for _, id := range []struct{ column, value string }{{"external_id", said.ExternalID}, {"email", said.Email}} {
		if cells[id.column] == "" {
			continue
		}
		key := id.column + " " + id.value
		if first, again := p.seen[key]; again {
			p.fault(line, "%s is the same as on line %d", id.column, first)
			continue
		}
		p.seen[key] = line
	}
}

func feeOf(cells map[string]string) (domain.Money, string) {
	amount, currency := cells["fee"], strings.ToUpper(cells["currency"])
	if amount == "" && currency == "" {
		return domain.Money{}, ""
	}
	if amount == "" || currency == "" {
		return domain.Money{}, "fee and currency come together"
	}
	fee, err := domain.ParseMoney(amount, currency)
	var known *domain.Error
	if errors.As(err, &known) {
		return domain.Money{}, "fee: " + known.Message
	}
	return fee, ""
}
