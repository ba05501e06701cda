package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestExpiredLinkIsRenewed(t *testing.T) {
	w := newHarness(t)
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		if in.Stem.Name == "vocals" && in.Stem.URL != "https://files.example/second" {
			return nil, failed(stemflow.ErrorSourceExpired)
		}
		return archived(in.Stem.Name), nil
	}
	renewed := []string{"https://files.example/first", "https://files.example/second"}
	w.renew = func(in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
		stem := in.Stem
		stem.URL = renewed[len(in.Tried)-1]
		require.NotContains(t, in.Tried, stem.URL)
		return &stem, nil
	}
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	require.Len(t, w.result().Stems, 2)
	require.Equal(t, 2, w.calls[activityapi.ActivityRenewSource])
}

func TestLinkThatNeverWorksIsGivenUp(t *testing.T) {
	w := newHarness(t)
	w.archive = func(activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		return nil, failed(stemflow.ErrorSourceExpired)
	}
	w.renew = func(in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) { return &in.Stem, nil }
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorSourceExpired, kind, "all stems failed alike")
	require.Equal(t, separationID, details.SeparationTaskID)
	require.Len(t, details.Failed, 2)
	require.Contains(t, details.Failed[0].Message, "none of 3 new links worked either")
}

func TestStemsThatFailForDifferentReasons(t *testing.T) {
	w := newHarness(t)
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		if in.Stem.Name == "vocals" {
			return nil, failed(stemflow.ErrorSourceNotAudio)
		}
		return nil, failed(stemflow.ErrorSourceTooLarge)
	}
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorArchiveIncomplete, kind)
	require.Equal(t, separationID, details.SeparationTaskID)
	require.True(t, details.Paid)
	var reasons []string
	for _, stem := range details.Failed {
		reasons = append(reasons, stem.Type)
	}
	require.ElementsMatch(t, []string{stemflow.ErrorSourceNotAudio, stemflow.ErrorSourceTooLarge}, reasons)
}

// A stem that is not there is awaited for longer when the provider has no other link to it, and
// then believed to be missing. One whose link was refused is not.
func TestMissingStemIsAwaited(t *testing.T) {
	missing := func(missing bool) error {
		return temporal.NewNonRetryableApplicationError(
			"answered 404", stemflow.ErrorSourceExpired, nil, activityapi.ArchiveStemFailure{Missing: missing},
		)
	}
	for name, c := range map[string]struct {
		missing, comes bool
		archived       int
	}{
		"it comes":         {true, true, 2},
		"it does not come": {true, false, 0},
		"it was refused":   {false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
				if in.LastLink && c.comes {
					return archived(in.Stem.Name), nil
				}
				return nil, missing(c.missing)
			}
			w.renew = func(activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
				return nil, temporal.NewNonRetryableApplicationError("no other link", stemflow.ErrorSourceExpired, nil)
			}
			w.callbackAfter(time.Second, success(separationID))
			w.run(input())
			require.Equal(t, 2, w.calls[activityapi.ActivityRenewSource], "once for each stem")
			if c.archived > 0 {
				require.Len(t, w.result().Stems, c.archived)
				return
			}
			kind, _, details := w.failure()
			require.Equal(t, stemflow.ErrorSourceExpired, kind)
			require.Equal(t, "answered 404; no other link", details.Failed[0].Message)
		})
	}
}

func TestBlockedLinkIsNotRenewed(t *testing.T) {
	w := newHarness(t)
	w.archive = func(activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		return nil, failed(stemflow.ErrorSourceBlocked)
	}
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorSourceBlocked, kind)
	require.NotContains(t, message, "force")
	require.Equal(t, separationID, details.SeparationTaskID)
	require.Zero(t, w.calls[activityapi.ActivityRenewSource])
}

func TestOneBadStemHarmsNoOther(t *testing.T) {
	bad := func(w *harness) {
		w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
			if in.Stem.Name == "vocals" {
				return nil, failed(stemflow.ErrorSourceNotAudio)
			}
			return archived(in.Stem.Name), nil
		}
		w.callbackAfter(time.Second, success(separationID))
	}
	t.Run("the run fails and says how far it got", func(t *testing.T) {
		w := newHarness(t)
		bad(w)
		w.run(input())
		kind, message, details := w.failure()
		require.Equal(t, stemflow.ErrorArchiveIncomplete, kind)
		require.Contains(t, message, "vocals")
		require.Equal(t, separationID, details.SeparationTaskID)
		require.Equal(t, []stemflow.Stem{*archived("instrumental")}, details.Stems)
		require.Equal(
			t,
			[]stemflow.FailedStem{
				{Name: "vocals", Type: stemflow.ErrorSourceNotAudio, Message: stemflow.ErrorSourceNotAudio},
			},
			details.Failed,
		)
		require.Empty(t, w.manifests, "a manifest is a commit marker")
	})
	t.Run("allowPartial succeeds", func(t *testing.T) {
		w := newHarness(t)
		bad(w)
		in := input()
		in.AllowPartial = true
		w.run(in)
		result := w.result()
		require.Equal(t, []stemflow.Stem{*archived("instrumental")}, result.Stems)
		require.Equal(t, "vocals", result.Failed[0].Name)
		require.Empty(t, result.Empty, "a failed stem is not an empty one")
		require.Equal(t, result.Failed, w.manifests[0].Failed)
	})
	t.Run("allowPartial does not make a result of nothing", func(t *testing.T) {
		w := newHarness(t)
		bad(w)
		w.archive = func(activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
			return nil, failed(stemflow.ErrorSourceTooLarge)
		}
		in := input()
		in.AllowPartial = true
		w.run(in)
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorSourceTooLarge, kind)
	})
}

func TestArchivingSitsOutAnOutageOfTheStore(t *testing.T) {
	w := newHarness(t)
	tries := 0
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		if tries++; tries < 8 {
			return nil, again(stemflow.ErrorArchiveUnavailable)
		}
		return archived(in.Stem.Name), nil
	}
	w.callbackAfter(time.Second, success(separationID))
	w.run(input())
	require.Len(t, w.result().Stems, 2)
}

func TestEmptyNamesTheExpectedStemsThatWereNotServed(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return &activityapi.SeparationRecord{
			OriginURL: "https://cdn.example/origin.mp3",
			Stems: []stemflow.SourceStem{
				{Name: "vocals", URL: "https://f.example/v"},
				{Name: "kazoo", URL: "https://f.example/k"},
			},
		}, nil
	}
	in := input()
	in.Type = stemflow.SplitStem
	w.callbackAfter(time.Second, success(separationID))
	w.run(in)
	require.Equal(t, []string{
		"backing_vocals", "drums", "bass", "guitar", "keyboard", "percussion", "strings", "synth", "fx", "brass", "woodwinds",
	}, w.result().Empty)
	require.Equal(t, "https://cdn.example/origin.mp3", w.manifests[0].Provider.OriginURL)
	require.Equal(t, 2, w.calls[activityapi.ActivityArchiveStem], "the origin is not archived")
}

// What an earlier run has paid for it may have archived, too.
func TestOnlyStemsOfAnotherRunsSeparationAreLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		in    func(*stemflow.SeparateStemsInput)
		fresh bool
	}{
		"paid by this run": {func(*stemflow.SeparateStemsInput) {}, true},
		"resumed":          {func(in *stemflow.SeparateStemsInput) { in.SeparationTaskID = separationID }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			var fresh []bool
			w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
				fresh = append(fresh, in.Fresh)
				return archived(in.Stem.Name), nil
			}
			in := input()
			c.in(&in)
			w.callbackAfter(1, success(separationID))
			w.run(in)
			w.result()
			require.Equal(t, []bool{c.fresh, c.fresh}, fresh)
		})
	}
}
