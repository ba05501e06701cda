package ledger

import "stemflow"

// The production code is pure: what it made of something is remembered.

func remember[K comparable, V any](known map[K]V, key K, find func() V) V {
	v, ok := known[key]
	if !ok {
		v = find()
		known[key] = v
	}
	return v
}

// answers are what the production code has answered.
type answers struct {
	views  map[uint32]uint32
	paid   map[uint32]int
	begun  map[begin]uint32
	after  map[outcomeOf]afterwards
	learnt map[learn]change
	closed map[closing]change
	laws   map[[2]uint32]string
}

type begin struct {
	slot     int
	known    uint16
	repeated bool
}

type outcomeOf struct {
	known   uint16
	outcome Outcome
	behind  string
}

type afterwards struct {
	known uint16
	next  Next
}

type learn struct {
	view      uint32
	slot, run int
	failed    bool
}

type closing struct {
	view  uint32
	run   int
	known uint16
}

// change is the ledger after a write, whether it has to be written at all, and whether it says that
// the run may have paid.
type change struct {
	after       uint32
	news        bool
	mayHavePaid bool
}

func newAnswers() answers {
	return answers{
		views: map[uint32]uint32{}, paid: map[uint32]int{}, begun: map[begin]uint32{},
		after:  map[outcomeOf]afterwards{},
		learnt: map[learn]change{}, closed: map[closing]change{}, laws: map[[2]uint32]string{},
	}
}

// view is a ledger as everybody reads it: with the legacy one.
func (m *model) view(id uint32) uint32 {
	if m.legacy.State == "" {
		return id
	}
	return remember(m.views, id, func() uint32 { return m.ledgerID(m.ledgers[id].Merge(m.legacy)) })
}

// viewOf is the ledger of a kind of task as everybody reads it. Earlier releases knew one kind.
func (m *model) viewOf(file int, id uint32) uint32 {
	if file > 0 {
		return id
	}
	return m.view(id)
}

// paidFrom is the slot of the separation that a ledger says is paid for, or -1.
func (m *model) paidFrom(ledger uint32) int {
	return remember(m.paid, ledger, func() int {
		entry, ok := m.ledgers[m.view(ledger)].Paid()
		if !ok {
			return -1
		}
		slot, ok := m.slotOf(entry.SeparationTaskID)
		if !ok {
			m.wrong("the ledger names %q, which nobody paid for", entry.SeparationTaskID)
		}
		return slot
	})
}

// begin is an execution that begins.
func (m *model) begin(slot int, known uint16, repeated bool) uint32 {
	return remember(m.answers.begun, begin{slot, known, repeated}, func() uint32 {
		at := m.slots[slot]
		x := NewExecution(Claim{
			Owner: at.owner, RunID: m.players[at.run].id, Attempt: at.attempt, ScheduledAt: scheduledAt(at.run,
				at.attempt),
			Nonce: at.nonce, Force: m.players[at.run].force, Refused: m.knowns[known].Refused,
		}, Entry{}, repeated)
		if m.legacy.State != "" {
			x.ReadFirst()
		}
		return m.executionID(slot, *x)
	})
}

// outcome is what a run does and knows after an attempt.
func (m *model) outcome(known uint16, outcome Outcome, behind string) afterwards {
	return remember(m.after, outcomeOf{known, outcome, behind}, func() afterwards {
		r := m.run(known)
		next := r.After(outcome, behind)
		m.decided(r, outcome, next)
		return afterwards{m.knownID(r), next}
	})
}

// learn is the ledger once a run, or a test for the legacy run, has learned that a separation is
// paid for or has failed.
func (m *model) learn(ledger uint32, slot, run int, failed bool) change {
	view := m.view(ledger)
	return remember(m.learnt, learn{view, slot, run, failed}, func() change {
		learned := stemflow.Submission{
			State: stemflow.SubmissionPaid, SeparationTaskID: m.slots[slot].separation, SubmittedAt: learnedAt,
			Owner: m.legacyRun, RunID: m.legacyRun,
		}
		if run >= 0 {
			learned.Owner, learned.RunID = m.players[run].owner, m.players[run].id
		}
		if failed {
			learned.State = stemflow.SubmissionFailed
		}
		after, news := m.ledgers[view].Learn(learned)
		m.learned(m.ledgers[view], after, learned)
		return m.changed(view, after, news)
	})
}

// close is the ledger once a run has closed it.
func (m *model) close(ledger uint32, run int, known uint16) change {
	view := m.view(ledger)
	return remember(m.closed, closing{view, run, known}, func() change {
		r, p := m.knowns[known], m.players[run]
		after, news := m.ledgers[view].Close(Claim{
			Owner: p.owner, RunID: p.id, Attempt: r.Attempt, Refused: r.Refused, ScheduledAt: scheduledAt(run,
				m.attempts+1),
		}, Entry{})
		c := m.changed(view, after, news)
		c.mayHavePaid = after.MayHavePaid(p.owner)
		return c
	})
}

func (m *model) changed(view uint32, after Ledger, news bool) change {
	id := m.ledgerID(after)
	if news != (id != view) {
		m.wrong("news: %t, when %s becomes %s", news, describe(m.ledgers[view]), describe(after))
	}
	return change{after: id, news: news}
}
