package hook

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"stemflow"
	"stemflow/internal/bounded"
	"stemflow/internal/redact"
)

const (
	// commandTimeout bounds one run of the program. What takes longer belongs into the background.
	commandTimeout = 30 * time.Second
	// pipesTimeout is how long what the program has left running may keep its output open.
	pipesTimeout = 2 * time.Second
	// mostVariable bounds a variable of the program, in bytes. Everything is in the JSON.
	mostVariable = 1000
)

// Command runs a program for each event, without a shell: the event as JSON is its standard input.
type Command struct {
	// Path is absolute.
	Path string
	// Env is the environment of the program, beside what it is told of the event. It has nothing of
	// the worker's own.
	Env []string
	// Redactor hides secrets in what the program says.
	Redactor *redact.Redactor
	// Timeout bounds one run; 0 is 30 seconds.
	Timeout time.Duration
}

var errTooLong = errors.New("it takes too long")

// Run runs the program once. It has taken the event if it exits with 0. The error is an [*Error].
func (c *Command) Run(ctx context.Context, event stemflow.Event, body []byte) error {
	timeout := cmp.Or(c.Timeout, commandTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTooLong)
	defer cancel()
	output := &head{room: 4 * mostSaid}
	cmd := exec.CommandContext(ctx, c.Path)
	cmd.Env = append(append([]string{}, c.Env...), variables(event)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(body), output, output
	cmd.WaitDelay = pipesTimeout
	kill := killGroup(cmd)
	cmd.Cancel = kill
	err := cmd.Run()
	if err == nil {
		return nil
	}
	// What it has left running must not pile up: it is run again, or holds its output.
	if cmd.Process != nil {
		_ = kill()
	}
	if errors.Is(err, exec.ErrWaitDelay) { // it has exited with 0
		return nil
	}
	e := &Error{Message: "the hook's command failed: " + bounded.Text(c.Redactor.Outside(err.Error()), mostSaid)}
	switch {
	case errors.Is(context.Cause(ctx), errTooLong):
		e.Message = fmt.Sprintf("the hook's command was killed, it had not ended within %v: have it leave long work "+
			"to another program", timeout)
	case ctx.Err() != nil:
		e.Message = "the hook's command was interrupted, its worker stops or does not want it any more"
	}
	if said := strings.Join(strings.Fields(c.Redactor.Outside(output.text.String())), " "); said != "" {
		e.Message += ": " + bounded.Text(said, mostSaid)
	}
	return e
}

// variables tell the program the most important of an event, so that it need not read JSON.
func variables(event stemflow.Event) []string {
	said := map[string]string{
		"":             string(event.Type),
		"_ID":          event.ID,
		"_TIMESTAMP":   event.Timestamp.UTC().Format(time.RFC3339),
		"_NAMESPACE":   event.Data.Namespace,
		"_WORKFLOW_ID": event.Data.WorkflowID,
		"_RUN_ID":      event.Data.RunID,
		"_ERROR":       reasonOf(event),
		"_SUMMARY":     summary(event),
	}
	var env []string
	for name, value := range said {
		env = append(env, "STEMFLOW_EVENT"+name+"="+line(value))
	}
	return env
}

// line is a text as a variable can have it: in one line, and without a NUL.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return bounded.Text(strings.Join(strings.Fields(text), " "), mostVariable)
}

// reasonOf is the error type of an event, or why a catalogue paused; empty if all is well.
func reasonOf(event stemflow.Event) string {
	switch s, c := event.Data.Separation, event.Data.Catalog; {
	case s != nil && s.Error != nil:
		return s.Error.Type
	case c != nil && c.Error != nil:
		return c.Error.Type
	case c != nil && c.Paused != nil:
		return c.Paused.Reason
	}
	return ""
}

// summary says an event in one line, for a person.
func summary(event stemflow.Event) string {
	var text string
	switch s, c := event.Data.Separation, event.Data.Catalog; {
	case s != nil:
		text = fmt.Sprintf("%s of %s: %s", s.Track.Type, cmp.Or(s.Title, s.Track.AudioID), endOf(s))
	case c != nil:
		text = fmt.Sprintf("catalogue %s: %s. %d of %d tracks are archived, %d failed, %d credits", c.Name, stateOf(c),
			c.Archived+c.Found+c.Partial, c.Tracks, c.Failed, c.Credits)
	}
	return line(text)
}

func endOf(s *stemflow.SeparationEvent) string {
	if s.Error != nil {
		return s.Error.Type + ": " + s.Error.Message
	}
	text := fmt.Sprintf("archived, %d stems, %d credits", len(s.Stems), s.Credits)
	if left := len(s.Failed) + len(s.Missing); left > 0 {
		text += fmt.Sprintf(", %d stems are not there", left)
	}
	return text
}

func stateOf(c *stemflow.CatalogEvent) string {
	switch {
	case c.Paused != nil && c.Paused.Message != "":
		return "paused: " + c.Paused.Reason + ": " + c.Paused.Message
	case c.Paused != nil:
		return "paused: " + c.Paused.Reason
	case c.Error != nil:
		return "ended early: " + c.Error.Type + ": " + c.Error.Message
	}
	return "ended"
}

// head keeps the beginning of what is written to it.
type head struct {
	text bytes.Buffer
	room int
}

func (h *head) Write(p []byte) (int, error) {
	h.text.Write(p[:min(len(p), max(h.room-h.text.Len(), 0))])
	return len(p), nil
}
