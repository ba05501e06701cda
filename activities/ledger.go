package activities

import "stemflow"

// verdict is what an existing ledger means to a submit that wants to write its intent.
type verdict int

const (
	// take: whatever stands there is over, or was told to be passed over; the intent replaces it.
	take verdict = iota
	// mine: the intent stands there already, its answer was lost on the way.
	mine
	// paid: the track is paid for.
	paid
	// held: another run intends to pay, or did and could not tell.
	held
	// unknown: an earlier submit of this run may have been accepted.
	unknown
	// outdated: a later submit of this run has taken over while this one was thought lost.
	outdated
)

// judge decides whether the holder (runID and the attempt in the input) may take the ledger for itself. It is the one place
// where it is decided that something may be paid for.
func judge(existing stemflow.Submission, in stemflow.SubmitSeparationInput, runID string) verdict {
	own := existing.RunID == runID
	switch {
	case own && existing.Attempt > in.Attempt:
		return outdated
	case existing.State == stemflow.SubmissionPaid:
		if in.Force && !own {
			return take
		}
		return paid
	case existing.State == stemflow.SubmissionIntended && own:
		switch {
		case existing.Attempt == in.Attempt:
			return mine
		case existing.Attempt <= in.Refused:
			return take
		default:
			return unknown
		}
	case existing.State == stemflow.SubmissionIntended:
		if in.Force {
			return take
		}
		return held
	default:
		return take
	}
}
