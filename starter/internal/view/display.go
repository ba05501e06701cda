package view

import (
	"fmt"
	"io"
	"time"

	"stemflow/internal/program"
	"stemflow/starter/internal/observe"
)

// SpinnerStep is how often a display on a terminal changes by itself.
const SpinnerStep = 100 * time.Millisecond

// Canvas is what a frame is drawn on.
type Canvas struct {
	Size    program.TerminalSize
	Colored bool
}

// Picture is how a kind of run is shown: as the lines of a frame on a terminal, and elsewhere as
// lines that say what is new. O is what is seen of the run.
type Picture[O any] interface {
	// Frame returns lines that fit on the canvas, of a run that began at started.
	Frame(o O, started, now time.Time, canvas Canvas) []string
	Changes(before, now O) []string
}

// Screen is where a display shows its pictures.
type Screen struct {
	W io.Writer
	// Size is that of the terminal which W is; false if it is none, or one that cannot draw.
	Size    func() (program.TerminalSize, bool)
	Colored bool
}

// NewDisplay returns a display of a run that began at started.
func NewDisplay[O any](on Screen, started time.Time, picture Picture[O]) observe.Display[O] {
	if _, ok := on.Size(); !ok {
		return &journal[O]{w: on.W, picture: picture}
	}
	return &live[O]{on: on, drawer: drawer{w: on.W}, started: started, picture: picture}
}

// live is the display on a terminal: a picture that is drawn over and over.
type live[O any] struct {
	on      Screen
	drawer  drawer
	started time.Time
	picture Picture[O]
}

func (l *live[O]) Show(o O, now time.Time) {
	size, _ := l.on.Size()
	l.drawer.draw(l.picture.Frame(o, l.started, now, Canvas{size, l.on.Colored}))
}

func (l *live[O]) Close() { l.drawer.close() }

// journal is the display in a file or a pipe: a line for each change.
type journal[O any] struct {
	w       io.Writer
	last    O
	picture Picture[O]
}

func (j *journal[O]) Show(o O, now time.Time) {
	for _, text := range j.picture.Changes(j.last, o) {
		fmt.Fprintf(j.w, "%s  %s\n", timeOfDay(now), Printable(text))
	}
	j.last = o
}

func (j *journal[O]) Close() {}
