package ledger

import (
	"fmt"
	"math/bits"
	"slices"

	"stemflow"
)

// What must hold is said here without the code that is being checked.

// entries are all entries of a ledger.
func entries(l Ledger) []Entry {
	if l.State == "" {
		return nil
	}
	return append([]Entry{l.Entry}, l.Earlier...)
}

func of(e Entry) string {
	if e.Owner == "" {
		return e.RunID
	}
	return e.Owner
}

// undecided is an entry that may have been paid for. One that says paid and names no separation is
// not of ours.
func undecided(e Entry) bool {
	return e.State == stemflow.SubmissionIntended || e.State == stemflow.SubmissionPaid && e.SeparationTaskID == ""
}

// check returns what is wrong with a state.
func (m *model) check(s state) string {
	for _, of := range m.of {
		if n := bits.OnesCount16(s.billed &^ s.failed & m.plain & of); n > 1 {
			return fmt.Sprintf("%d bills without force", n)
		}
	}
	for run := range m.runs {
		var bills int
		for slot := range m.slots {
			at := &m.slots[slot]
			if s.billed&(1<<slot) == 0 || at.owner != m.players[run].owner {
				continue
			}
			bills++
			if s.runs[run].phase == saysUnpaid && at.run <= run {
				return fmt.Sprintf(
					"run %s ended and says that nothing was paid, but %s was",
					m.players[run].id,
					at.separation,
				)
			}
		}
		if bills > 1 {
			return fmt.Sprintf("%d bills for run %s", bills, m.players[run].owner)
		}
	}
	if !m.quiet(s) {
		return ""
	}
	for file, ledger := range s.ledger {
		if problem := m.checkQuiet(s, file, m.ledgers[m.viewOf(file, ledger)]); problem != "" {
			return problem
		}
	}
	return ""
}

// checkQuiet returns what is wrong with the ledger of a kind of task, as it is read, once all is
// over.
func (m *model) checkQuiet(s state, file int, view Ledger) string {
	for _, e := range entries(view) {
		if slot := m.slotOfNonce(e.Nonce); slot >= 0 && m.file(slot) != file {
			return fmt.Sprintf("execution %s is on the ledger of another kind of task", e.Nonce)
		}
	}
	for slot := range m.slots {
		if s.billed&m.of[file]&(1<<slot) == 0 || slot == legacySlot && m.forgotten {
			continue
		}
		switch view.State {
		case stemflow.SubmissionIntended, stemflow.SubmissionPaid, stemflow.SubmissionFailed:
		default:
			return fmt.Sprintf("%s is paid for, and the ledger says %q", m.slots[slot].separation, view.State)
		}
		known := false
		for _, e := range entries(view) {
			known = known || e.SeparationTaskID == m.slots[slot].separation ||
				undecided(e) && of(e) == m.slots[slot].owner
		}
		if !known {
			return m.slots[slot].separation + " is paid for, and no entry says so"
		}
	}
	for run := range m.runs {
		r := s.runs[run]
		if m.players[run].file == file && r.phase == knows && !names(view, m.slots[r.sep].separation) {
			return fmt.Sprintf("run %s knows %s, and the ledger does not", m.players[run].id, m.slots[r.sep].separation)
		}
	}
	for slot := range m.slotCount() {
		if s.slots[slot] != surelyUnpaid || m.file(slot) != file {
			continue
		}
		if m.stands(s.ledger[file], slot) {
			return fmt.Sprintf(
				"execution %s surely was refused, and its intent locks the track for ever",
				m.slots[slot].nonce,
			)
		}
	}
	return ""
}

// slotOfNonce is the slot of an execution, -1 for one of an earlier release.
func (m *model) slotOfNonce(nonce string) int {
	return slices.IndexFunc(m.slots, func(s slot) bool { return nonce != "" && s.nonce == nonce })
}

// names reports whether a ledger names a separation.
func names(l Ledger, separation string) bool {
	return slices.ContainsFunc(entries(l), func(e Entry) bool { return e.SeparationTaskID == separation })
}

// learned checks a ledger that was told something. A separation that has failed has been paid for
// before.
func (m *model) learned(before, after Ledger, learned Entry) {
	says := slices.ContainsFunc(entries(after), func(e Entry) bool {
		return e.SeparationTaskID == learned.SeparationTaskID &&
			(e.State == learned.State || e.State == stemflow.SubmissionFailed)
	})
	if !says {
		m.wrong("%s is %s, and the ledger that has learned so is %s, after %s",
			learned.SeparationTaskID, learned.State, describe(after), describe(before))
	}
}

// stands reports whether the intent of an execution stands in a ledger.
func (m *model) stands(ledger uint32, slot int) bool {
	return slices.ContainsFunc(entries(m.ledgers[ledger]), func(e Entry) bool {
		return undecided(e) && e.Nonce == m.slots[slot].nonce
	})
}

// quiet reports whether no run goes on any more. Executions and writes that nobody waits for may
// all be dead.
func (m *model) quiet(s state) bool {
	for run := range m.runs {
		if p := s.runs[run].phase; p != notStarted && p != knows && p < ended {
			return false
		}
	}
	return true
}

// follows checks that a content may follow another one in the store.
func (m *model) follows(before, after uint32) {
	key := [2]uint32{before, after}
	law, ok := m.laws[key]
	if !ok {
		if m.ledgers[after].Revision != m.ledgers[before].Revision+1 {
			law = "the revision does not count the writes, so that a content may come back"
		} else if l := m.ledgers[after]; slices.Equal(entries(l), entries(m.ledgers[m.view(before)])) {
			law = "a write that changes nothing"
		} else {
			law = m.lawless(m.ledgers[m.view(before)], m.ledgers[m.view(after)])
		}
		m.laws[key] = law
	}
	if law != "" {
		m.wrong("%s: %s becomes %s", law, describe(m.ledgers[before]), describe(m.ledgers[after]))
	}
}

// lawless returns what is wrong with a content, as it is read, that follows another one.
func (m *model) lawless(before, after Ledger) string {
	nonces, separations := map[string]bool{}, map[string]Entry{}
	open, paid := map[string]bool{}, map[string]bool{}
	refused := false
	for _, e := range entries(after) {
		if e.Nonce != "" && nonces[e.Nonce] {
			return "two entries of one execution"
		}
		nonces[e.Nonce] = true
		if e.State == stemflow.SubmissionRefused {
			refused = true
		} else if refused {
			return "a refused entry speaks before others"
		}
		if undecided(e) {
			if open[of(e)] {
				return "two open intents of one owner"
			}
			open[of(e)] = true
		}
		if e.SeparationTaskID == "" {
			continue
		}
		paid[of(e)] = true
		if _, twice := separations[e.SeparationTaskID]; twice {
			return "two entries of one separation"
		}
		separations[e.SeparationTaskID] = e
		slot, ok := m.slotOf(e.SeparationTaskID)
		if !ok || m.slots[slot].owner != of(e) {
			return "a separation that its owner did not pay for"
		}
		if e.SubmittedAt.IsZero() {
			return "a separation that was submitted at no time"
		}
	}
	for owner := range paid {
		if open[owner] {
			return "an owner that has paid, and may have once more"
		}
	}
	for _, b := range entries(before) {
		if b.SeparationTaskID == "" {
			continue
		}
		a, ok := separations[b.SeparationTaskID]
		switch {
		case !ok:
			return "a separation is forgotten"
		case b.State == stemflow.SubmissionFailed && a.State != b.State:
			return "a failed separation is paid again"
		case !a.SubmittedAt.Equal(b.SubmittedAt):
			return "the time of a submit changes"
		}
	}
	return ""
}

// intended checks that an intent that was just written may stand.
func (m *model) intended(s state, slot int, x *execution) {
	if run := m.slots[slot].run; !x.called && !m.players[run].force && s.billed&^s.failed&m.of[m.file(slot)] != 0 {
		m.wrong("execution %s writes an intent without force although the track is paid for", m.slots[slot].nonce)
	}
}

// reported checks what an execution reports to its run.
func (m *model) reported(s state, slot int, x *execution, outcome Outcome, entry Entry) {
	run := m.slots[slot].run
	name := m.slots[slot].nonce
	paidFrom, ok := m.slotOf(entry.SeparationTaskID)
	paid := ok && s.billed&(1<<paidFrom) != 0
	if ok && m.file(paidFrom) != m.file(slot) {
		m.wrong("execution %s reports %q, which is of another kind of task", name, entry.SeparationTaskID)
	}
	switch outcome {
	case Accepted:
		if !paid || m.slots[paidFrom].owner != m.players[run].owner {
			m.wrong("execution %s reports that its owner has paid for %q", name, entry.SeparationTaskID)
		}
	case Resumed:
		own := ok && m.slots[paidFrom].owner == m.players[run].owner
		if !paid || own || m.players[run].force || s.failed&(1<<paidFrom) != 0 && m.calm(s) {
			m.wrong("execution %s reports that it resumes %q", name, entry.SeparationTaskID)
		}
	case Refused, Unavailable:
		if s.billed&(1<<slot) != 0 {
			m.wrong("execution %s reports that it surely was not accepted, but it was", name)
		}
	case Held:
		if of(entry) == m.players[run].owner || m.players[run].force || !undecided(entry) {
			m.wrong("execution %s reports that it is held by %s", name, describe(Ledger{Entry: entry}))
		}
	}
	if m.calm(s) && (outcome == Unavailable || outcome == Unknown || outcome == Repeated || x.behind) {
		m.wrong("nothing went wrong, but execution %s reports outcome %d, behind: %t", name, outcome, x.behind)
	}
}

// decided checks what a run does after an attempt.
func (m *model) decided(r Run, outcome Outcome, next Next) {
	var may []Next
	switch outcome {
	case Accepted, Resumed:
		may = []Next{Proceed}
	case Unknown:
		may = []Next{AwaitCallback}
	case Unavailable:
		may = []Next{Stop, SubmitAgain}
	default:
		may = []Next{SubmitAgain}
	}
	if !slices.Contains(may, next) {
		m.wrong("after outcome %d a run does %d", outcome, next)
	}
	if outcome == Refused && !r.Reset && r.MayHavePaid() {
		m.wrong("a run was refused, which bars all executions before, and it says that it may have paid")
	}
}
