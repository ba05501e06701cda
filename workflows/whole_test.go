package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

// stemsOf are links for stems of these names.
func stemsOf(host string, names ...string) []stemflow.SourceStem {
	var stems []stemflow.SourceStem
	for _, name := range names {
		stems = append(stems, stemflow.SourceStem{Name: name, URL: "https://" + host + "/" + name + ".mp3"})
	}
	return stems
}

func recordOf(names ...string) *activityapi.SeparationRecord {
	return &activityapi.SeparationRecord{Stems: stemsOf("files.example", names...)}
}

func successOf(names ...string) stemflow.Callback {
	return stemflow.Callback{
		TaskID: separationID, Code: stemflow.CodeOK, Stems: stemsOf("callback.example", names...),
	}
}

func namesOf(stems []stemflow.Stem) []string {
	var names []string
	for _, stem := range stems {
		names = append(names, stem.Name)
	}
	return names
}

func missingOf(result stemflow.SeparateStemsResult) []string {
	var names []string
	for _, m := range result.Missing {
		names = append(names, m.Name)
	}
	return names
}

var twelve = stemflow.ExpectedStems(stemflow.SplitStem, "")

func split() stemflow.SeparateStemsInput {
	in := input()
	in.Type = stemflow.SplitStem
	return in
}

func TestStemsThatFollowLateAreAwaited(t *testing.T) {
	for name, c := range map[string]struct {
		in       stemflow.SeparateStemsInput
		first    []string
		callback stemflow.Callback
		after    time.Duration
	}{
		"the type has two": {input(), []string{"vocals"}, successOf("vocals", "instrumental"), time.Minute},
		"the type has two, and the callback names one": {input(), []string{"vocals"}, successOf("vocals"), time.Minute},
		"the callback names twelve":                    {split(), twelve[:4], successOf(twelve...), time.Minute},
		"the callback names twelve, while polling":     {split(), nil, successOf(twelve...), 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			all := stemflow.ExpectedStems(c.in.WithDefaults().Type, "")
			w := newHarness(t)
			var seen time.Duration
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				switch {
				case w.took() < c.after:
					return nil, again(activityapi.ActivityErrorPending)
				case seen == 0:
					seen = w.took()
				}
				if w.took() < seen+70*time.Second {
					return recordOf(all[:max(1, len(c.first))]...), nil
				}
				return recordOf(all...), nil
			}
			w.callbackAfter(c.after, c.callback)
			w.run(c.in)
			require.Equal(t, all, namesOf(w.result().Stems))
			require.Empty(t, w.result().Missing)
			require.Less(t, w.took(), c.after+3*time.Minute)
		})
	}
}

func TestWhatStaysMissingIsNamed(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return recordOf("vocals"), nil
	}
	w.callbackAfter(time.Minute, successOf("vocals"))
	w.run(input())
	result := w.result()
	require.Equal(t, []string{"vocals"}, namesOf(result.Stems))
	require.Equal(t, []string{"instrumental"}, result.Empty, "as released")
	require.Equal(t, []string{"instrumental"}, missingOf(result))
	require.Contains(t, result.Missing[0].Reason, "start the track again")
	require.Equal(t, result.Missing, w.manifests[0].Missing)
	require.Greater(t, w.took(), 3*time.Minute-time.Second)
	require.Less(t, w.took(), 6*time.Minute, "bounded")
}

// The provider gives nothing for instruments that do not play.
func TestWhatASongDoesNotHaveDelaysNothing(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return recordOf(twelve[:9]...), nil
	}
	w.callbackAfter(time.Minute, successOf(twelve[:9]...))
	w.run(split())
	result := w.result()
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.Equal(t, twelve[9:], result.Empty)
	require.Empty(t, result.Missing)
	require.Less(t, w.took(), 2*time.Minute)
}

func TestPollsSayWhatIsExpected(t *testing.T) {
	w := newHarness(t)
	var polls []activityapi.GetSeparationRecordInput
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.EmptyLooks == 0 {
			return recordOf("drums", "kazoo"), nil
		}
		polls = append(polls, in)
		record := recordOf("drums")
		record.Believed = true
		return record, nil
	}
	w.callbackAfter(time.Minute, successOf("bass"))
	in := split()
	in.PollInterval = stemflow.Duration(20 * time.Minute)
	w.run(in)
	require.Len(t, polls, 1)
	require.Equal(t, activityapi.StemExpectation{
		Required: []string{"bass", "drums", "kazoo"}, Possible: twelve, Named: []string{"bass"},
	}, polls[0].Expected)
	require.Equal(t, 5, polls[0].EmptyLooks)
	require.Equal(t, stemflow.Duration(2*time.Minute), polls[0].EmptyFor)
	require.Equal(t, stemflow.Duration(30*time.Second), polls[0].EmptyPause)
	require.Equal(t, []string{"drums", "bass", "kazoo"}, namesOf(w.result().Stems), "by the links that they had")
}

// A link that only a callback or an earlier record had may not work, or be forged. The run does not
// depend on it.
func TestStemThatOnlyTheCallbackHas(t *testing.T) {
	for name, works := range map[string]bool{"its link works": true, "its link does not work": false} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
				if !works && strings.Contains(in.Stem.URL, "callback.example") {
					return nil, failed(stemflow.ErrorSourceForbidden)
				}
				return archived(in.Stem.Name), nil
			}
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				return recordOf("drums", "bass"), nil
			}
			w.callbackAfter(time.Minute, successOf("drums", "bass", "brass"))
			w.run(split())
			result := w.result()
			require.Empty(t, result.Failed)
			if works {
				require.Equal(t, []string{"drums", "bass", "brass"}, namesOf(result.Stems))
				require.Empty(t, result.Missing)
				return
			}
			require.Equal(t, []string{"drums", "bass"}, namesOf(result.Stems))
			require.Equal(t, []string{"brass"}, missingOf(result))
			require.Contains(t, result.Missing[0].Reason, stemflow.ErrorSourceForbidden)
		})
	}
}

func TestCallbackThatNamesMoreWhileStemsAreArchived(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return recordOf("drums"), nil
	}
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		w.env.SignalWorkflow(stemflow.SignalSeparationCallback, successOf("drums", "bass"))
		return archived(in.Stem.Name), nil
	}
	w.run(split())
	require.Equal(t, []string{"drums"}, namesOf(w.result().Stems))
	require.Equal(t, []string{"bass"}, missingOf(w.result()), "the next start looks for it")
}

// partly is a harness whose archive has the vocals of a track, and lacks the instrumental.
func partly(t *testing.T) *harness {
	w := newHarness(t)
	w.found(activityapi.PreparedArchive{Submission: paidBefore(), Partial: &stemflow.SeparateStemsResult{
		SeparationTaskID: separationID, Type: stemflow.SeparateVocal, SettledBy: stemflow.SettledByPoll,
		Stems: []stemflow.Stem{*archived("vocals")}, Empty: []string{"instrumental"},
		Missing: []stemflow.MissingStem{{Name: "instrumental", Reason: "no link"}},
	}})
	return w
}

func TestLaterStartFetchesWhatIsMissing(t *testing.T) {
	w := partly(t)
	fetched := w.fetched()
	w.run(input())
	result := w.result()
	require.Equal(t, []string{"https://files.example/i.mp3"}, *fetched)
	require.Equal(t, []string{"vocals", "instrumental"}, namesOf(result.Stems))
	require.Empty(t, result.Missing)
	require.Empty(t, result.Empty)
	require.Equal(t, stemflow.SettledByResume, result.SettledBy)
	require.False(t, result.Paid)
	require.Equal(t, result.Stems, w.manifests[0].Stems)
	require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation])
}

func TestProgressShowsStemsOfEarlierRuns(t *testing.T) {
	states := func(w *harness) map[string]stemflow.StemState {
		found := map[string]stemflow.StemState{}
		for _, stem := range w.progress().Stems {
			found[stem.Name] = stem.State
		}
		return found
	}
	t.Run("completed", func(t *testing.T) {
		w := partly(t)
		w.run(input())
		require.Len(t, w.result().Stems, 2)
		require.Equal(t, map[string]stemflow.StemState{
			"vocals": stemflow.StemArchived, "instrumental": stemflow.StemArchived,
		}, states(w))
	})
	t.Run("returned as it was", func(t *testing.T) {
		w := partly(t)
		w.archive = func(activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
			return nil, failed(stemflow.ErrorSourceBlocked)
		}
		w.run(input())
		require.Equal(t, stemflow.SettledByArchive, w.result().SettledBy)
		require.Equal(t, stemflow.SettledByArchive, w.progress().SettledBy, "as the result says")
	})
	t.Run("kept", func(t *testing.T) {
		w := newHarness(t)
		w.found(activityapi.PreparedArchive{Submission: paidBefore(), Kept: &activityapi.KeptStems{
			SeparationTaskID: separationID, Stems: []stemflow.Stem{*archived("vocals")},
		}})
		w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
			if in.Stem.Name == "vocals" {
				return nil, failed(stemflow.ErrorSourceBlocked)
			}
			return archived(in.Stem.Name), nil
		}
		in := input()
		in.AllowPartial = true
		w.run(in)
		require.Len(t, w.result().Stems, 2)
		require.Equal(t, stemflow.StemArchived, states(w)["vocals"])
	})
}

// Whatever the provider says, the track is archived no less than before.
func TestLaterStartThatFindsNothingReturnsWhatIsThere(t *testing.T) {
	for name, get := range map[string]func() (*activityapi.SeparationRecord, error){
		"no more": func() (*activityapi.SeparationRecord, error) { return recordOf("vocals"), nil },
		"none": func() (*activityapi.SeparationRecord, error) {
			return &activityapi.SeparationRecord{Pending: true}, nil
		},
		"away":   func() (*activityapi.SeparationRecord, error) { return nil, again(activityapi.ActivityErrorUnreadable) },
		"gone":   func() (*activityapi.SeparationRecord, error) { return nil, again(activityapi.ActivityErrorNoRecord) },
		"failed": func() (*activityapi.SeparationRecord, error) { return nil, failed(stemflow.ErrorSeparationFailed) },
	} {
		t.Run(name, func(t *testing.T) {
			w := partly(t)
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) { return get() }
			w.run(input())
			result := w.result()
			require.Equal(t, stemflow.SettledByArchive, result.SettledBy)
			require.Equal(t, []string{"vocals"}, namesOf(result.Stems))
			require.Equal(t, []string{"instrumental"}, missingOf(result))
			require.Empty(t, w.manifests)
			require.Empty(t, w.ledger)
			require.Zero(t, w.calls[activityapi.ActivitySubmitSeparation]+w.calls[activityapi.ActivityArchiveStem])
			require.Less(t, w.took(), 3*time.Minute)
		})
	}
}

func TestLaterStartOfAPartlyArchivedTrackCanBeCancelled(t *testing.T) {
	w := partly(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, again(activityapi.ActivityErrorUnreadable)
	}
	w.cancelAfter(2 * time.Second)
	w.run(input())
	require.Equal(t, separationID, w.cancelled().SeparationTaskID)
}

func TestOneLookBeforeGivingUp(t *testing.T) {
	for name, c := range map[string]struct {
		last func() (*activityapi.SeparationRecord, error)
		want []string
		by   stemflow.SettledBy
	}{
		"it is done by now":    {func() (*activityapi.SeparationRecord, error) { return done(), nil }, []string{"vocals", "instrumental"}, stemflow.SettledByPoll},
		"a stem is still late": {func() (*activityapi.SeparationRecord, error) { return recordOf("vocals"), nil }, []string{"vocals"}, stemflow.SettledByPoll},
		"it cannot be read":    {func() (*activityapi.SeparationRecord, error) { return nil, again(activityapi.ActivityErrorUnreadable) }, []string{"vocals"}, stemflow.SettledByCallback},
		"there is none":        {func() (*activityapi.SeparationRecord, error) { return nil, again(activityapi.ActivityErrorNoRecord) }, []string{"vocals"}, stemflow.SettledByCallback},
		"it is still pending": {func() (*activityapi.SeparationRecord, error) {
			return &activityapi.SeparationRecord{Pending: true}, nil
		}, nil, ""},
		"it is pending, in words": {func() (*activityapi.SeparationRecord, error) { return nil, again(activityapi.ActivityErrorPending) }, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if w.took() < 45*time.Minute {
					return nil, again(activityapi.ActivityErrorPending)
				}
				return c.last()
			}
			w.callbackAfter(time.Minute, success(separationID))
			w.run(input())
			require.GreaterOrEqual(t, w.took(), 45*time.Minute)
			require.Less(t, w.took(), 47*time.Minute)
			if c.want == nil {
				kind, message, _ := w.failure()
				require.Equal(t, stemflow.ErrorSeparationTimedOut, kind)
				require.Contains(t, message, activityapi.ActivityErrorPending, "what the record said last")
				return
			}
			require.Equal(t, c.want, namesOf(w.result().Stems))
			require.Equal(t, c.by, w.result().SettledBy)
		})
	}
}

// The engine begins no poll after the deadline, so polling may end long before it.
func TestLongPollIntervalDoesNotShortenTheDeadline(t *testing.T) {
	minutes := func(n time.Duration) time.Duration { return n * time.Minute }
	seconds := func(n time.Duration) time.Duration { return n * time.Second }
	for name, c := range map[string]struct{ deadline, interval, callback, want time.Duration }{
		"near the deadline, called back":        {minutes(45), minutes(43), minutes(10), minutes(10)},
		"as long as the deadline, called back":  {minutes(45), minutes(45), minutes(40), minutes(40)},
		"as long as the deadline, never called": {minutes(45), minutes(45), 0, minutes(45)},
		"of a deadline of seconds, called back": {seconds(22), seconds(20), seconds(8), seconds(8)},
		"called back just before a deadline":    {seconds(22), seconds(22), seconds(21), seconds(21)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if c.callback > 0 && w.took() < c.callback || w.took() < 40*time.Minute && c.callback == 0 {
					return nil, again(activityapi.ActivityErrorPending)
				}
				return done(), nil
			}
			if c.callback > 0 {
				w.callbackAfter(c.callback, success(separationID))
			}
			in := input()
			in.PollInterval = stemflow.Duration(c.interval)
			w.run(in)
			require.Len(t, w.result().Stems, 2)
			require.InDelta(t, c.want.Seconds(), w.took().Seconds(), 5)
		})
	}
}

func TestRepeatedCallbackMakesNoNewLook(t *testing.T) {
	w := newHarness(t)
	looks := 0
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.EmptyLooks == 0 && w.took() < 40*time.Minute {
			looks++
			return nil, again(activityapi.ActivityErrorPending)
		}
		if w.took() < 20*time.Minute {
			return nil, again(activityapi.ActivityErrorPending)
		}
		return done(), nil
	}
	for i := range 500 {
		w.callbackAfter(time.Minute+time.Duration(i)*2*time.Second, success(separationID))
	}
	w.run(input())
	require.Len(t, w.result().Stems, 2)
	require.LessOrEqual(t, looks, 6, "the attempts of one look")
}

// Anyone who has a callback's address can make up any number of names, ids and outcomes.
func TestCallbacksAreHeardInABoundedNumber(t *testing.T) {
	for name, callback := range map[string]func(i int) stemflow.Callback{
		"names": func(i int) stemflow.Callback { return successOf(fmt.Sprintf("kazoo%d", i)) },
		"ids":   func(i int) stemflow.Callback { return success(fmt.Sprintf("task%d", i)) },
		"outcomes": func(i int) stemflow.Callback {
			return stemflow.Callback{TaskID: separationID, Code: 200 + i%2*300, Stems: stemsOf("callback.example", "vocals")}
		},
	} {
		for _, unknown := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", unknown: ", unknown), func(t *testing.T) {
				w := newHarness(t)
				if unknown {
					w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
						return nil, failed(activityapi.ActivityErrorSubmitUnknown)
					}
				}
				looks := 0
				w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
					if in.EmptyLooks == 0 {
						looks++
					}
					if unknown {
						return nil, failed(activityapi.ActivityErrorNotOwn)
					}
					return &activityapi.SeparationRecord{Pending: true}, nil
				}
				for i := range 300 {
					w.callbackAfter(time.Minute+time.Duration(i)*time.Second, callback(i))
				}
				w.cancelAfter(20 * time.Minute)
				w.run(input())
				w.cancelled()
				require.LessOrEqual(t, looks, 20)
			})
		}
	}
}

// Thousands of activities at once are more than Temporal takes: the run could not be cancelled.
func TestMoreStemsThanASeparationCanHave(t *testing.T) {
	var names []string
	for i := range 2500 {
		names = append(names, fmt.Sprintf("stem%d", i))
	}
	long := stemflow.SourceStem{Name: "long", URL: "https://callback.example/" + strings.Repeat("x", 100_000)}
	strange := stemflow.SourceStem{Name: "../../../etc", URL: "https://callback.example/x"}
	t.Run("in the callback", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, again(activityapi.ActivityErrorUnreadable)
		}
		callback := successOf(names...)
		callback.Stems = append([]stemflow.SourceStem{long, strange}, callback.Stems...)
		w.callbackAfter(time.Minute, callback)
		w.run(split())
		require.Len(t, w.result().Stems, stemflow.MaxStems)
		require.Equal(t, "stem0", w.result().Stems[0].Name)
	})
	t.Run("in the record", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return recordOf(names...), nil
		}
		w.run(split())
		require.Len(t, w.result().Stems, stemflow.MaxStems)
	})
	t.Run("with links that nothing can have", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, again(activityapi.ActivityErrorUnreadable)
		}
		w.callbackAfter(time.Minute, stemflow.Callback{
			TaskID: separationID, Code: stemflow.CodeOK, Stems: []stemflow.SourceStem{long, strange},
		})
		w.run(split())
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorSeparationTimedOut, kind)
		require.Zero(t, w.calls[activityapi.ActivityArchiveStem])
	})
}

// A short deadline leaves no time to wait: what is there is taken at its end, and the rest named.
func TestDeadlineOfSecondsIsKept(t *testing.T) {
	w := newHarness(t)
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.EmptyLooks > 0 { // as the activity does
			return nil, again(activityapi.ActivityErrorNoLinks)
		}
		return recordOf("vocals"), nil
	}
	in := input()
	in.Deadline, in.CallbackGrace = stemflow.Duration(5*time.Second), stemflow.Duration(time.Second)
	in.PollInterval = stemflow.Duration(time.Second)
	w.callbackAfter(time.Second, successOf("vocals", "instrumental"))
	w.run(in)
	require.Equal(t, []string{"vocals", "instrumental"}, namesOf(w.result().Stems), "by the callback's link")
	require.Less(t, w.took(), 7*time.Second)
}

// The record had links, and cannot be read when the deadline comes.
func TestPartialRecordServesWhenItCannotBeReadAnyMore(t *testing.T) {
	w := newHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if w.took() < 4*time.Minute {
			return recordOf("vocals"), nil
		}
		return nil, again(activityapi.ActivityErrorUnreadable)
	}
	w.run(input())
	require.Equal(t, []string{"vocals"}, namesOf(w.result().Stems))
	require.Equal(t, []string{"instrumental"}, missingOf(w.result()))
}

// A callback that does not have all is not enough while the record may say more. When the record is
// done and has nothing, it is what there is.
func TestCallbackServesWhenTheRecordStaysEmpty(t *testing.T) {
	w := newHarness(t)
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.EmptyLooks == 0 {
			return nil, again(activityapi.ActivityErrorNoLinks)
		}
		return nil, failed(stemflow.ErrorNoStems)
	}
	w.callbackAfter(time.Minute, success(separationID))
	w.run(input())
	require.Equal(t, stemflow.SettledByCallback, w.result().SettledBy)
	require.Equal(t, []string{"vocals"}, namesOf(w.result().Stems))
	require.Equal(t, []string{"instrumental"}, missingOf(w.result()))
}

// The links of a callback are no proof of what else a song has.
func TestCallbacksLinksThatServeAtTheDeadlineAreNotAll(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if w.took() < 2*time.Minute {
			return &activityapi.SeparationRecord{Pending: true}, nil
		}
		return nil, again(activityapi.ActivityErrorUnreadable)
	}
	w.callbackAfter(time.Minute, successOf(twelve[:4]...))
	w.run(split())
	require.GreaterOrEqual(t, w.took(), 45*time.Minute)
	require.Equal(t, twelve[:4], namesOf(w.result().Stems))
	require.Equal(t, twelve[4:], missingOf(w.result()), "the next start looks for them")
}

// emptyInTheEnd has records that cannot be read, and one that has no link when they are polled.
func (w *harness) emptyInTheEnd() {
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.EmptyLooks > 0 {
			return nil, failed(stemflow.ErrorNoStems)
		}
		return nil, again(activityapi.ActivityErrorUnreadable)
	}
}

// A name that the type does not have may be made up. Nothing that is archived comes of it.
func TestCallbackWithoutCredibleLinksArchivesNothing(t *testing.T) {
	t.Run("the record has none", func(t *testing.T) {
		w := newHarness(t)
		w.emptyInTheEnd()
		w.callbackAfter(time.Minute, successOf("kazoo"))
		w.run(input())
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorNoStems, kind)
		require.Empty(t, w.manifests)
	})
	t.Run("the record cannot be read by the deadline", func(t *testing.T) {
		w := newHarness(t)
		w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
			return nil, again(activityapi.ActivityErrorUnreadable)
		}
		w.callbackAfter(time.Minute, successOf("kazoo"))
		w.run(input())
		kind, _, _ := w.failure()
		require.Equal(t, stemflow.ErrorSeparationTimedOut, kind)
		require.Empty(t, w.manifests)
	})
}

// A record without links says all the same whose the separation is.
func TestCallbacksLinksServeASeparationThatAnEmptyRecordProves(t *testing.T) {
	w := newHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, failed(activityapi.ActivityErrorSubmitUnknown)
	}
	w.emptyInTheEnd()
	w.callbackAfter(time.Minute, successOf("vocals", "instrumental"))
	w.run(input())
	result := w.result()
	require.Equal(t, []string{"vocals", "instrumental"}, namesOf(result.Stems))
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.Equal(t, stemflow.SubmissionPaid, w.lastLedger().State)
}
