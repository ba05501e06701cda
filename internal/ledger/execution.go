package ledger

import (
	"slices"

	"stemflow"
)

// Step is what an execution does next.
type Step int

const (
	// Read the ledger, and report by [Execution.HaveRead].
	Read Step = iota
	// Write [Execution.Document] over the content with [Execution.ETag], or where there is none
	// yet, and report by [Execution.HaveWritten].
	Write
	// Call the provider, once, and report by [Execution.HaveCalled].
	Call
	// Report the outcome: the execution is over.
	Report
)

// Outcome is how an execution, or an attempt as the run sees it, ended.
type Outcome int

const (
	// Unavailable: the ledger could not be read or written. This execution did not call; its intent
	// may stand.
	Unavailable Outcome = iota
	// Accepted: the owner has paid.
	Accepted
	// Resumed: another owner has paid, and this one need not.
	Resumed
	// Refused: the provider surely did not accept. It may later.
	Refused
	// Held: another owner may be paying, or may have paid and does not know.
	Held
	// Unknown: the owner may have paid. Nobody submits again; the callback says it.
	Unknown
	// Repeated: this is not the first execution of its task. What became of the first one the next
	// attempt learns.
	Repeated
	// Lost: the engine has given the execution up, which may go on.
	Lost
	// NeverBegun: the engine gave the task up, or took it back, before any execution began. A
	// schedule-to-start time-out with a cause is not that but Lost: the task was executed before.
	// Neither is a cancellation, which does not say.
	NeverBegun
)

// Answer is what the provider said to the paid call.
type Answer int

const (
	// NoAnswer: none that reports whether the call was accepted.
	NoAnswer Answer = iota
	// Accepts the call, and names the separation.
	Accepts
	// Refuses: the call surely was not accepted.
	Refuses
)

// Execution is one execution of the submit, step by step. Its driver does what
// [Execution.Next] says, reports what came of it, and stops at any point: by dying, or with
// [Execution.GiveUp].
//
// It writes its intent before it calls, by a conditional write that one execution at most can win,
// and calls only while that intent stands. After the call it completes its own entry, wherever that
// is by then.
type Execution struct {
	claim  Claim
	intent Entry
	step   Step

	// known is the ledger as last read or written, with its etag.
	known Ledger
	etag  string
	// writing is what the next write writes.
	writing Ledger

	called bool
	answer Answer
	result Entry

	outcome Outcome
	entry   Entry
}

// NewExecution is the execution of a claim, which writes intent as its entry. It begins as if
// nothing stood in the ledger, which its first write finds out; repeated says that the engine has
// executed this task before.
func NewExecution(claim Claim, intent Entry, repeated bool) *Execution {
	x := &Execution{claim: claim, intent: claim.intend(intent)}
	if repeated {
		x.report(Repeated, Entry{})
		return x
	}
	x.decide()
	return x
}

// Next is what to do next.
func (x *Execution) Next() Step { return x.step }

// ReadFirst makes the execution read the ledger before it writes anything: there may be another
// content than it presumes.
func (x *Execution) ReadFirst() {
	if x.step == Write {
		x.step = Read
	}
}

// Document is what to write, and ETag what it must replace; empty: nothing may be there.
func (x *Execution) Document() Ledger { return x.writing }

// ETag is that of the content last read or written.
func (x *Execution) ETag() string { return x.etag }

// HaveRead takes in what a read found.
func (x *Execution) HaveRead(l Ledger, etag string) {
	x.known, x.etag = l, etag
	x.decide()
}

// HaveWritten takes in that a write was confirmed.
func (x *Execution) HaveWritten(etag string) {
	x.known, x.etag = x.writing, etag
	x.decide()
}

// HaveFailed takes in that a read or a write did not succeed, or that nobody knows: the ledger is
// read again.
func (x *Execution) HaveFailed() { x.step = Read }

// HaveCalled takes in what the provider answered. Result is what the entry becomes, and of it only
// what the provider said counts.
func (x *Execution) HaveCalled(answer Answer, result Entry) {
	x.called, x.answer = true, answer
	x.result = x.intent
	x.result.SeparationTaskID, x.result.SubmittedAt = result.SeparationTaskID, result.SubmittedAt
	x.result.ProviderCode, x.result.ProviderMessage = result.ProviderCode, result.ProviderMessage
	switch answer {
	case Accepts:
		x.result.State = stemflow.SubmissionPaid
	case Refuses:
		x.result.State = stemflow.SubmissionRefused
	case NoAnswer:
		x.report(Unknown, Entry{})
		return
	}
	x.decide()
}

// GiveUp ends the execution as it stands. It reports what it knows.
func (x *Execution) GiveUp() {
	switch {
	case !x.called:
		x.report(Unavailable, Entry{})
	case x.answer == Accepts:
		x.report(Accepted, x.result)
	default:
		x.report(Refused, x.result)
	}
}

// Outcome is how it ended, with the entry behind it: the separation that is paid for, what the
// provider refused, or who holds the ledger.
func (x *Execution) Outcome() (Outcome, Entry) { return x.outcome, x.entry }

// Behind reports whether the entry of this execution may still stand as an intent although its
// outcome is known.
func (x *Execution) Behind() bool {
	switch x.outcome {
	case Unavailable:
		return true
	case Accepted, Refused:
		return x.called && !x.completed()
	}
	return false
}

// decide sets the next step from what is known.
func (x *Execution) decide() {
	if x.called {
		if x.completed() {
			x.GiveUp()
			return
		}
		x.write(x.known.complete(x.result))
		return
	}
	switch decision, entry := x.known.Decide(x.claim); decision {
	case Take:
		x.write(x.known.Intend(x.intent))
	case Mine:
		x.step = Call
	case Paid:
		if ownerOf(entry) == x.claim.Owner {
			x.report(Accepted, entry)
		} else {
			x.report(Resumed, entry)
		}
	case HeldByOther:
		x.report(Held, entry)
	case MayBePaid, Outdated:
		x.report(Unknown, Entry{})
	}
}

// completed reports whether the ledger, as last seen, says what became of this execution.
func (x *Execution) completed() bool {
	return slices.ContainsFunc(x.known.Entries(), func(e Entry) bool {
		return e.Nonce == x.claim.Nonce && !open(e) && e.SeparationTaskID == x.result.SeparationTaskID
	})
}

func (x *Execution) write(l Ledger) {
	x.writing, x.step = l, Write
}

func (x *Execution) report(outcome Outcome, entry Entry) {
	x.outcome, x.entry, x.step = outcome, entry, Report
}
