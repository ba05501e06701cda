package ledger

// Run is what a run knows of its submits. The zero value is a first run that has made none.
type Run struct {
	// Reset says that it is not the first run of its chain. Executions of those before may still
	// pay, and some of what it remembers happened to them.
	Reset bool
	// Attempt is the submit that was begun last.
	Attempt int
	// Refused are the nonces of executions that surely were not accepted, and whose intents may
	// stand.
	Refused []string
	// uncertain says that an execution may still pay, or may have.
	uncertain bool
}

// Next is what a run does after a submit.
type Next int

const (
	// Proceed: the track is paid for.
	Proceed Next = iota
	// AwaitCallback: the run may have paid. It never submits again.
	AwaitCallback
	// SubmitAgain: nothing was paid by this submit, or nobody knows and the ledger informs the next
	// one.
	SubmitAgain
	// Stop: this submit did not call, and another one would not either.
	Stop
)

// Begin counts a submit.
func (r *Run) Begin() { r.Attempt++ }

// After takes in how the submit ended that was begun last. Behind, where given, is the nonce of its
// execution, whose intent may stand although it surely was not accepted.
func (r *Run) After(outcome Outcome, behind string) Next {
	switch outcome {
	case Accepted, Resumed:
		return Proceed
	case Unknown:
		r.uncertain = true
		return AwaitCallback
	case Lost, Repeated:
		r.uncertain = true
		return SubmitAgain
	case Refused:
		// Its intent stood in the ledger: an earlier execution whose intent did not cannot call any
		// more.
		r.uncertain = false
		r.refused(behind)
		return SubmitAgain
	case Unavailable:
		r.refused(behind)
		r.uncertain = true // the engine may have executed the task twice
		return Stop
	case Held:
		r.uncertain = true // as above
		return SubmitAgain
	default: // NeverBegun
		return SubmitAgain
	}
}

func (r *Run) refused(nonce string) {
	if nonce != "" {
		r.Refused = append(r.Refused, nonce)
	}
}

// MustClose reports whether a run that submits no more has to see to the ledger, with
// [Ledger.Close]: as long as it has not, an execution may still pay, or the intent of one that
// surely was not accepted may lock the track.
func (r *Run) MustClose() bool { return r.MayHavePaid() || len(r.Refused) > 0 }

// MayHavePaid reports whether the run cannot say by itself that nothing was paid. Once the ledger
// is closed [Ledger.MayHavePaid] says it for sure.
func (r *Run) MayHavePaid() bool { return r.uncertain || r.Reset }
