// Package logging sets up the log of stemflow's programs: lines of text for a person at a terminal, JSON for everything else.
package logging

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"stemflow/internal/terminal"
)

// New is a logger to a file, normally os.Stderr. Its keys have one spelling, whoever writes: workflowId, where Temporal's SDK says WorkflowID.
func New(f *os.File) *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: spell}
	if _, is := terminal.SizeOf(f); is {
		return slog.New(slog.NewTextHandler(f, options))
	}
	return slog.New(slog.NewJSONHandler(f, options))
}

// Fail tells why a program ends: a person in as many lines as there are to tell, everything else in one line of the log.
func Fail(f *os.File, program string, err error) {
	if _, is := terminal.SizeOf(f); is {
		fmt.Fprintf(f, "%s: %v\n", program, err)
		return
	}
	New(f).Error(program+" ends", "error", err)
}

func spell(_ []string, a slog.Attr) slog.Attr {
	if first := a.Key[:min(1, len(a.Key))]; first != strings.ToLower(first) {
		key := strings.ToLower(first) + a.Key[1:]
		if stem, isID := strings.CutSuffix(key, "ID"); isID {
			key = stem + "Id"
		}
		a.Key = key
	}
	return a
}
