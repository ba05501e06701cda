package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// environmentFile configures a shell for this stack: the starter, the examples, or a worker that
// hosts stemflow.
func (s *stack) environmentFile() string { return filepath.Join(s.dir, "env") }

// writeEnvironment writes it again, since ports and secrets are those of this run.
func (s *stack) writeEnvironment() error {
	var text strings.Builder
	for _, variable := range append(s.servers(), s.hosting...) {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(&text, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return os.WriteFile(s.environmentFile(), []byte(text.String()), 0o600)
}
