// Package seed fills an empty development database with a small clinic. It is never
// used in production.
package seed

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed clinic.sql
var clinic string

// Password is the password of every seeded account.
const Password = "careflow-local"

// Account is a seeded log-in.
type Account struct{ Email, Role, Name string }

// Accounts lists the seeded log-ins.
func Accounts() []Account {
	return []Account{
		{"patient@careflow.example", "patient", "Paula Lindner"},
		{"caregiver@careflow.example", "caregiver", "Ravi Menon"},
		{"doctor@careflow.example", "doctor", "Dr. Ada Berger"},
		{"doctor.ny@careflow.example", "doctor", "Dr. Noah Reed"},
		{"doctor.demo@careflow.example", "doctor", "Dr. Demo Always"},
		{"staff@careflow.example", "staff", "Sam Front"},
		{"admin@careflow.example", "admin", "Alex Office"},
		{"ops@careflow.example", "ops", "Olga Night"},
	}
}

// IDs of the seeded clinic that examples, the demo and tests refer to.
const (
	PatientID    = "01990000-0000-7000-8000-000000000201" // of patient@
	ChildID      = "01990000-0000-7000-8000-000000000202" // of caregiver@
	DoctorID     = "01990000-0000-7000-8000-000000000301" // Europe/Berlin
	DoctorNYID   = "01990000-0000-7000-8000-000000000302" // America/New_York
	DoctorDemoID = "01990000-0000-7000-8000-000000000303" // around the clock
	TypeVisitID  = "01990000-0000-7000-8000-000000000401" // 30 min, EUR 80
	TypeFreeID   = "01990000-0000-7000-8000-000000000402" // 15 min, free
	TypeNYID     = "01990000-0000-7000-8000-000000000403" // 30 min, the doctor's fee
	TypeDemoID   = "01990000-0000-7000-8000-000000000404" // minutes instead of days
)

// Digest names the seeded clinic: a short hash over its rows.
func Digest() string {
	sum := sha256.Sum256([]byte(clinic))
	return hex.EncodeToString(sum[:4])
}

// Clinic inserts the clinic where it is missing and leaves what is there alone. hash
// encodes the password.
func Clinic(ctx context.Context, pool *pgxpool.Pool, hash func(password string) (string, error)) error {
	encoded, err := hash(Password)
	if err != nil {
		return fmt.Errorf("hashing the seeded password: %w", err)
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, clinic); err != nil {
			return fmt.Errorf("seeding the clinic: %w", err)
		}
		_, err := tx.Exec(ctx, `UPDATE users SET password_hash = $1 WHERE password_hash = 'seeded'`, encoded)
		return err
	})
}
