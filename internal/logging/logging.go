// Package logging sets up the log of stemflow's programs.
package logging

import (
	"log/slog"
	"os"

	"stemflow/internal/terminal"
)

// New is a logger to a file, normally os.Stderr: lines of text for a person at a terminal, JSON for everything else.
func New(f *os.File) *slog.Logger {
	if _, is := terminal.SizeOf(f); is {
		return slog.New(slog.NewTextHandler(f, nil))
	}
	return slog.New(slog.NewJSONHandler(f, nil))
}
