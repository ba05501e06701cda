// Package outcome says how runs of separations ended: from their errors, and as rows of a
// catalogue's report.
package outcome

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/bounded"
)

// FromError returns how a run of a separation ended that failed, and whether the error is the run's
// own.
func FromError(err error) (activityapi.EndedSeparation, bool) {
	return Failed[stemflow.SeparateStemsResult, stemflow.ErrorDetails](err)
}

// Failed returns how a run of any kind ended that failed, and whether the error is the run's own.
func Failed[R, D any](err error) (activityapi.Ended[R, D], bool) {
	var (
		application *temporal.ApplicationError
		canceled    *temporal.CanceledError
		terminated  *temporal.TerminatedError
		timedOut    *temporal.TimeoutError
	)
	switch {
	case errors.As(err, &application):
		return activityapi.Ended[R, D]{
			Reason:  bounded.Text(application.Type(), bounded.Value),
			Message: bounded.Text(application.Message(), bounded.Message),
			Details: details[D](application),
		}, true
	case errors.As(err, &canceled):
		var left activityapi.CallersLeft
		_ = canceled.Details(new(D), &left) // few have more than one detail
		return activityapi.Ended[R, D]{
			Reason:      stemflow.ReasonCanceled,
			Message:     "the separation was cancelled",
			Details:     details[D](canceled),
			CallersLeft: left.CallersLeft,
		}, true
	case errors.As(err, &terminated):
		return activityapi.Ended[R, D]{
			Reason: stemflow.ReasonTerminated, Message: "the separation was terminated",
		}, true
	case errors.As(err, &timedOut):
		return activityapi.Ended[R, D]{
			Reason: stemflow.ReasonTimedOut, Message: "the workflow ran into a time-out that it was started with",
		}, true
	default:
		return activityapi.Ended[R, D]{}, false
	}
}

// Unreadable is the end of a run that does not say what it came to. It may have paid.
func Unreadable[R, D any](why string) activityapi.Ended[R, D] {
	return activityapi.Ended[R, D]{
		Reason: stemflow.ReasonUnreadable,
		Message: bounded.Text("the run under this workflow id does not say what it came to; see what it is, and "+
			"start again, which pays for nothing that is paid for: "+why, bounded.Message),
	}
}

func details[D any](err interface{ Details(...any) error }) *D {
	d := new(D)
	if err.Details(d) != nil { // it has none, or of another kind
		return nil
	}
	return d
}

// OfTrack returns an outcome that has only the track, with what is known to be paid for it, and the
// status.
func OfTrack(track activityapi.CatalogTrack, status stemflow.TrackStatus) stemflow.TrackOutcome {
	in, of := track.Input, track.Input.Track()
	return stemflow.TrackOutcome{
		Number: track.Number, Line: track.Line, TaskID: of.TaskID, AudioID: of.AudioID, Type: of.Type,
		StemName: of.StemName, Title: in.Title, Status: status, SeparationTaskID: in.SeparationTaskID,
	}
}

// OfArchived returns the outcome of a track whose run succeeded, or that is archived already.
func OfArchived(track activityapi.CatalogTrack, result stemflow.SeparateStemsResult) stemflow.TrackOutcome {
	status := stemflow.TrackArchived
	switch {
	case result.SettledBy == stemflow.SettledByArchive:
		status = stemflow.TrackFound
	case len(result.Failed) > 0:
		status = stemflow.TrackPartial
	}
	outcome := OfTrack(track, status)
	outcome.SeparationTaskID, outcome.SettledBy, outcome.Manifest = result.SeparationTaskID, result.SettledBy,
		&result.Manifest
	outcome.Stems = len(result.Stems)
	for _, stem := range result.Stems {
		outcome.Bytes += stem.Size
	}
	if len(result.Failed) > 0 {
		outcome.Reason = stemflow.ErrorArchiveIncomplete
		outcome.Message = fmt.Sprintf("%d stems could not be archived: the first is %s, %s: %s",
			len(result.Failed), result.Failed[0].Name, result.Failed[0].Type, result.Failed[0].Message)
	} else if len(result.Missing) > 0 {
		outcome.Message = fmt.Sprintf("%d stems are missing: the first is %s: %s",
			len(result.Missing), result.Missing[0].Name, result.Missing[0].Reason)
	}
	return outcome
}
