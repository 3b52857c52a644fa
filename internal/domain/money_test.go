package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/careflow/careflow/internal/domain"
)

func TestMoneyIsRefusedWhenNegativeOrOfNoCurrency(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		money domain.Money
		ok    bool
	}{
		"an amount":           {domain.Money{Minor: 8000, Currency: "EUR"}, true},
		"nothing":             {domain.Money{Currency: "EUR"}, true},
		"a debt":              {domain.Money{Minor: -1, Currency: "EUR"}, false},
		"no currency":         {domain.Money{Minor: 1}, false},
		"small letters":       {domain.Money{Minor: 1, Currency: "eur"}, false},
		"a longer word":       {domain.Money{Minor: 1, Currency: "EURO"}, false},
		"a line break behind": {domain.Money{Minor: 1, Currency: "EUR\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.money.Validate()
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
		})
	}
}

func TestPercentRoundsHalfUpToTheMinorUnit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor   int64
		percent int
		want    int64
	}{
		{8000, 100, 8000}, {8000, 50, 4000}, {8000, 0, 0}, {1, 50, 1}, {1, 49, 0}, {3, 50, 2}, {99, 33, 33}, {0, 100, 0},
	} {
		require.Equal(t, domain.Money{Minor: c.want, Currency: "EUR"}, domain.Money{Minor: c.minor, Currency: "EUR"}.Percent(c.percent),
			"%d %% of %d", c.percent, c.minor)
	}
}

func TestAShareNeverExceedsTheWholeAndGrowsWithItsPercent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := domain.Money{Minor: rapid.Int64Range(0, 1e12).Draw(t, "minor"), Currency: "EUR"}
		p := rapid.IntRange(0, 99).Draw(t, "percent")
		share, more := m.Percent(p).Minor, m.Percent(p+1).Minor
		require.GreaterOrEqual(t, share, int64(0))
		require.LessOrEqual(t, share, more)
		require.LessOrEqual(t, more, m.Minor)
		require.Equal(t, m, m.Percent(100))
	})
}

func TestMoneyReadsAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]domain.Money{
		"EUR 80.00":   {Minor: 8000, Currency: "EUR"},
		"EUR 0.05":    {Minor: 5, Currency: "EUR"},
		"EUR -0.05":   {Minor: -5, Currency: "EUR"},
		"EUR -12.30":  {Minor: -1230, Currency: "EUR"},
		"JPY 8000":    {Minor: 8000, Currency: "JPY"},
		"KWD 5.120":   {Minor: 5120, Currency: "KWD"},
		"BHD -0.005":  {Minor: -5, Currency: "BHD"},
		"USD 1500.00": {Minor: 150000, Currency: "USD"},
	} {
		require.Equal(t, want, m.String())
	}
}

func TestAmountsAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"80 EUR": 8000, "80.00 EUR": 8000, "80,50 EUR": 8050, "0 EUR": 0, "8000 JPY": 8000, "1.234 KWD": 1234, "1 KWD": 1000, "007.05 EUR": 705,
		"999999999.99 EUR": 99999999999,
	} {
		amount, currency, _ := strings.Cut(text, " ")
		got, err := domain.ParseMoney(amount, currency)
		require.NoError(t, err, text)
		require.Equal(t, domain.Money{Minor: want, Currency: currency}, got)
	}
	for _, text := range []string{" EUR", "-1 EUR", "1.5 EUR", "1.234 EUR", "1,234.50 EUR", "80.00 JPY", "1e3 EUR", "€80 EUR", "80 eur", "80 ", "1.23 KWD", "9999999999 EUR"} {
		amount, currency, _ := strings.Cut(text, " ")
		_, err := domain.ParseMoney(amount, currency)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), text)
	}
}
