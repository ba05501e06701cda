package main

import (
	"fmt"
	"io"
	"time"

	"stemflow/internal/config"
	"stemflow/internal/program"
)

// display shows a run while it goes on. O is what is seen of it.
type display[O any] interface {
	show(o O, now time.Time)
	// close leaves the terminal as it was.
	close()
}

// picture is how a kind of run is shown: as the lines of a frame on a terminal, and elsewhere as
// lines that say what is new.
type picture[O any] struct {
	frame   func(o O, started, now time.Time, size program.TerminalSize, colored bool) []string
	changes func(before, now O) []string
}

func newDisplay[O any](p *cli, cfg config.Starter, started time.Time, picture picture[O]) display[O] {
	if _, ok := p.size(); !ok {
		return &journal[O]{w: p.stdout, changes: picture.changes}
	}
	return &live[O]{
		screen:  screen{w: p.stdout},
		size:    p.size,
		started: started,
		colored: !cfg.NoColor,
		frame:   picture.frame,
	}
}

// live is the display on a terminal: a picture that is drawn over and over.
type live[O any] struct {
	screen  screen
	size    func() (program.TerminalSize, bool)
	started time.Time
	colored bool
	frame   func(o O, started, now time.Time, size program.TerminalSize, colored bool) []string
}

func (l *live[O]) show(o O, now time.Time) {
	size, _ := l.size()
	l.screen.draw(l.frame(o, l.started, now, size, l.colored))
}

func (l *live[O]) close() { l.screen.close() }

// journal is the display in a file or a pipe: a line for each change.
type journal[O any] struct {
	w       io.Writer
	last    O
	changes func(before, now O) []string
}

func (j *journal[O]) show(o O, now time.Time) {
	for _, text := range j.changes(j.last, o) {
		fmt.Fprintf(j.w, "%s  %s\n", timeOfDay(now), printable(text))
	}
	j.last = o
}

func (j *journal[O]) close() {}
