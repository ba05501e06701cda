package devtools

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Display shows how far a build is.
type Display interface {
	// Show is called several times a second.
	Show(Status)
	// Close ends what is shown.
	Close(Status)
}

const (
	// quiet is how long a build is not worth a word, and quietLook how long a look at what there is
	// to build is not: mostly there is nothing.
	quiet     = 2 * time.Second
	quietLook = 8 * time.Second
	// frame is how often a display is told, linePause how often one of lines says so.
	frame     = 200 * time.Millisecond
	linePause = 15 * time.Second
)

// show keeps a display up to date until stop is called.
func show(display Display, m *meter) (stop func()) {
	ended := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		tick := time.NewTicker(frame)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				display.Show(m.status(now))
			case <-ended:
				display.Close(m.status(time.Now()))
				return
			}
		}
	})
	return func() {
		close(ended)
		showing.Wait()
	}
}

// NewDisplay is a line that moves where the file is a terminal, and lines now and then where not.
func NewDisplay(out *os.File) Display {
	info, err := out.Stat()
	if err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "" && os.Getenv("TERM") != "dumb" {
		return &movingLine{out: out}
	}
	return NewLines(func(line string) { fmt.Fprintln(out, line) })
}

// movingLine is one line of a terminal, written over itself.
type movingLine struct {
	out   io.Writer
	width int // of what stands there
}

// maxWidth leaves the last column of a small terminal free, where some go on to the next line.
const maxWidth = 79

// Show writes the line.
func (l *movingLine) Show(s Status) {
	if !s.worthAWord() {
		return
	}
	if l.width == 0 {
		fmt.Fprintln(l.out, "building "+s.What)
	}
	line := []rune(describe(s))
	if len(line) > maxWidth {
		line = append(line[:maxWidth-1], '…')
	}
	fmt.Fprintf(l.out, "\r%s%s", string(line), strings.Repeat(" ", max(l.width-len(line), 0)))
	l.width = len(line)
}

// Close wipes the line, and says how long it took.
func (l *movingLine) Close(s Status) {
	if l.width == 0 {
		return
	}
	fmt.Fprintf(l.out, "\r%s\r", strings.Repeat(" ", l.width))
	if s.built() {
		fmt.Fprintln(l.out, summary(s))
	}
}

// lines says now and then how far it is.
type lines struct {
	say   func(string)
	last  time.Duration
	begun bool
}

// NewLines is a display of whole lines, for what is not a terminal.
func NewLines(say func(string)) Display { return &lines{say: say} }

// Show says a line, unless the last one is fresh.
func (l *lines) Show(s Status) {
	if !s.worthAWord() || l.begun && s.Elapsed-l.last < linePause {
		return
	}
	if !l.begun {
		l.say("building " + s.What)
	} else {
		l.say(describe(s))
	}
	l.begun, l.last = true, s.Elapsed
}

// Close says how long it took.
func (l *lines) Close(s Status) {
	if l.begun && s.built() {
		l.say(summary(s))
	}
}

func describe(s Status) string {
	switch {
	case s.Packages == 0 && s.Downloaded > 0:
		return fmt.Sprintf("  downloading modules: %d so far, %v", s.Downloaded, s.Elapsed.Round(time.Second))
	case s.Packages == 0:
		return fmt.Sprintf("  looking what has to be built, %v", s.Elapsed.Round(time.Second))
	}
	text := fmt.Sprintf("  building %3d %%, package %d of %d, %v", int(s.Share*100), s.Begun, s.Packages,
		s.Elapsed.Round(time.Second))
	if s.Left > 0 {
		text += ", about " + roughly(s.Left) + " left"
	}
	return text
}

// worthAWord reports whether a person who waits should be told.
func (s Status) worthAWord() bool {
	if s.Packages == 0 && s.Downloaded == 0 {
		return s.Elapsed >= quietLook && !s.planned
	}
	return s.Elapsed >= quiet
}

// built reports whether all is built, unless the last package failed.
func (s Status) built() bool { return s.Packages > 0 && s.Begun == s.Packages }

func summary(s Status) string {
	return fmt.Sprintf("built %d packages in %v", s.Begun, s.Elapsed.Round(time.Second))
}

// roughly is a duration that promises no more than an estimate can.
func roughly(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return "10 s"
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", (d+5*time.Second)/(10*time.Second)*10)
	default:
		return fmt.Sprintf("%d min", (d+30*time.Second)/time.Minute)
	}
}
