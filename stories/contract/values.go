package contract

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// Values makes values for schemas.
type Values struct {
	R *rand.Rand
	// Known are values that exist, by the name of the parameter or property they stand in. An
	// optional one for which there is none, in an empty list, is left out.
	Known map[string][]string
	// Now is the instant the times are chosen around.
	Now time.Time
}

// hostile is what people and programs send who mean no good, or do not know better.
var hostile = []string{
	"", " ", "\x00", "null", "true", "-1", "0", "1e309", "NaN", "9223372036854775808", "٣", "'; DROP TABLE users; --", `" OR ""="`,
	"../../etc/passwd", "%2e%2e%2f", "${jndi:ldap://x}", "<script>alert(1)</script>", "{{7*7}}", "\u202etxt", "🏥", "\xff\xfe", "\r\nX-Injected: 1",
	strings.Repeat("a", 300), strings.Repeat("9", 60), strings.Repeat("é", 700), "00000000-0000-0000-0000-000000000000", "0000-00-00",
	"2026-13-45T99:99:99Z", "2026-03-29T02:30:00", "9999-12-31T23:59:59.999999999+23:59", "0001-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "Local", "Europe/Nowhere",
}

func (v *Values) leftOut(name string) bool {
	values, named := v.Known[name]
	return named && len(values) == 0
}

// Fitting is a value that a schema allows.
func (v *Values) Fitting(name string, s *openapi3.Schema, depth int) any {
	if ids := v.Known[name]; len(ids) > 0 && v.R.IntN(8) > 0 {
		return ids[v.R.IntN(len(ids))]
	}
	if s.Example != nil && v.R.IntN(4) == 0 {
		return s.Example
	}
	if len(s.Enum) > 0 {
		return s.Enum[v.R.IntN(len(s.Enum))]
	}
	for _, options := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf, s.AllOf} {
		if len(options) > 0 {
			return v.Fitting(name, options[v.R.IntN(len(options))].Value, depth)
		}
	}
	switch {
	case s.Type.Is("object"):
		return v.object(s, depth)
	case s.Type.Is("array"):
		list := []any{}
		for range v.length(s.MinItems, s.MaxItems, 3) {
			list = append(list, v.Fitting("", s.Items.Value, depth+1))
		}
		return list
	case s.Type.Is("integer"), s.Type.Is("number"):
		low, high := int64(-5), int64(100_000)
		if s.Min != nil {
			low = int64(*s.Min)
		}
		if s.Max != nil {
			high = int64(*s.Max)
		}
		return low + v.R.Int64N(max(1, high-low+1))
	case s.Type.Is("boolean"):
		return v.R.IntN(2) == 0
	}
	return v.text(name, s)
}

func (v *Values) object(s *openapi3.Schema, depth int) any {
	out := map[string]any{}
	for name, property := range s.Properties {
		required := false
		for _, r := range s.Required {
			required = required || r == name
		}
		if !required && (v.leftOut(name) || depth > 3 || v.R.IntN(2) == 0) {
			continue
		}
		out[name] = v.Fitting(name, property.Value, depth+1)
	}
	return out
}

func (v *Values) text(name string, s *openapi3.Schema) string {
	at := v.Now.Add(time.Duration(v.R.IntN(14*24*60)) * time.Minute)
	if name == "to" {
		at = at.Add(14 * 24 * time.Hour) // of a stretch of time: after its from
	}
	switch s.Format {
	case "uuid":
		return uuid.NewString()
	case "date-time":
		return at.Truncate(time.Minute).Format(time.RFC3339)
	case "date":
		return at.Format(time.DateOnly)
	case "email":
		return fmt.Sprintf("someone%d@contract.example", v.R.IntN(1_000_000))
	case "password":
		return "correct horse battery staple"
	}
	switch {
	case name == "email":
		return fmt.Sprintf("someone%d@contract.example", v.R.IntN(1_000_000))
	case name == "date":
		return at.Format(time.DateOnly)
	case strings.Contains(name, "zone"):
		return []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}[v.R.IntN(4)]
	case strings.Contains(name, "duration"), strings.HasSuffix(name, "_grace"), strings.Contains(name, "deadline"), name == "before":
		return fmt.Sprintf("%dm", v.R.IntN(600))
	case strings.Contains(s.Pattern, "A-Z]{3}"):
		return []string{"EUR", "USD", "JPY"}[v.R.IntN(3)]
	case s.Pattern == "":
		text := strings.Repeat("word ", 1+int(s.MinLength/5)+v.R.IntN(4))
		return text[:min(len(text), limit(s.MaxLength))]
	case s.Example != nil:
		return fmt.Sprint(s.Example)
	}
	return "09:00"
}

func (v *Values) length(low uint64, high *uint64, usual uint64) uint64 {
	most := low + usual
	if high != nil {
		most = min(most, *high)
	}
	if most <= low {
		return low
	}
	return low + v.R.Uint64N(most-low+1)
}

func limit(most *uint64) int {
	if most == nil {
		return 2000
	}
	return int(*most)
}

// Hostile is a text that nobody asked for.
func (v *Values) Hostile() string { return hostile[v.R.IntN(len(hostile))] }

// Spoilt changes one thing of a value: a property missing, unknown, of another type or
// hostile.
func (v *Values) Spoilt(value any) any {
	switch x := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(x))
		for name := range x {
			names = append(names, name)
		}
		if len(names) == 0 || v.R.IntN(6) == 0 {
			x[v.Hostile()] = v.junk()
			return x
		}
		name := names[v.R.IntN(len(names))]
		switch v.R.IntN(4) {
		case 0:
			delete(x, name)
		case 1:
			x[name] = v.junk()
		default:
			x[name] = v.Spoilt(x[name])
		}
		return x
	case []any:
		if len(x) > 0 && v.R.IntN(2) == 0 {
			i := v.R.IntN(len(x))
			x[i] = v.Spoilt(x[i])
			return x
		}
		return append(x, v.junk())
	}
	return v.junk()
}

func (v *Values) junk() any {
	switch v.R.IntN(8) {
	case 0:
		return nil
	case 1:
		return json.Number([]string{"-1", "0", "1e400", "0.1", "9223372036854775807", "-9223372036854775809", "1E-5"}[v.R.IntN(7)])
	case 2:
		return v.R.IntN(2) == 0
	case 3:
		return []any{[]any{[]any{}}}
	case 4:
		return map[string]any{"a": map[string]any{"b": nil}}
	}
	return v.Hostile()
}
