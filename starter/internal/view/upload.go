package view

import (
	"fmt"
	"time"
)

// Upload shows how a file goes to the store: on a terminal in a line that changes, elsewhere in one
// line when it begins.
type Upload struct {
	on      Screen
	name    string
	bytes   int64
	started time.Time

	drawer drawer
	drawn  time.Time
	put    int64
}

// NewUpload returns a display of the upload of a file of so many bytes. It shows nothing until the
// upload begins.
func NewUpload(on Screen, name string, bytes int64) *Upload {
	return &Upload{on: on, name: Printable(name), bytes: bytes, drawer: drawer{w: on.W}}
}

// Begin says that the upload begins.
func (u *Upload) Begin() {
	u.started = time.Now()
	if _, isTerminal := u.on.Size(); !isTerminal {
		fmt.Fprintf(u.on.W, "Uploading %s, %s\n", u.name, byteText(u.bytes))
	}
}

// Advance says that so many bytes more were sent.
func (u *Upload) Advance(bytes int64) {
	u.put += bytes
	size, isTerminal := u.on.Size()
	if now := time.Now(); isTerminal && now.Sub(u.drawn) >= SpinnerStep {
		u.drawn = now
		line := fmt.Sprintf("  uploading %s, %s of %s in %s", u.name, byteText(min(u.put, u.bytes)), byteText(u.bytes),
			clockTime(now.Sub(u.started)))
		u.drawer.draw([]string{clip(line, size.Columns-1)})
	}
}

// Close takes the line away.
func (u *Upload) Close() { u.drawer.close() }
