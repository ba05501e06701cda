package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

// unknownSubmit is a harness in which nobody knows whether the submit was accepted.
func unknownSubmit(t *testing.T) *harness {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	return w
}

// The genuine callback of an unknown submit comes while the record cannot be read, and then one
// about another task, which is not the run's. The run returns to its own.
func TestAnOwnTaskThatGaveWayIsReturnedTo(t *testing.T) {
	w := unknownSubmit(t)
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		switch {
		case in.SeparationTaskID == foreignID:
			return nil, failed(activityapi.ActivityErrorNotOwn)
		case w.took() < 5*time.Minute:
			return nil, again(activityapi.ActivityErrorUnreadable)
		}
		return done(), nil
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.callbackAfter(2*time.Minute, success(foreignID))
	w.run(input())
	require.Equal(t, separationID, w.result().SeparationTaskID)
	require.Equal(t, 1, w.calls[activityapi.ActivitySubmitSeparation])
}

// If the other task stays without a record, the ledger learns of both at the end.
func TestAnOwnTaskThatGaveWayIsNamedAtTheDeadline(t *testing.T) {
	w := unknownSubmit(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, again(activityapi.ActivityErrorUnreadable)
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.callbackAfter(2*time.Minute, success(foreignID))
	w.run(input())
	kind, message, _ := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Contains(t, message, separationID)
	require.Contains(t, message, foreignID)
}

// A stolen token names one task after the other. The genuine callback, which comes last, is heard.
func TestMadeUpCallbacksDoNotDeafenAnUnknownSubmit(t *testing.T) {
	w := unknownSubmit(t)
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.SeparationTaskID != separationID {
			return nil, failed(activityapi.ActivityErrorNotOwn)
		}
		return done(), nil
	}
	for i := range 200 {
		w.callbackAfter(time.Minute, success(fmt.Sprintf("%032x", i)))
	}
	w.callbackAfter(20*time.Minute, success(separationID))
	w.run(input())
	require.Equal(t, separationID, w.result().SeparationTaskID)
	require.Less(t, w.calls[activityapi.ActivityGetSeparationRecord], 100)
}

// A signature covers the task id alone: what a body adds that neither the type nor the record has
// is not fetched, and not missed.
func TestStemsThatACallbackMakesUpAreLeftOut(t *testing.T) {
	w := newHarness(t)
	fetched := w.fetched()
	w.callbackAfter(time.Minute, successOf("vocals", "instrumental", "kazoo", "brass"))
	w.run(input())
	result := w.result()
	require.Equal(t, []string{"vocals", "instrumental"}, namesOf(result.Stems))
	require.Empty(t, result.Missing)
	require.Len(t, *fetched, 2)
}

// That holds where the record cannot be read, too.
func TestStemsThatACallbackMakesUpAreLeftOutDuringAnOutage(t *testing.T) {
	outage := func() *harness {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, again(activityapi.ActivityErrorUnreadable)
		}
		w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
			if in.Stem.Name == "kazoo" {
				return nil, failed(stemflow.ErrorSourceNotAudio)
			}
			return archived(in.Stem.Name), nil
		}
		w.callbackAfter(time.Minute, successOf("vocals", "instrumental", "kazoo"))
		return w
	}
	w := outage()
	w.run(input())
	result := w.result()
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.Equal(t, []string{"vocals", "instrumental"}, namesOf(result.Stems))
	require.Less(t, w.took(), 2*time.Minute)

	w = outage()
	w.fromBefore("credible-links-serve")
	w.run(input())
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorArchiveIncomplete, kind)
}

// The callback of a split_stem names some instruments while the record cannot be read for a moment.
func TestSomeInstrumentsOfACallbackAreNotAllDuringAnOutage(t *testing.T) {
	for name, outage := range map[string]time.Duration{"short": 40 * time.Second, "long": time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if w.took() < time.Minute+outage {
					return nil, again(activityapi.ActivityErrorUnreadable)
				}
				return recordOf("drums", "bass", "guitar"), nil
			}
			w.callbackAfter(time.Minute, successOf("drums", "bass"))
			w.run(split())
			result := w.result()
			if outage == time.Hour {
				require.Equal(t, []string{"drums", "bass"}, namesOf(result.Stems))
				require.Contains(t, missingOf(result), "guitar", "nothing has said that these are all")
				require.Less(t, w.took(), 3*time.Minute)
				return
			}
			require.Equal(t, []string{"drums", "bass", "guitar"}, namesOf(result.Stems))
			require.Empty(t, result.Missing)
		})
	}
}

// The link that came late does not work: the track stays archived as it is, whatever the input
// allows.
func TestLaterStartWhoseLinkFailsReturnsWhatIsThere(t *testing.T) {
	for _, allowPartial := range []bool{false, true} {
		w := partly(t)
		w.archive = func(activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
			return nil, failed(stemflow.ErrorSourceNotAudio)
		}
		in := input()
		in.AllowPartial = allowPartial
		w.run(in)
		result := w.result()
		require.Equal(t, stemflow.SettledByArchive, result.SettledBy)
		require.Equal(t, []string{"vocals"}, namesOf(result.Stems))
		require.Equal(t, []string{"instrumental"}, missingOf(result))
		require.Empty(t, result.Failed)
		require.Empty(t, w.manifests)
	}
}

// A run that archives a separation again, for an object that is gone, keeps the stems whose objects
// are there and that the record lacks by now.
func TestIntactStemsStayInTheManifest(t *testing.T) {
	w := newHarness(t)
	kept := []stemflow.Stem{*archived("drums"), *archived("bass")}
	books := activityapi.Location{Bucket: "books", Dir: "task/audio/"}
	w.found(activityapi.PreparedArchive{
		Ledger: books, Submission: paidBefore(),
		Kept: &activityapi.KeptStems{SeparationTaskID: separationID, Stems: kept},
	})
	manifest := w.manifest
	w.manifest = func(in activityapi.WriteManifestInput) (*stemflow.ObjectRef, error) {
		require.Equal(t, books, in.Ledger, "where it is looked up whether another one was paid for")
		return manifest(in)
	}
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return recordOf("bass", "guitar"), nil
	}
	w.run(split())
	result := w.result()
	require.ElementsMatch(t, []string{"drums", "bass", "guitar"}, namesOf(result.Stems))
	require.NotContains(t, result.Empty, "drums")

	w = newHarness(t)
	w.found(activityapi.PreparedArchive{
		Submission: paidBefore(),
		Kept: &activityapi.KeptStems{
			SeparationTaskID: separationID, Stems: []stemflow.Stem{*archived("vocals")},
		},
	})
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		if in.Stem.Name == "vocals" {
			return nil, failed(stemflow.ErrorSourceNotAudio)
		}
		return archived(in.Stem.Name), nil
	}
	partial := input()
	partial.AllowPartial = true
	w.run(partial)
	result = w.result()
	require.ElementsMatch(t, []string{"vocals", "instrumental"}, namesOf(result.Stems))
	require.Empty(t, result.Failed, "what is there has not failed")
	require.Empty(t, result.Missing)

	w = newHarness(t)
	w.found(activityapi.PreparedArchive{Kept: &activityapi.KeptStems{SeparationTaskID: "another", Stems: kept}})
	w.run(input())
	require.Equal(t, []string{"vocals", "instrumental"}, namesOf(w.result().Stems), "another separation's are not mixed in")
}

func TestUnprovedSeparationHasNoKnownCost(t *testing.T) {
	w := newHarness(t)
	w.answers(failed(activityapi.ActivityErrorSubmitUnknown))
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, again(activityapi.ActivityErrorNoRecord)
	}
	w.callbackAfter(time.Minute, success(foreignID))
	w.env.RegisterDelayedCallback(func() {
		p := w.progress()
		require.True(t, p.SubmissionUnknown)
		require.True(t, p.Paid)
		require.Zero(t, p.Credits, "it is not known whether it paid")
	}, 2*time.Minute)
	w.cancelAfter(3 * time.Minute)
	w.run(input())
	require.True(t, w.cancelled().Paid)
}
