// Package program holds what all of stemflow's programs need: a version to answer with, a log, and
// the terminal's size.
package program

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// NewLogger returns a logger to a file, normally os.Stderr. Its keys have one
// spelling, workflowId where Temporal's SDK says WorkflowID.
func NewLogger(f *os.File) *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: spell}
	if _, ok := SizeOfTerminal(f); ok {
		return slog.New(slog.NewTextHandler(f, options))
	}
	return slog.New(slog.NewJSONHandler(f, options))
}

// Fail says why a program ends: to a person in as many lines as it takes, otherwise in one line of
// the log.
func Fail(f *os.File, name string, err error) {
	if _, ok := SizeOfTerminal(f); ok {
		fmt.Fprintf(f, "%s: %v\n", name, err)
		return
	}
	NewLogger(f).Error(name+" ends", "error", err)
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
