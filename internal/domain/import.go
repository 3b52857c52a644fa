package domain

// DoctorLine is one doctor of a list that a clinic imports.
type DoctorLine struct {
	Line int // in the file, from 1
	// ExternalID, or else Email, says which stored doctor this is. One of them is there.
	ExternalID string
	Email      string
	// Onto lays what the line says over a doctor; what it does not say stays.
	Onto func(Doctor) Doctor
}

// LineFault is what is wrong with a line. Reason says what to change and repeats nothing
// of the line but names of columns.
type LineFault struct {
	Line   int
	Reason string
}

// ImportReport says what an import did, or would do.
type ImportReport struct {
	Created, Updated, Unchanged int
	// Faults keep the whole list from being imported, by line.
	Faults []LineFault
}
