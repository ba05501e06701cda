package devtools

import (
	"os"
	"slices"
	"strings"
)

// Environment is this program's environment without the variables whose names begin with one of the
// prefixes, plus more ("NAME=value"). A child must not be configured by variables that were meant
// for another program.
func Environment(without []string, more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return slices.ContainsFunc(without, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
	})
	return append(env, more...)
}
