// Package arrivals finds files that arrive in a folder, once each has been written to its end.
package arrivals

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Watcher finds files that arrive in a folder and the folders in it. It looks when it is asked to,
// and remembers what it has seen. It is not safe for concurrent use.
type Watcher struct {
	// Dir is the folder.
	Dir string
	// Settle is over how many looks a file has to stay the same until it is taken for whole.
	Settle int

	seen map[string]*state
}

// state is what is known of a file.
type state struct {
	size     int64
	modified time.Time
	// same counts the looks that found it as the one before did; taken says that it was returned.
	same  int
	taken bool
}

// unfinished end the names of files that browsers and other programs are still writing.
var unfinished = []string{".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".opdownload"}

// Look returns the files that have become whole since the last look, in the order of their names,
// and what could not be read. A file that changes later is returned again. Hidden files and
// folders, and those with a name of an unfinished download, are passed over.
func (w *Watcher) Look() (whole []string, unread []error) {
	if w.seen == nil {
		w.seen = map[string]*state{}
	}
	there := map[string]bool{}
	root := w.Dir
	if info, err := os.Lstat(root); err == nil && !info.IsDir() {
		root += string(filepath.Separator) // which follows a symbolic link
	}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			unread = append(unread, err)
			return nil // the rest can still be read
		case name != root && isPassedOver(entry.Name()):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil // it has gone meanwhile
		}
		there[name] = true
		if w.settled(name, info) {
			whole = append(whole, name)
		}
		return nil
	})
	if err != nil {
		unread = append(unread, err)
	}
	if len(unread) == 0 {
		for name := range w.seen {
			if !there[name] {
				delete(w.seen, name)
			}
		}
	}
	return whole, unread
}

func isPassedOver(name string) bool {
	ends := func(ending string) bool { return strings.HasSuffix(strings.ToLower(name), ending) }
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || slices.ContainsFunc(unfinished, ends)
}

// settled notes how a file is, and reports whether it is whole now and was not returned as such.
func (w *Watcher) settled(name string, info fs.FileInfo) bool {
	before, known := w.seen[name]
	if !known || !before.is(info) {
		w.seen[name] = &state{size: info.Size(), modified: info.ModTime()}
		return false
	}
	if before.taken {
		return false
	}
	before.same++
	before.taken = before.same >= w.Settle
	return before.taken
}

func (s *state) is(info fs.FileInfo) bool {
	return s.size == info.Size() && s.modified.Equal(info.ModTime())
}

// Changed reports whether a file is not any more what it was when it was returned: what was read of
// it since may be a part. It is returned again when it is whole.
func (w *Watcher) Changed(name string) bool {
	info, err := os.Stat(name)
	s, known := w.seen[name]
	return err != nil || !known || !s.is(info)
}

// Again has a file returned once more, as if it had just arrived.
func (w *Watcher) Again(name string) { delete(w.seen, name) }
