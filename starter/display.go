package main

import (
	"fmt"
	"io"
	"time"

	"stemflow/internal/config"
	"stemflow/internal/terminal"
)

// display shows a run while it goes on.
type display interface {
	show(o observation, now time.Time)
	// close leaves the terminal as it was.
	close()
}

func (p *program) newDisplay(cfg config.Starter, started time.Time) display {
	if _, is := p.size(); !is {
		return &journal{w: p.stdout}
	}
	return &live{screen: screen{w: p.stdout}, size: p.size, started: started, colored: !cfg.NoColor}
}

// live is the display on a terminal: a picture that is drawn over and over.
type live struct {
	screen  screen
	size    func() (terminal.Size, bool)
	started time.Time
	colored bool
}

func (l *live) show(o observation, now time.Time) {
	size, _ := l.size()
	l.screen.draw(frame(o, l.started, now, size, l.colored))
}

func (l *live) close() { l.screen.close() }

// journal is the display in a file or a pipe: a line for each change.
type journal struct {
	w    io.Writer
	last observation
}

func (j *journal) show(o observation, now time.Time) {
	for _, text := range changes(j.last, o) {
		fmt.Fprintf(j.w, "%s  %s\n", timeOfDay(now), printable(text))
	}
	j.last = o
}

func (j *journal) close() {}
