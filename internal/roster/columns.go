package roster

import (
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/careflow/careflow/internal/domain"
)

// Column is a column of the list.
type Column struct {
	Name string
	Help string
	// most is the longest text, in characters.
	most int
	// set reads a cell that is not empty; its error says what to change.
	set func(d *domain.Doctor, cell string) string
}

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`)

const maxLanguages = 20

// Columns lists the columns that a list may have, in any order.
func Columns() []Column {
	return []Column{
		{"name", "The doctor's name, with title. Needed.", 200, text(func(d *domain.Doctor) *string { return &d.Name })},
		{"external_id", "What your other system calls the doctor. This or email is needed, and finds the doctor again.", 120, text(func(d *domain.Doctor) *string { return &d.ExternalID })},
		{"email", "The doctor's log-in: an account with this address and the role doctor.", 254, setEmail},
		{"speciality", "Such as Dermatology.", 120, text(func(d *domain.Doctor) *string { return &d.Speciality })},
		{"degree", "Such as MD.", 200, text(func(d *domain.Doctor) *string { return &d.Degree })},
		{"practising_since", "A year.", 4, setYear},
		{"about", "A few sentences for patients.", 4000, text(func(d *domain.Doctor) *string { return &d.About })},
		{"languages", "Codes such as de en pt-BR, with spaces between.", 200, setLanguages},
		{"fee", "Consultation fee, such as 80.00 or 80,00. Needed for a new doctor, with currency.", 20, nil},
		{"currency", "Of the fee, such as EUR.", 3, nil},
		{"address", "Of the practice, where it is not the clinic's.", 400, text(func(d *domain.Doctor) *string { return &d.Address })},
		{"picture_url", "An https:// address.", 1000, text(func(d *domain.Doctor) *string { return &d.PictureURL })},
		{"time_zone", "IANA name such as Europe/Berlin; a new doctor has the clinic's.", 64, text(func(d *domain.Doctor) *string { return &d.Zone })},
		{"active", "yes or no; a new doctor is.", 20, setActive},
	}
}

func text(field func(*domain.Doctor) *string) func(*domain.Doctor, string) string {
	return func(d *domain.Doctor, cell string) string {
		*field(d) = cell
		return ""
	}
}

func setEmail(d *domain.Doctor, cell string) string {
	address, err := mail.ParseAddress(cell)
	if err != nil || address.Address != cell {
		return "is not an e-mail address"
	}
	d.Email = strings.ToLower(cell)
	return ""
}

func setYear(d *domain.Doctor, cell string) string {
	year, err := strconv.Atoi(cell)
	if err != nil || year <= 0 {
		return "is not a year"
	}
	d.PractisingSince = year
	return ""
}

func setActive(d *domain.Doctor, cell string) string {
	switch strings.ToLower(cell) {
	case "yes", "true", "1":
		d.Active = true
	case "no", "false", "0":
		d.Active = false
	default:
		return "is yes or no"
	}
	return ""
}

func setLanguages(d *domain.Doctor, cell string) string {
	tags := strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(" ,;|/", r) })
	if len(tags) > maxLanguages || slices.ContainsFunc(tags, func(tag string) bool { return !languageTag.MatchString(tag) }) {
		return "is a list of language codes such as de en"
	}
	d.Languages = tags
	return ""
}

// clean judges a cell as text. Spreadsheets leave spaces around it.
func (c Column) clean(cell string) (string, string) {
	cell = strings.TrimSpace(cell)
	if utf8.RuneCountInString(cell) > c.most {
		return "", "has at most " + strconv.Itoa(c.most) + " characters"
	}
	if strings.ContainsFunc(cell, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }) {
		return "", "holds a control character"
	}
	return cell, ""
}
