// Package program holds what all of stemflow's programs need: a version to answer with, a log, and
// the terminal's size.
package program

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"stemflow/internal/redact"
)

// NewLogger returns a logger to a file, normally os.Stderr. Its keys have one
// spelling, workflowId where Temporal's SDK says WorkflowID, and secrets are hidden in its values,
// no matter what logs them.
func NewLogger(f *os.File, secrets *redact.Redactor) *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		a = spell(groups, a)
		a.Value = hide(a.Value, secrets)
		return a
	}}
	if _, ok := SizeOfTerminal(f); ok {
		return slog.New(slog.NewTextHandler(f, options))
	}
	return slog.New(slog.NewJSONHandler(PlainJSON(f), options))
}

// Fail says why a program ends: to a person in as many lines as it takes, otherwise in one line of
// the log.
func Fail(f *os.File, name string, err error, secrets *redact.Redactor) {
	if _, ok := SizeOfTerminal(f); ok {
		fmt.Fprintf(f, "%s: %s\n", name, secrets.Secrets(err.Error()))
		return
	}
	NewLogger(f, secrets).Error(name+" ends", "error", err)
}

// hide keeps a value as it is unless there is a secret in its text.
func hide(value slog.Value, secrets *redact.Redactor) slog.Value {
	var text string
	switch value.Kind() {
	case slog.KindString:
		text = value.String()
	case slog.KindAny:
		text = fmt.Sprintf("%+v", value.Any())
		// A log of JSON has what pointers lead to, where this has addresses.
		if _, isError := value.Any().(error); !isError && secrets.Secrets(text) == text {
			if whole, err := json.Marshal(value.Any()); err == nil {
				text = string(whole)
			}
		}
	default:
		return value
	}
	if hidden := secrets.Secrets(text); hidden != text {
		return slog.StringValue(hidden)
	}
	return value
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
