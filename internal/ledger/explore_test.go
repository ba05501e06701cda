package ledger

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// exploration is a breadth-first search. It keeps a 64-bit fingerprint of each state that it has
// seen: among ten million, two share one with a probability of less than one in a hundred thousand.
// States themselves are kept one level at a time, and of each only how it was reached.
type exploration struct {
	*model
	seed    maphash.Seed
	seen    fingerprints
	parents []uint32
	nth     []uint16 // which of its parent's next states it is
}

// violation is something wrong, with the shortest way there.
type violation struct {
	wrong string
	trace []string
}

func (v *violation) String() string {
	return v.wrong + "\n    " + strings.Join(v.trace, "\n    ")
}

// explore visits every state within the bounds, and stops at the first violation.
func explore(b bounds) (states int, v *violation) {
	x := &exploration{model: newModel(b), seed: maphash.MakeSeed()}
	var level []state
	for _, root := range x.roots() {
		x.parents, x.nth = append(x.parents, 0), append(x.nth, 0)
		level = append(level, root)
	}
	roots := level
	first := 0 // the index of the level's first state
	for len(level) > 0 && v == nil {
		var below []state
		for i, s := range level {
			at := uint32(first + i)
			nth := uint16(0)
			x.next(s, func(n state, _ event) {
				nth++
				if v != nil {
					return
				}
				if x.broken != "" {
					v = &violation{wrong: x.broken, trace: x.trace(roots, at, nth)}
					return
				}
				if !x.seen.add(maphash.Comparable(x.seed, n)) {
					return
				}
				if wrong := x.check(n); wrong != "" {
					v = &violation{wrong: wrong, trace: x.trace(roots, at, nth)}
					return
				}
				x.parents, x.nth = append(x.parents, at), append(x.nth, nth)
				below = append(below, n)
			})
			if v != nil {
				break
			}
		}
		first += len(level)
		level = below
	}
	return len(x.parents), v
}

// trace replays the way to the nth next state of a state.
func (x *exploration) trace(roots []state, at uint32, nth uint16) []string {
	path := []uint16{nth}
	for int(at) >= len(roots) {
		path = append(path, x.nth[at])
		at = x.parents[at]
	}
	s := roots[at]
	lines := []string{"the ledger: " + describe(x.ledgers[s.ledger[0]])}
	for i := len(path) - 1; i >= 0; i-- {
		count := uint16(0)
		before := s
		x.next(before, func(n state, e event) {
			if count++; count != path[i] {
				return
			}
			line := x.describe(e)
			for run := range x.runs {
				if was, is := before.runs[run], n.runs[run]; was != is {
					line += fmt.Sprintf("; run %s %s", x.players[run].id, x.doing(is))
				}
			}
			for file, is := range n.ledger {
				if is != before.ledger[file] {
					line += fmt.Sprintf("; ledger %d: %s", file, describe(x.ledgers[is]))
				}
			}
			lines = append(lines, line)
			s = n
		})
	}
	return lines
}

// doing is what a run does, in words.
func (m *model) doing(r runAt) string {
	known := m.knowns[r.known]
	return [...]string{
		notStarted: "has not started",
		submitting: fmt.Sprintf("submits, attempt %d, refused %v", known.Attempt, known.Refused),
		awaiting:   "awaits the callback", knows: "knows its separation", learnsPaid: "has to record that it paid",
		learnsFailed: "has to record that its separation failed",
		tidies:       fmt.Sprintf("knows its separation and has to take back %v", known.Refused),
		closes:       fmt.Sprintf("has to close the ledger, refused %v", known.Refused),
		ended:        "has ended", saysUnpaid: "has ended, and says that nothing was paid",
	}[r.phase]
}

// fingerprints is a set with open addressing.
type fingerprints struct {
	slots []uint64 // 0 is empty
	count int
}

// add reports whether a fingerprint is new.
func (f *fingerprints) add(h uint64) bool {
	h = max(h, 1)
	if 3*f.count >= 2*len(f.slots) {
		old := f.slots
		f.slots = make([]uint64, max(1<<16, 2*len(old)))
		for _, h := range old {
			if h != 0 {
				f.slots[f.find(h)] = h
			}
		}
	}
	i := f.find(h)
	if f.slots[i] == h {
		return false
	}
	f.slots[i] = h
	f.count++
	return true
}

func (f *fingerprints) find(h uint64) uint64 {
	mask := uint64(len(f.slots) - 1)
	i := h & mask
	for f.slots[i] != 0 && f.slots[i] != h {
		i = (i + 1) & mask
	}
	return i
}
