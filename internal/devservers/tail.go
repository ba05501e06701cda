package devservers

import (
	"strings"
	"sync"
)

const (
	tailBytes = 4 << 10
	tailLines = 12
)

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if extra := len(t.end) - tailBytes; extra > 0 {
		t.end = append(t.end[:0], t.end[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}

// quoted is the last lines, indented, to stand after the first line of an error; empty when nothing
// was written.
func (t *tail) quoted() string {
	text := strings.TrimSpace(t.String())
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return "\n    " + strings.Join(lines, "\n    ")
}
