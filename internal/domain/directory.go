package domain

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Doctor is a doctor as patients see one.
type Doctor struct {
	ID         string
	Version    int // counts the edits, from 1
	Name       string
	Speciality string
	Degree     string
	// PractisingSince is a year, 0 when it is not told.
	PractisingSince int
	About           string
	Address         string // of the practice, where it is not the clinic's
	PictureURL      string
	Zone            string   // IANA; the doctor's hours are local times in it
	Languages       []string // BCP 47
	Active          bool
	// ConsultationFee applies where a type has no price of its own.
	ConsultationFee Money
	// Email is the log-in that this doctor has or will have; ExternalID what another
	// system of the clinic calls the doctor. Neither is for patients.
	Email      string
	ExternalID string
}

// firstYear is the earliest year since when anyone can be practising.
const firstYear = 1900

// Validate reports a doctor who cannot be saved. now bounds the year.
func (d Doctor) Validate(now time.Time) error {
	if strings.TrimSpace(d.Name) == "" {
		return Errorf(CodeInvalid, "a doctor has a name")
	}
	if err := ValidZone(d.Zone); err != nil {
		return err
	}
	if err := d.ConsultationFee.Validate(); err != nil {
		return err
	}
	if d.PractisingSince != 0 && (d.PractisingSince < firstYear || d.PractisingSince > now.Year()) {
		return Errorf(CodeInvalid, "practising_since is a year from %d to %d", firstYear, now.Year())
	}
	if d.PictureURL != "" {
		if u, err := url.Parse(d.PictureURL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return Errorf(CodeInvalid, "picture_url is an https:// address")
		}
	}
	return nil
}

// DoctorFilter narrows a search. Name and Speciality match a part of the text, whatever
// its case and accents; empty ones match everything.
type DoctorFilter struct {
	Name        string
	Speciality  string
	InactiveToo bool
}

// DoctorPage asks for up to Limit doctors after a position in their order (name, ID).
type DoctorPage struct {
	AfterName string
	AfterID   string
	Limit     int
}

// Patient is a person who is treated. One account may have several.
type Patient struct {
	ID        string
	AccountID string
	Version   int // counts the edits, from 1
	Name      string
	Relation  string // to the account: self, child, parent, partner, other
	// DateOfBirth is a day (2006-01-02), Gender and Phone are as the person gives them;
	// each may be empty.
	DateOfBirth string
	Gender      string
	Phone       string
	Zone        string // IANA
}

// Validate reports a patient who cannot be saved.
func (p Patient) Validate(now time.Time) error {
	if strings.TrimSpace(p.Name) == "" {
		return Errorf(CodeInvalid, "a patient has a name")
	}
	if !slices.Contains([]string{"self", "child", "parent", "partner", "other"}, p.Relation) {
		return Errorf(CodeInvalid, "relation is self, child, parent, partner or other")
	}
	if p.DateOfBirth != "" {
		born, err := time.Parse(time.DateOnly, p.DateOfBirth)
		// Somewhere it is tomorrow already.
		if err != nil || born.Year() < firstYear-50 || born.After(now.Add(24*time.Hour)) {
			return Errorf(CodeInvalid, "date_of_birth is a day that has been, such as 1980-02-29")
		}
	}
	return ValidZone(p.Zone)
}

// MaxPatients is how many patients one account may have: a family, not a directory.
const MaxPatients = 20

// ValidZone reports a name that is not an IANA time zone.
func ValidZone(name string) error {
	// LoadLocation takes "" for UTC and "Local" for the machine's zone: nobody's promise.
	if _, err := location(name); err != nil || name == "" || name == "Local" {
		return Errorf(CodeInvalidTimeZone, "the time zone is an IANA name such as Europe/Berlin")
	}
	return nil
}
