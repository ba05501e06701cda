package workflows

import (
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

// finding is what a look at the provider's record found.
type finding int

const (
	// foundLost: the look itself failed, by a time-out for example.
	foundLost finding = iota
	// foundCanceled: so was the run, or the look.
	foundCanceled
	// foundPending: the provider is still at work.
	foundPending
	// foundNoRecord: the provider does not know the separation, or not yet.
	foundNoRecord
	// foundNotYet: the record cannot be read, or has no link, at the moment.
	foundNotYet
	// foundNotOwn: another run submitted the separation.
	foundNotOwn
	// foundDone: the record has the stems.
	foundDone
	// foundFailed: the provider failed the separation.
	foundFailed
	// foundEmpty: the provider is done and has made no stem.
	foundEmpty
	// foundGone: there has been no record for so long that it is not coming back.
	foundGone
	// foundRefused: the question is not answered, for one of the contract's other error types.
	foundRefused
)

// observation is one look at the provider's record, classified.
type observation struct {
	separationTaskID string
	finding          finding
	// record is set when the finding is foundDone, and may be when it is foundPending.
	record activityapi.SeparationRecord
	// err is the activity's error, with any other finding.
	err error
}

// observe classifies a look at the record of a separation.
func observe(separationTaskID string, record activityapi.SeparationRecord, err error) observation {
	return observation{separationTaskID: separationTaskID, finding: find(record, err), record: record, err: err}
}

func find(record activityapi.SeparationRecord, err error) finding {
	kind, _ := applicationError(err)
	switch {
	case err == nil && record.Pending:
		return foundPending
	case err == nil:
		return foundDone
	case temporal.IsCanceledError(err):
		return foundCanceled
	case kind == activityapi.ActivityErrorPending:
		return foundPending
	case kind == activityapi.ActivityErrorNoRecord:
		return foundNoRecord
	case kind == activityapi.ActivityErrorUnreadable, kind == activityapi.ActivityErrorNoLinks:
		return foundNotYet
	case kind == activityapi.ActivityErrorNotOwn:
		return foundNotOwn
	case activityapi.IsFailed(kind):
		return foundFailed
	case activityapi.IsEmpty(kind):
		return foundEmpty
	case kind == stemflow.ErrorSourceExpired:
		return foundGone
	case isErrorType(kind):
		return foundRefused
	default:
		return foundLost
	}
}

// open reports whether the record may say something else at a later look.
func (o observation) open() bool {
	return o.finding == foundPending || o.finding == foundNoRecord || o.finding == foundNotYet
}

// ended reports whether the record says that the separation has ended, well or badly.
func (o observation) ended() bool {
	return o.finding == foundDone || o.finding == foundFailed || o.finding == foundEmpty
}
