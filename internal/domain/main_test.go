package domain_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests are those of the product, whatever the machine has

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func hours(n int) domain.Duration   { return domain.Duration(time.Duration(n) * time.Hour) }
func minutes(n int) domain.Duration { return domain.Duration(time.Duration(n) * time.Minute) }

// instant reads RFC 3339.
func instant(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return v.UTC()
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

// terms are valid terms of a visit that costs 80 euros.
func terms() domain.Terms {
	t := domain.DefaultTerms()
	t.Price = domain.Money{Minor: 8000, Currency: "EUR"}
	t.Zone, t.ZoneVersion = "Europe/Berlin", domain.ZoneVersion()
	return t
}
