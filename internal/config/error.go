package config

import (
	"fmt"
	"strings"
)

// Error lists everything that is wrong with the environment, each problem as "VARIABLE: what is
// wrong and what to give instead". It never contains a secret.
type Error struct{ Problems []string }

func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "the environment has a problem: " + e.Problems[0]
	}
	return fmt.Sprintf("the environment has %d problems:\n  %s", len(e.Problems), strings.Join(e.Problems, "\n  "))
}
