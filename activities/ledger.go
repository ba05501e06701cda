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
//
// Force passes over what other runs paid or intended, but only while every earlier attempt of this run surely was not accepted:
// after a lost one, another run's entry may stand over an intent of this run that was.
func judge(existing stemflow.Submission, in stemflow.SubmitSeparationInput, runID string) verdict {
	own := existing.RunID == runID
	lost := in.Attempt != in.Refused+1
	switch {
	case own && existing.Attempt > in.Attempt:
		return outdated
	case existing.State == stemflow.SubmissionPaid && existing.SeparationTaskID == "":
		return held // not an entry of ours: nobody can tell what it means
	case existing.State == stemflow.SubmissionPaid:
		switch {
		case own || !in.Force:
			return paid
		case lost:
			return unknown
		default:
			return take
		}
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
		switch {
		case !in.Force:
			return held
		case lost:
			return unknown
		default:
			return take
		}
	default:
		return take
	}
}
