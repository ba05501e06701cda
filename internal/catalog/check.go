// Package catalog reads lists of tracks: as people write them, in JSON lines or CSV, and as a run
// of a catalogue keeps them.
package catalog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"stemflow"
	"stemflow/internal/activityapi"
)

// Check reads a list of tracks to its end, whatever is wrong on the way, and hands each track to
// take for as long as nothing is. It returns how many there are, or an [*stemflow.InputError] that
// names lines and columns, or the error with which r or take failed. The error repeats nothing of
// the list: who starts a catalogue may name an object that somebody else has written. What it keeps
// in memory is a line, and some forty bytes of each track, by which it finds those that are listed
// twice.
//
// Permitted reports what is wrong with where a right track leads, or nil; nil asks nobody.
func Check(
	r io.Reader, in stemflow.SeparateCatalogInput, permitted func(stemflow.SeparateStemsInput) error,
	take func(activityapi.CatalogTrack) error,
) (int, error) {
	c := check{permitted: permitted, take: take, lines: map[[16]byte]int{}}
	err := c.read(r, in)
	var unreadable *unreadable
	switch {
	case errors.As(err, &unreadable):
		c.reportAt(unreadable.line, unreadable.column, unreadable.problem)
	case err != nil:
		return 0, err
	case c.tracks == 0 && len(c.wrong.Problems) == 0:
		c.reportLine(1, "lists no track, write one in each line")
	}
	if len(c.wrong.Problems) > 0 {
		return 0, &c.wrong
	}
	return c.tracks, nil
}

// unreadable is what is wrong with a list beyond a single track: nothing behind it can be read.
type unreadable struct {
	line    int
	problem string
	// column is 0 for the line as a whole.
	column int
}

func (e *unreadable) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.problem) }

// check is the state of a Check.
type check struct {
	permitted func(stemflow.SeparateStemsInput) error
	take      func(activityapi.CatalogTrack) error
	tracks    int
	// lines are where each separation is listed first, by a hash of its workflow id.
	lines map[[16]byte]int
	wrong stemflow.InputError
}

// report reports a problem at a column, 0 for none, without what stands there. Names that no field
// has are part of the list too.
func (c *check) report(line, column int, problem stemflow.InputProblem) {
	problem = problem.WithoutValue()
	problem.Item = fmt.Sprintf("line %d", line)
	if column > 0 {
		problem.Item += fmt.Sprintf(", column %d", column)
	}
	if _, err := stemflow.LookupInputField(problem.Field); err != nil {
		problem.Field = ""
	}
	c.wrong.Add(problem)
}

// reportLine reports what is wrong with a line as a whole.
func (c *check) reportLine(line int, message string) { c.reportAt(line, 0, message) }

func (c *check) reportAt(line, column int, message string) {
	c.report(line, column, stemflow.InputProblem{Message: message})
}

// track takes a track of the list, and the columns that are for the report alone. Where its fields
// stand columnOf says, 0 for nowhere. Its error ends the reading.
func (c *check) track(
	line int, track stemflow.SeparateStemsInput, columns []activityapi.CatalogColumn, columnOf func(field string) int,
) error {
	if c.tracks++; c.tracks > stemflow.MaxCatalogTracks {
		return &unreadable{line: line, problem: fmt.Sprintf(
			"is one track more than the %d that a catalogue takes, split it", stemflow.MaxCatalogTracks)}
	}
	track.Title = titleOf(track.Title)
	err := track.Validate()
	if err == nil && c.permitted != nil {
		err = c.permitted(track)
	}
	if invalid, ok := errors.AsType[*stemflow.InputError](err); ok {
		for _, problem := range invalid.Problems {
			c.report(line, columnOf(problem.Field), problem)
		}
		c.wrong.More += invalid.More
		return nil
	}
	sum := sha256.Sum256([]byte(stemflow.WorkflowID(track)))
	key := [16]byte(sum[:16])
	if first, twice := c.lines[key]; twice {
		c.reportLine(line, fmt.Sprintf("is the same separation as line %d, leave one of them out", first))
		return nil
	}
	c.lines[key] = line
	if len(c.wrong.Problems) > 0 {
		return nil
	}
	return c.take(activityapi.CatalogTrack{Number: c.tracks, Line: line, Input: track, Columns: columns})
}

// titleOf is a title as lists have it, in one line and as long as a title may be.
func titleOf(title string) string {
	title = strings.Join(strings.Fields(title), " ")
	if runes := []rune(title); len(runes) > stemflow.MaxTitle {
		return string(runes[:stemflow.MaxTitle-1]) + "…"
	}
	return title
}
