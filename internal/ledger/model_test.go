package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The model is an explicit-state one: a state is everything that runs, executions, the store and
// the provider know, and the transition function is this package's production code. What drives it
// - the submit activity, the workflow, the engine - is played by steps_test.go. What must always
// hold is in invariants_test.go, the search in explore_test.go.

// kind is what sort of run takes part.
type kind struct {
	force bool
	// wav says that the run pays for another kind of task of the same music, which has a ledger of
	// its own.
	wav bool
	// resets is one more than the index of the run that this one is a reset of; 0: of none.
	resets int
}

// bounds are what a search exhausts.
type bounds struct {
	runs []kind
	// attempts are the submits of a run, and executions those of an attempt.
	attempts, executions int
	// faults are how many things go wrong in one trace; what counts as one is in steps_test.go.
	faults int
	// failures says whether the provider may fail a separation that it had accepted, which is a
	// fault.
	failures bool
	// late says whether a write may arrive after its execution has given it up, which is a fault.
	late bool
	// stepwise says that reading and writing are always two steps, and failing to write a third.
	// Else an execution reads and writes at once, and fails to write as soon as it is bound to.
	// Since no content ever comes back, which is checked, both come to the same.
	stepwise bool
	// before are the ledgers that may stand at the beginning; none: nothing.
	before []Ledger
	// legacy is a ledger that an earlier release kept elsewhere. It is read with the other, and
	// never written.
	legacy Ledger
	// legacyRun is the run of an earlier release that is on the ledger, and legacyBill says whether
	// it was billed. It may be one of those that take part.
	legacyRun  string
	legacyBill bool
	// forgotten says that the ledger with its entry is lost.
	forgotten bool
}

func (b bounds) String() string {
	var runs []string
	for _, k := range b.runs {
		switch {
		case k.resets > 0:
			runs = append(runs, "reset of "+runName(b.runs, k.resets-1))
		case k.force && k.wav:
			runs = append(runs, "forced, of another kind")
		case k.wav:
			runs = append(runs, "plain, of another kind")
		case k.force:
			runs = append(runs, "forced")
		default:
			runs = append(runs, "plain")
		}
	}
	text := fmt.Sprintf("runs [%s], %d attempts each, %d executions of each, at most %d faults",
		strings.Join(runs, ", "), b.attempts, b.executions, b.faults)
	for _, may := range []struct {
		so   bool
		text string
	}{
		{b.late, "late writes"}, {b.failures, "failed separations"}, {b.stepwise, "no two steps at once"},
		{b.legacyRun != "", "entries of earlier releases"},
	} {
		if may.so {
			text += ", " + may.text
		}
	}
	return text
}

const (
	maxRuns    = 3
	maxFiles   = 2  // ledgers, of two kinds of task
	maxSlots   = 12 // executions: 3 runs, 2 attempts, 2 executions
	legacySlot = maxSlots

	legacySeparation = "separation-L"
)

// phase is where a run is.
type phase uint8

const (
	notStarted phase = iota
	submitting
	awaiting     // the callback
	knows        // its separation, and has nothing to write
	learnsPaid   // knows its separation, and writes so
	learnsFailed // knows that it has failed, and writes so
	tidies       // knows its separation, and closes the ledger as to what was surely refused
	closes       // the ledger, and ends then
	ended        // paid, or it may have paid, or without a word
	endedCloses  // ended, but the activity that closes the ledger lives on
	saysUnpaid   // ended, and says that nothing was paid
)

// runAt is what a run knows and where it is.
type runAt struct {
	known uint16 // the production code's Run, interned
	phase phase
	sep   uint8 // the slot of the execution that paid for the separation it knows
}

// What is in a slot besides an execution that is under way.
const (
	notBegun     uint32 = iota
	over                // dead, or what it reported reached nobody or does not matter any more
	surelyUnpaid        // its run knows that it surely was not accepted, and its intent may stand
	underWay            // the first execution's id
)

// state is one state of the whole. All is interned, so that it is small and comparable. It has no
// padding, for the sake of hashing.
type state struct {
	slots  [maxSlots]uint32
	ledger [maxFiles]uint32
	late   [maxFiles]uint32 // a content whose write may still arrive; 0: none
	runs   [maxRuns]runAt
	billed uint16 // by slot
	failed uint16
	faults uint32
}

// model is what the bounds are filled with, and all that was interned.
type model struct {
	bounds
	interned
	players []player
	slots   []slot
	plain   uint16           // the slots of executions without force
	of      [maxFiles]uint16 // the slots of each kind of task
	// broken is the first thing that was found wrong.
	broken string
}

// player is a run as others know it.
type player struct {
	id, owner string
	first     int // of its chain
	force     bool
	file      int // the ledger of its kind of task
}

// slot is an execution as others know it, or at last the legacy one.
type slot struct {
	run, attempt, execution int
	owner, nonce            string
	separation              string // what it pays for
}

func newModel(b bounds) *model {
	if len(b.runs) > maxRuns || len(b.runs)*b.attempts*b.executions > maxSlots {
		panic("the bounds are wider than the state is")
	}
	m := &model{bounds: b, interned: newInterned(), slots: make([]slot, maxSlots+1)}
	for run, k := range b.runs {
		p := player{id: runName(b.runs, run), first: run, force: k.force}
		if k.wav {
			p.file = 1
		}
		if k.resets > 0 {
			base := m.players[k.resets-1]
			p.first, p.force, p.file = base.first, base.force, base.file
		}
		p.owner = runName(b.runs, p.first)
		m.players = append(m.players, p)
		for attempt := 1; attempt <= b.attempts; attempt++ {
			for execution := 1; execution <= b.executions; execution++ {
				nonce := fmt.Sprintf("%s%d.%d", p.id, attempt, execution)
				at := m.slot(run, attempt, execution)
				m.slots[at] = slot{
					run: run, attempt: attempt, execution: execution, owner: p.owner, nonce: nonce, separation: "separation-" + nonce,
				}
				m.of[p.file] |= 1 << at
				if !p.force {
					m.plain |= 1 << at
				}
			}
		}
	}
	m.slots[legacySlot] = slot{run: -1, owner: b.legacyRun, separation: legacySeparation}
	m.plain |= 1 << legacySlot
	m.of[0] |= 1 << legacySlot
	m.knownID(Run{})
	return m
}

// roots are the states to begin with.
func (m *model) roots() []state {
	var s state
	if m.legacyBill {
		s.billed = 1 << legacySlot
	}
	for file := range s.ledger {
		s.ledger[file] = m.ledgerID(Ledger{})
	}
	if len(m.before) == 0 {
		return []state{s}
	}
	var roots []state
	for _, l := range m.before {
		s.ledger[0] = m.ledgerID(l)
		roots = append(roots, s)
	}
	return roots
}

// wrong notes what is wrong.
func (m *model) wrong(format string, args ...any) {
	if m.broken == "" {
		m.broken = fmt.Sprintf(format, args...)
	}
}

func (m *model) slot(run, attempt, execution int) int {
	return (run*m.attempts+attempt-1)*m.executions + execution - 1
}

func (m *model) slotCount() int { return len(m.runs) * m.attempts * m.executions }

func runName(runs []kind, run int) string {
	if r := runs[run].resets; r > 0 {
		return runName(runs, r-1) + "'"
	}
	return string(rune('A' + run))
}

// file is the ledger of the kind of task that an execution pays for.
func (m *model) file(slot int) int {
	if slot == legacySlot {
		return 0
	}
	return m.players[m.slots[slot].run].file
}

// slotOf is the slot that a separation was paid for from; it reports whether there is one.
func (m *model) slotOf(separation string) (int, bool) {
	i := slices.IndexFunc(m.slots, func(s slot) bool { return s.separation == separation })
	return i, separation != "" && i >= 0
}

// scheduledAt orders the attempts of an owner: a reset begins after all that it resets was
// scheduled.
func scheduledAt(run, attempt int) time.Time {
	return time.Unix(int64(100*run+attempt), 0).UTC()
}

var (
	submittedAt = time.Unix(10_000, 0).UTC()
	learnedAt   = time.Unix(20_000, 0).UTC()
)
