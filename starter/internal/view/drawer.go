package view

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

// drawer draws frames over each other on a terminal.
type drawer struct {
	w io.Writer
	// drawn is the number of lines on the screen.
	drawn int
}

// draw puts a frame in the place of the one before. It is one write, so that nothing flickers.
func (d *drawer) draw(lines []string) {
	var b strings.Builder
	b.WriteString(d.back())
	for _, l := range lines {
		b.WriteString(l + clearLine + "\n")
	}
	b.WriteString(clearBelow)
	d.drawn = len(lines)
	_, _ = io.WriteString(d.w, b.String()) // a terminal that is gone shows nothing
}

// close takes the last frame away and gives the cursor back.
func (d *drawer) close() {
	if d.drawn > 0 {
		_, _ = io.WriteString(d.w, d.back()+clearBelow+showCursor)
		d.drawn = 0
	}
}

func (d *drawer) back() string {
	if d.drawn == 0 {
		return hideCursor
	}
	return fmt.Sprintf("\x1b[%dA\r", d.drawn)
}
