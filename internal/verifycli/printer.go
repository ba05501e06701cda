package verifycli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"stemflow"
)

// Format is a form of the output.
type Format int

const (
	// Text is for people.
	Text Format = iota
	// JSON is one document with all findings and the sums.
	JSON
	// JSONLines is a finding on each line as it is found, and the sums on the last.
	JSONLines
)

// printer prints findings as they come, and holds none of them.
type printer struct {
	w        io.Writer
	format   Format
	listed   int
	onScreen io.Writer
	inPlace  bool

	mu    sync.Mutex
	done  stemflow.VerifyArchiveResult
	shown time.Time
	width int
}

func newPrinter(c *Command) *printer {
	return &printer{w: c.Stdout, format: c.Format, onScreen: c.Progress, inPlace: c.InPlace, shown: time.Now()}
}

// finding prints a finding. What cannot be written, because nobody reads any more, is let go.
func (p *printer) finding(f stemflow.ArchiveFinding) {
	p.clear()
	switch p.format {
	case JSON:
		if p.listed == 0 {
			fmt.Fprint(p.w, "{\n  \"findings\": [")
		} else {
			fmt.Fprint(p.w, ",")
		}
		fmt.Fprintf(p.w, "\n    %s", encode(f))
	case JSONLines:
		fmt.Fprintf(p.w, "%s\n", encode(f))
	default:
		fmt.Fprintf(p.w, "%s  %s/%s\n  %s\n", f.Kind, f.Bucket, f.Key, f.Message)
		switch f.Repair {
		case "":
			fmt.Fprintf(p.w, "  remedy: %s\n", strings.ReplaceAll(f.Remedy, "`", ""))
		case stemflow.RepairFailed:
			fmt.Fprintf(p.w, "  not repaired (%s): %s\n", f.RepairError, strings.ReplaceAll(f.Remedy, "`", ""))
		default:
			fmt.Fprintf(p.w, "  %s\n", f.Repair)
		}
	}
	p.listed++
}

// sums is a result without its findings.
type sums struct {
	stemflow.VerifyArchiveResult
	Findings []stemflow.ArchiveFinding `json:"findings,omitempty"`
	More     int                       `json:"more,omitempty"`
}

// summary ends the output of a check that came to its end.
func (p *printer) summary(r stemflow.VerifyArchiveResult) {
	s := sums{VerifyArchiveResult: r, More: r.More}
	if p.listed >= len(r.Findings)+r.More {
		s.More = 0 // all of them were printed
	}
	switch p.format {
	case JSON:
		if p.listed == 0 {
			fmt.Fprint(p.w, "{\n  \"findings\": [],")
		} else {
			fmt.Fprint(p.w, "\n  ],")
		}
		text, _ := json.MarshalIndent(s, "", "  ") // it has no value that does not encode
		fmt.Fprintf(p.w, "%s\n", text[1:])
	case JSONLines:
		fmt.Fprintf(p.w, "%s\n", encode(s))
	default:
		p.sumUp(r, s.More)
	}
}

func (p *printer) sumUp(r stemflow.VerifyArchiveResult, more int) {
	if more > 0 {
		fmt.Fprintf(p.w, "and %d more\n", more)
	}
	if p.listed > 0 {
		fmt.Fprintln(p.w)
	}
	fmt.Fprintf(p.w, "checked %s with %s, %d bytes, and %s\n",
		count(r.Tracks, "track"), count(r.Stems, "stem"), r.Bytes, count(r.Ledgers, "ledger"))
	if r.ReadStems > 0 {
		fmt.Fprintf(p.w, "read back %s, %d bytes\n", count(r.ReadStems, "stem"), r.ReadBytes)
	}
	if r.Unproved > 0 {
		fmt.Fprintf(p.w, "the store has no checksum of %s to compare: only reading proves their content\n",
			count(r.Unproved, "stem"))
	}
	if r.UnderWay > 0 {
		fmt.Fprintf(p.w, "under way: %s\n", count(r.UnderWay, "track"))
	}
	if r.Deleted > 0 {
		fmt.Fprintf(p.w, "deleted, and left so: %s\n", count(r.Deleted, "track"))
	}
	if r.Partial > 0 {
		fmt.Fprintf(p.w, "archived in part, as their manifests say: %s\n", count(r.Partial, "track"))
	}
	if r.Unplaced > 0 {
		fmt.Fprintf(p.w, "%s may be archived in another place: there are too many to look in all\n",
			count(r.Unplaced, "paid separation"))
	}
	if r.UploadsUnchecked {
		fmt.Fprintln(p.w, "unfinished uploads were not looked for: these credentials may not list them "+
			"(s3:ListBucketMultipartUploads)")
	}
	if r.Repaired+r.Lost+r.NotRepaired > 0 {
		fmt.Fprintf(p.w, "%d repaired, %d lost, %d not repaired\n", r.Repaired, r.Lost, r.NotRepaired)
	}
	switch {
	case r.Damage == 0 && r.Notices == 0 && r.Tracks == 0 && r.Ledgers == 0:
		fmt.Fprintln(p.w, "there was nothing to check")
	case r.Damage == 0 && r.Notices == 0:
		fmt.Fprintln(p.w, "no errors were found")
	default:
		fmt.Fprintf(p.w, "found %s and %s:", count(r.Damage, "error"), count(r.Notices, "notice"))
		for i, k := range r.Kinds {
			separator := ","
			if i == 0 {
				separator = ""
			}
			fmt.Fprintf(p.w, "%s %d %s", separator, k.Count, k.Kind)
		}
		fmt.Fprintln(p.w)
	}
}

// abandon ends the output of a check that did not come to its end, and reports whether it has said
// why: a document that was begun is completed with it.
func (p *printer) abandon(e *Error) bool {
	if p.format != JSON || p.listed == 0 {
		return false
	}
	fmt.Fprintf(p.w, "\n  ],\n  \"error\": %s\n}\n",
		encode(map[string]string{"type": e.Type, "message": e.Message}))
	return true
}

func encode(v any) []byte {
	text, _ := json.Marshal(v) // neither type has a value that does not encode
	return text
}

// How often progress is written: on a terminal so that it moves, elsewhere so that a log shows it.
const (
	everyInPlace = 200 * time.Millisecond
	everyLine    = 30 * time.Second
)

// progress shows what a page has come to so far.
func (p *printer) progress(page stemflow.ArchiveCounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.done
	sum.ArchiveCounts.Add(page)
	p.show(sum)
}

// pageDone shows what the check has come to.
func (p *printer) pageDone(r stemflow.VerifyArchiveResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = r
	p.show(r)
}

func (p *printer) show(r stemflow.VerifyArchiveResult) {
	every := everyLine
	if p.inPlace {
		every = everyInPlace
	}
	if p.onScreen == nil || time.Since(p.shown) < every {
		return
	}
	p.shown = time.Now()
	line := fmt.Sprintf("%s, %s, %s", count(r.Objects, "object"), count(r.Tracks, "track"), count(r.Damage, "error"))
	if !p.inPlace {
		fmt.Fprintln(p.onScreen, line)
		return
	}
	fmt.Fprintf(p.onScreen, "\r%s%s", line, strings.Repeat(" ", max(p.width-len(line), 0)))
	p.width = len(line)
}

// clear takes the progress off the terminal.
func (p *printer) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onScreen != nil && p.inPlace && p.width > 0 {
		fmt.Fprintf(p.onScreen, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
