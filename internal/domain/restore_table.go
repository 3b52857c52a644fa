package domain

import (
	"regexp"
	"time"
)

// How long the copy of a table is kept.
const (
	DefaultCopyDays = 7
	MaxCopyDays     = 30
)

var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// ValidTable reports whether name can name a table that is restored by itself: one of the
// schema public, without quotes. It becomes part of a workflow ID and of an argument.
func ValidTable(name string) error {
	if !tableName.MatchString(name) {
		return Errorf(CodeInvalid, "a table is named by lower-case letters, digits and _, without its schema, which is public")
	}
	return nil
}

// TableCopy is one table of a backup in the live database, in a schema of its own.
type TableCopy struct {
	Table  string    `json:"table"`
	Schema string    `json:"schema,omitempty"`
	Rows   int64     `json:"rows"`
	Until  time.Time `json:"until,omitzero"` // UTC: then it goes by itself
	// OnlySaved counts the rows whose primary keys only the copy has, OnlyLive those that only
	// the live table has, Different those of both that are not the same. They are nil where
	// rows cannot be compared; Uncompared says why.
	OnlySaved  *int64 `json:"only_saved,omitempty"`
	OnlyLive   *int64 `json:"only_live,omitempty"`
	Different  *int64 `json:"different,omitempty"`
	Uncompared string `json:"uncompared,omitempty"`
	// LeftOut are columns that only one of them has, which were not compared.
	LeftOut []string `json:"left_out,omitempty"`
}
