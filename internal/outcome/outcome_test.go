package outcome_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

func TestEndsOfRunsThatFailed(t *testing.T) {
	paid := stemflow.ErrorDetails{Paid: true, SeparationTaskID: "separation"}
	for name, c := range map[string]struct {
		err  error
		want activityapi.EndedSeparation
	}{
		"failed": {
			temporal.NewNonRetryableApplicationError("the store is away", stemflow.ErrorArchiveUnavailable, nil, paid),
			activityapi.EndedSeparation{
				Reason: stemflow.ErrorArchiveUnavailable, Message: "the store is away", Details: &paid,
			},
		},
		"failed without details": {
			temporal.NewApplicationError("no", "Other"), activityapi.EndedSeparation{Reason: "Other", Message: "no"},
		},
		"failed with details of another kind": {
			temporal.NewApplicationError("no", "Other", "text"),
			activityapi.EndedSeparation{Reason: "Other", Message: "no"},
		},
		"cancelled": {
			temporal.NewCanceledError(), activityapi.EndedSeparation{
				Reason: stemflow.ReasonCanceled, Message: "the separation was cancelled",
			},
		},
		"cancelled by its callers": {
			temporal.NewCanceledError(paid, activityapi.CallersLeft{CallersLeft: true}), activityapi.EndedSeparation{
				Reason: stemflow.ReasonCanceled, Message: "the separation was cancelled", Details: &paid,
				CallersLeft: true,
			},
		},
		"terminated": {
			&temporal.TerminatedError{}, activityapi.EndedSeparation{
				Reason: stemflow.ReasonTerminated, Message: "the separation was terminated",
			},
		},
		"timed out": {
			temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil), activityapi.EndedSeparation{
				Reason:  stemflow.ReasonTimedOut,
				Message: "the workflow ran into a time-out that it was started with",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wire := temporal.GetDefaultFailureConverter() // details come encoded
			end, own := outcome.FromError(fmt.Errorf("child: %w", wire.FailureToError(wire.ErrorToFailure(c.err))))
			require.True(t, own)
			require.Equal(t, c.want, end)
		})
	}
	end, own := outcome.FromError(errors.New("Temporal is away"))
	require.False(t, own, "the run may go on")
	require.Zero(t, end)
}

// A parent's history has the end of every run that it waits for.
func TestEndsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	end, _ := outcome.FromError(temporal.NewApplicationError(long, long))
	require.Less(t, len(end.Reason)+len(end.Message), 17<<10)
	unreadable := outcome.Unreadable[stemflow.SeparateStemsResult, stemflow.ErrorDetails](long)
	require.Equal(t, stemflow.ReasonUnreadable, unreadable.Reason)
	require.Contains(t, unreadable.Message, "start again, which pays for nothing that is paid for: xxx")
	require.Less(t, len(unreadable.Message), 17<<10)
}

func TestRowsOfAReport(t *testing.T) {
	input := stemflow.SeparateStemsInput{
		TaskID: "music", AudioID: "audio", Type: stemflow.SplitStemAdvanced, StemName: "Bass", Title: "Nocturne",
	}
	track := activityapi.CatalogTrack{Number: 7, Line: 9, Input: input}
	row := stemflow.TrackOutcome{
		Number: 7, Line: 9, TaskID: "music", AudioID: "audio", Type: stemflow.SplitStemAdvanced, StemName: "Bass",
		Title: "Nocturne", Status: stemflow.TrackSkipped,
	}
	require.Equal(t, row, outcome.OfTrack(track, stemflow.TrackSkipped))

	manifest := stemflow.ObjectRef{Bucket: "stems", Key: "manifest.json"}
	row.SeparationTaskID, row.Manifest, row.Stems, row.Bytes = "separation", &manifest, 2, 42
	result := func(adjust func(*stemflow.SeparateStemsResult)) stemflow.SeparateStemsResult {
		r := stemflow.SeparateStemsResult{
			SeparationTaskID: "separation", Manifest: manifest, SettledBy: stemflow.SettledByPoll,
			Stems: []stemflow.Stem{{Size: 40}, {Size: 2}},
		}
		adjust(&r)
		return r
	}
	failed := []stemflow.FailedStem{{Name: "bass", Type: "SourceExpired", Message: "gone"}, {Name: "fx"}}
	missing := []stemflow.MissingStem{{Name: "drums", Reason: "silent"}, {Name: "fx"}}
	for name, c := range map[string]struct {
		result       stemflow.SeparateStemsResult
		status       stemflow.TrackStatus
		reason, says string
	}{
		"archived": {result: result(func(*stemflow.SeparateStemsResult) {}), status: stemflow.TrackArchived},
		"found": {
			result: result(func(r *stemflow.SeparateStemsResult) { r.SettledBy = stemflow.SettledByArchive }),
			status: stemflow.TrackFound,
		},
		"partial": {
			result: result(func(r *stemflow.SeparateStemsResult) { r.Failed, r.Missing = failed, missing }),
			status: stemflow.TrackPartial, reason: stemflow.ErrorArchiveIncomplete,
			says: "2 stems could not be archived: the first is bass, SourceExpired: gone",
		},
		"stems are missing": {
			result: result(func(r *stemflow.SeparateStemsResult) { r.Missing = missing }),
			status: stemflow.TrackArchived, says: "2 stems are missing: the first is drums: silent",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := row
			want.Status, want.SettledBy, want.Reason, want.Message = c.status, c.result.SettledBy, c.reason, c.says
			require.Equal(t, want, outcome.OfArchived(track, c.result))
		})
	}
}
