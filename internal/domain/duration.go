package domain

import (
	"encoding/json"
	"time"
)

// Duration is a time.Duration that reads and writes as "24h0m0s" in JSON, so that
// stored terms and Temporal payloads are legible.
type Duration time.Duration

// Std returns the standard library's value.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration as a string such as "15m0s".
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what time.ParseDuration reads.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return Errorf(CodeInvalid, "a duration is a string such as \"90m\" or \"24h\"").Because(err)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return Errorf(CodeInvalid, "%q is not a duration: write it like \"90m\" or \"24h\"", s)
	}
	*d = Duration(v)
	return nil
}
