// Package restore holds the side effects of restores: a backup is filled into a new
// database beside the live one, compared, and put in its place; then rows are brought up to
// their processes. Each activity may run twice: databases are named by the restore and the
// try, both renames of a swap are one transaction, and what is recorded again is a step that
// has its own ID.
//
// This file is the contract with the workflows: registered names, inputs and results.
package restore

import (
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names. Histories refer to them: never rename one. Those that hold up
// nothing else begin with "restore.": see the worker's fence.
const (
	Note    = "restore.note"
	Fence   = "restore.fence"
	Lift    = "restore.lift"
	Forward = "restore.forward"
	Explain = "restore.explain"

	Resolve = "restore.resolve"
	Fill    = "restore.fill"
	Ready   = "restore.ready"
	Compare = "restore.compare"
	Swap    = "restore.swap"
	Undo    = "restore.undo"
	Keep    = "restore.keep"
	Drop    = "restore.drop"

	ResolveTable = "restore.resolve_table"
	PlaceTable   = "restore.place_table"
	CompareTable = "restore.compare_table"
	DropTable    = "restore.drop_table"
)

// ResolveInput names a backup, or asks for the newest proven one whose restore point is not
// after Before (zero: any).
type ResolveInput struct {
	Target   string    `json:"target"`
	BackupID string    `json:"backup_id,omitempty"`
	Before   time.Time `json:"before,omitzero"`
}

// FillInput asks for a new database with what a backup holds.
type FillInput struct {
	Target    string `json:"target"`
	RestoreID string `json:"restore_id"`
	BackupID  string `json:"backup_id"`
}

// BesideInput names a database beside the live one.
type BesideInput struct {
	Target    string `json:"target"`
	RestoreID string `json:"restore_id"`
	Database  string `json:"database"`
	// Fresh is set where it came out of a backup, and not out of the swap that is undone.
	Fresh bool `json:"fresh,omitempty"`
}

// SwapResult is where what lived is now, and how long nobody could reach either.
type SwapResult struct {
	Before string  `json:"before"`
	Millis float64 `json:"millis"`
}

// UndoInput names both databases of a swap.
type UndoInput struct {
	Target   string `json:"target"`
	Database string `json:"database"` // the name that the restored one gets
	Before   string `json:"before"`   // what lives again
}

// KeepInput asks for the visits to be listed that are in Aside, were booked after Since, and
// have no row in the live database.
type KeepInput struct {
	Target    string    `json:"target"`
	RestoreID string    `json:"restore_id"`
	Aside     string    `json:"aside"`
	Since     time.Time `json:"since"`
}

// ForwardInput asks for the rows to be brought up to the processes that did something since.
type ForwardInput struct {
	RestoreID string    `json:"restore_id"`
	Since     time.Time `json:"since"`
}

// DropInput asks for the restored databases of a restore to go that do not live, and with
// All for what lived before too.
type DropInput struct {
	Target    string `json:"target"`
	RestoreID string `json:"restore_id"`
	All       bool   `json:"all,omitempty"`
}

// ResolveTableInput names a table of the schema public, and a backup as ResolveInput does.
type ResolveTableInput struct {
	ResolveInput
	Table string `json:"table"`
}

// PlaceTableInput asks for a table of a backup beside the live one.
type PlaceTableInput struct {
	Target    string    `json:"target"`
	RestoreID string    `json:"restore_id"`
	BackupID  string    `json:"backup_id"`
	Table     string    `json:"table"`
	Until     time.Time `json:"until"` // then it goes by itself
}

// CompareTableInput asks how a copy differs from the live table.
type CompareTableInput struct {
	Target string           `json:"target"`
	Copy   domain.TableCopy `json:"copy"`
}

// DropTableInput asks for the copy of a restore to go.
type DropTableInput struct {
	Target    string `json:"target"`
	RestoreID string `json:"restore_id"`
}

// Product is a table that only the clinic's database has.
const Product = "public.appointments"

// Margin is how much earlier than the restore point a process may have done what is not in
// it: clocks of hosts, and transactions that were open.
const Margin = 5 * time.Minute

// ForwardResult is what was brought forward, and the visits that need a person.
type ForwardResult struct {
	Counts domain.ForwardCounts `json:"counts"`
}
