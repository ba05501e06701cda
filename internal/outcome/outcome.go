// Package outcome says how runs of separations ended: from their errors, and as rows of a
// catalogue's report.
package outcome

import (
	"errors"
	"fmt"
	"stemflow/internal/activityapi"

	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/bounded"
)

// FromError returns how a run ended that failed, and whether the error is the run's own.
func FromError(err error) (activityapi.EndedSeparation, bool) {
	var (
		application *temporal.ApplicationError
		canceled    *temporal.CanceledError
		terminated  *temporal.TerminatedError
		timedOut    *temporal.TimeoutError
	)
	switch {
	case errors.As(err, &application):
		return activityapi.EndedSeparation{
			Reason:  bounded.Text(application.Type(), bounded.Value),
			Message: bounded.Text(application.Message(), bounded.Message),
			Details: details(application),
		}, true
	case errors.As(err, &canceled):
		return activityapi.EndedSeparation{
			Reason:  stemflow.ReasonCanceled,
			Message: "the separation was cancelled",
			Details: details(canceled),
		}, true
	case errors.As(err, &terminated):
		return activityapi.EndedSeparation{
			Reason:  stemflow.ReasonTerminated,
			Message: "the separation was terminated",
		}, true
	case errors.As(err, &timedOut):
		return activityapi.EndedSeparation{
			Reason: stemflow.ReasonTimedOut, Message: "the workflow ran into a time-out that it was started with",
		}, true
	default:
		return activityapi.EndedSeparation{}, false
	}
}

// Unreadable is the end of a run that says nothing of a separation. It may have paid.
func Unreadable(why string) activityapi.EndedSeparation {
	return activityapi.EndedSeparation{
		Reason: stemflow.ReasonUnreadable,
		Message: bounded.Text("the run under the track's workflow id does not say how a separation ended; see what "+
			"it is, and start the catalogue again, which pays for nothing that is paid for: "+why, bounded.Message),
	}
}

func details(err interface {
	HasDetails() bool
	Details(...any) error
}) *stemflow.ErrorDetails {
	d := &stemflow.ErrorDetails{}
	if !err.HasDetails() || err.Details(d) != nil {
		return nil
	}
	return d
}

// OfTrack returns an outcome that has only the track and the status.
func OfTrack(track activityapi.CatalogTrack, status stemflow.TrackStatus) stemflow.TrackOutcome {
	in := track.Input.WithDefaults()
	return stemflow.TrackOutcome{
		Number: track.Number, Line: track.Line, TaskID: in.TaskID, AudioID: in.AudioID, Type: in.Type,
		StemName: in.StemName, Status: status,
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
