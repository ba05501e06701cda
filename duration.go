package stemflow

import (
	"encoding/json"
	"fmt"
	"time"

	"stemflow/internal/bounded"
)

// Duration is a time.Duration that reads and writes itself as people type it: "90s", "3m", "1h30m".
type Duration time.Duration

// String is the shortest such form: "45m", not "45m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if len(s) > 2 && s[len(s)-2:] == "0s" && s[len(s)-3] == 'm' {
		s = s[:len(s)-2]
	}
	if len(s) > 2 && s[len(s)-2:] == "0m" && s[len(s)-3] == 'h' {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON implements json.Unmarshaler. It takes a string only: a bare number has no unit.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf(
			"%s is not a duration: write it as a string with a unit, like \"30s\", \"3m\" or \"1h30m\"",
			bounded.Text(string(data), bounded.Value),
		)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf(
			"%s is not a duration: write it with a unit, like \"30s\", \"3m\" or \"1h30m\"",
			bounded.Quote(s),
		)
	}
	*d = Duration(v)
	return nil
}
