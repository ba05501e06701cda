package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"stemflow"
)

// interned gives ledgers, executions and what runs know small ids, and remembers what the
// production code, which is pure, made of them.
type interned struct {
	answers

	ledgers   []Ledger
	ledgerIDs map[string]uint32

	all          []execution
	executionIDs map[string]uint32
	moves        map[move]uint32

	knowns   []Run
	knownIDs map[string]uint16
}

// execution is one of the production code's, with what the steps need to know of it at hand.
type execution struct {
	Execution
	slot    int
	etag    uint32 // of what it replaces
	writing uint32
	behind  bool
}

// move is one thing told to an execution, and what it was told.
type move struct {
	execution uint32
	told      told
	what      uint32
}

type told uint32

const (
	toldRead told = iota
	toldWritten
	toldFailed
	toldCalled
	toldGiveUp
	toldOutrun
)

func newInterned() interned {
	return interned{
		answers:   newAnswers(),
		ledgerIDs: map[string]uint32{}, executionIDs: map[string]uint32{}, moves: map[move]uint32{},
		knownIDs: map[string]uint16{},
	}
}

// ledgerID is the id of a ledger's content, and serves as its ETag, as in a store whose ETags are
// hashes.
func (in *interned) ledgerID(l Ledger) uint32 {
	key := describe(l)
	id, ok := in.ledgerIDs[key]
	if !ok {
		id = uint32(len(in.ledgers))
		in.ledgers = append(in.ledgers, l)
		in.ledgerIDs[key] = id
	}
	return id
}

// describe is a ledger in full and readable.
func describe(l Ledger) string {
	if l.State == "" {
		return "nothing"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d:", l.Revision)
	for _, e := range append([]Entry{l.Entry}, l.Earlier...) {
		fmt.Fprintf(&b, " %s[owner %s run %s attempt %d", e.State, e.Owner, e.RunID, e.Attempt)
		if e.Nonce != "" {
			fmt.Fprintf(&b, " nonce %s", e.Nonce)
		}
		if e.SeparationTaskID != "" {
			fmt.Fprintf(&b, " %s", e.SeparationTaskID)
		}
		if !e.ScheduledAt.IsZero() {
			fmt.Fprintf(&b, " scheduled %d", e.ScheduledAt.Unix())
		}
		if !e.SubmittedAt.IsZero() {
			fmt.Fprintf(&b, " submitted %d", e.SubmittedAt.Unix())
		}
		b.WriteString("]")
	}
	return b.String()
}

func etagOf(id uint32) string {
	if id == 0 {
		return ""
	}
	return strconv.Itoa(int(id))
}

func etagID(etag string) uint32 {
	if etag == "" {
		return 0
	}
	id, err := strconv.Atoi(etag)
	if err != nil {
		panic(err)
	}
	return uint32(id)
}

// executionID interns an execution. What it knew before a read that it has to make anyway is
// forgotten, except its own entry.
func (in *interned) executionID(slot int, x Execution) uint32 {
	if x.step == Read {
		x.known, x.etag = Ledger{Entry: own(x)}, outrunETag
	}
	if x.step != Write {
		x.writing = Ledger{}
	}
	known, writing := in.ledgerID(x.known), in.ledgerID(x.writing)
	key := fmt.Sprint(slot, x.step, known, x.etag, writing, x.called, x.answer, x.outcome, x.entry.State,
		x.entry.SeparationTaskID, x.entry.RunID, x.entry.Nonce, x.claim.Refused)
	id, ok := in.executionIDs[key]
	if !ok {
		id = underWay + uint32(len(in.all))
		in.all = append(in.all, execution{
			Execution: x, slot: slot, etag: etagID(x.etag), writing: writing, behind: x.step == Report && x.Behind(),
		})
		in.executionIDs[key] = id
	}
	return id
}

// outrunETag is that of a content which is no more.
const outrunETag = "4294967295"

// own is the entry of an execution in what it knows.
func own(x Execution) Entry {
	for _, e := range entries(x.known) {
		if e.Nonce == x.claim.Nonce {
			return e
		}
	}
	return Entry{}
}

// outrun is an execution that is about to call, once the ledger is another one than it knows. It
// will have to read it again, and what it knows of others does not count any more.
func (in *interned) outrun(id uint32) uint32 {
	return in.tell(id, toldOutrun, 0, func(x *Execution) { x.known, x.etag = Ledger{Entry: own(*x)}, outrunETag })
}

func (in *interned) execution(id uint32) *execution { return &in.all[id-underWay] }

// tell tells an execution something, and returns what it is then.
func (in *interned) tell(id uint32, what told, arg uint32, do func(x *Execution)) uint32 {
	key := move{id, what, arg}
	next, ok := in.moves[key]
	if !ok {
		e := in.execution(id)
		x := e.Execution
		do(&x)
		next = in.executionID(e.slot, x)
		in.moves[key] = next
	}
	return next
}

func (in *interned) haveRead(id, view, etag uint32) uint32 {
	return in.tell(id, toldRead, etag, func(x *Execution) { x.HaveRead(in.ledgers[view], etagOf(etag)) })
}

func (in *interned) haveWritten(id, etag uint32) uint32 {
	return in.tell(id, toldWritten, etag, func(x *Execution) { x.HaveWritten(etagOf(etag)) })
}

func (in *interned) haveFailed(id uint32) uint32 {
	return in.tell(id, toldFailed, 0, (*Execution).HaveFailed)
}

func (in *interned) giveUp(id uint32) uint32 {
	return in.tell(id, toldGiveUp, 0, (*Execution).GiveUp)
}

func (in *interned) haveCalled(id uint32, answer Answer, separation string) uint32 {
	return in.tell(id, toldCalled, uint32(answer), func(x *Execution) {
		result := stemflow.Submission{}
		if answer == Accepts {
			result.SeparationTaskID, result.SubmittedAt = separation, submittedAt
		}
		x.HaveCalled(answer, result)
	})
}

func (in *interned) knownID(r Run) uint16 {
	key := fmt.Sprint(r.Attempt, r.Refused, r.uncertain, r.Reset)
	id, ok := in.knownIDs[key]
	if !ok {
		id = uint16(len(in.knowns))
		in.knowns = append(in.knowns, r)
		in.knownIDs[key] = id
	}
	return id
}

// run is what a run knows, to be changed.
func (in *interned) run(id uint16) Run {
	r := in.knowns[id]
	r.Refused = append([]string(nil), r.Refused...)
	return r
}
