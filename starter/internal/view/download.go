package view

import (
	"fmt"
	"sync"
	"time"

	"stemflow/starter/internal/download"
)

// Download shows how files come: on a terminal in a line that changes, elsewhere in a line for each
// file. It implements [download.Progress].
type Download struct {
	on      Screen
	files   int
	bytes   int64
	started time.Time

	mu     sync.Mutex
	drawer drawer
	drawn  time.Time
	got    int64
	done   int
}

// NewDownload returns a display of so many files and bytes.
func NewDownload(on Screen, files int, bytes int64) *Download {
	return &Download{on: on, files: files, bytes: bytes, started: time.Now(), drawer: drawer{w: on.W}}
}

// Advance implements [download.Progress].
func (d *Download) Advance(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got += bytes
	d.draw(false)
}

// Finished implements [download.Progress].
func (d *Download) Finished(r download.Result) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done++
	if _, isTerminal := d.on.Size(); !isTerminal {
		fmt.Fprintf(d.on.W, "%s  %s  %s  %s\n", timeOfDay(time.Now()), Printable(r.File), byteText(r.Size), r.Status)
		return
	}
	d.draw(true)
}

func (d *Download) draw(now bool) {
	size, isTerminal := d.on.Size()
	if !isTerminal || !now && time.Since(d.drawn) < SpinnerStep {
		return
	}
	d.drawn = time.Now()
	line := fmt.Sprintf("  %d of %d stems, %s of %s in %s", d.done, d.files, byteText(d.got), byteText(d.bytes),
		clockTime(time.Since(d.started)))
	d.drawer.draw([]string{clip(line, size.Columns-1)})
}

// Close takes the line away.
func (d *Download) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drawer.close()
}
