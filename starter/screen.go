package main

import (
	"fmt"
	"io"
	"strings"
)

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// screen draws frames over each other on a terminal.
type screen struct {
	w io.Writer
	// drawn is the number of lines that stand there.
	drawn int
}

// draw puts a frame in the place of the one before. It is one write, so that nothing flickers.
func (s *screen) draw(lines []string) {
	var b strings.Builder
	b.WriteString(s.back())
	for _, l := range lines {
		b.WriteString(l + clearLine + "\n")
	}
	b.WriteString(clearBelow)
	s.drawn = len(lines)
	_, _ = io.WriteString(s.w, b.String()) // nobody looks at a terminal that is gone
}

// close takes the last frame away and gives the cursor back.
func (s *screen) close() {
	if s.drawn > 0 {
		_, _ = io.WriteString(s.w, s.back()+clearBelow+showCursor)
		s.drawn = 0
	}
}

func (s *screen) back() string {
	if s.drawn == 0 {
		return hideCursor
	}
	return fmt.Sprintf("\x1b[%dA\r", s.drawn)
}
