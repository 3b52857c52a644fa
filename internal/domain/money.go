package domain

import (
	"fmt"
	"regexp"
	"strings"
)

// Money is an amount in the minor units of an ISO 4217 currency (cents for EUR,
// yen for JPY). It is never a float.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// Validate reports a negative amount or a currency that is not three capitals.
func (m Money) Validate() error {
	if m.Minor < 0 {
		return Errorf(CodeInvalid, "an amount of money is not negative")
	}
	if !currencyCode.MatchString(m.Currency) {
		return Errorf(CodeInvalid, "a currency is an ISO 4217 code of three capitals, such as EUR")
	}
	return nil
}

// IsZero reports whether nothing is owed.
func (m Money) IsZero() bool { return m.Minor == 0 }

// Percent returns p percent of m, rounded half up to a whole minor unit, so that a
// share kept and a share given back can be made to add up by subtraction.
func (m Money) Percent(p int) Money {
	return Money{Minor: (m.Minor*int64(p) + 50) / 100, Currency: m.Currency}
}

// zeroDecimal lists the currencies without a minor unit that Stripe charges in whole
// units (https://docs.stripe.com/currencies#zero-decimal).
var zeroDecimal = map[string]bool{
	"BIF": true, "CLP": true, "DJF": true, "GNF": true, "JPY": true, "KMF": true, "KRW": true, "MGA": true,
	"PYG": true, "RWF": true, "UGX": true, "VND": true, "VUV": true, "XAF": true, "XOF": true, "XPF": true,
}

// threeDecimal lists the currencies whose minor unit is a thousandth
// (https://docs.stripe.com/currencies#three-decimal).
var threeDecimal = map[string]bool{"BHD": true, "JOD": true, "KWD": true, "OMR": true, "TND": true}

// String formats the amount for a person, as "EUR 80.00", "JPY 8000" or "KWD 80.000".
func (m Money) String() string {
	if zeroDecimal[m.Currency] {
		return fmt.Sprintf("%s %d", m.Currency, m.Minor)
	}
	sign, minor := "", m.Minor
	if minor < 0 {
		sign, minor = "-", -minor
	}
	if threeDecimal[m.Currency] {
		return fmt.Sprintf("%s %s%d.%03d", m.Currency, sign, minor/1000, minor%1000)
	}
	return fmt.Sprintf("%s %s%d.%02d", m.Currency, sign, minor/100, minor%100)
}

var amountText = regexp.MustCompile(`^([0-9]{1,9})(?:[.,]([0-9]{1,3}))?$`)

// ParseMoney reads an amount as people write it, such as "80", "80.00" or "80,00", in the
// digits that its currency has. Separators of thousands are refused: "1.234" may be either.
func ParseMoney(amount, currency string) (Money, error) {
	m := Money{Currency: currency}
	if err := m.Validate(); err != nil {
		return Money{}, err
	}
	digits := 2
	if zeroDecimal[currency] {
		digits = 0
	} else if threeDecimal[currency] {
		digits = 3
	}
	parts := amountText.FindStringSubmatch(amount)
	if parts == nil || (parts[2] != "" && len(parts[2]) != digits) {
		return Money{}, Errorf(CodeInvalid, "an amount of %s is written like %s", currency, strings.TrimPrefix(Money{Minor: 80, Currency: currency}.String(), currency+" "))
	}
	for _, digit := range parts[1] + parts[2] {
		m.Minor = m.Minor*10 + int64(digit-'0')
	}
	if parts[2] == "" {
		for range digits {
			m.Minor *= 10
		}
	}
	return m, nil
}
