package workflows_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// dead makes the provider fail every task until it is mended.
func (s *shelf) dead(end activityapi.EndedSeparation) (mend func()) {
	healthy, mended := s.separate, false
	s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		if mended {
			return healthy(in)
		}
		return time.Minute, end
	}
	return func() { mended = true }
}

func paidWithoutID(reason string) activityapi.EndedSeparation {
	end := paidAndFailed(reason)
	end.Details.SeparationTaskID = ""
	return end
}

// Whatever becomes of tracks that were paid for, a few of them in a row are enough.
func TestADeadProviderCostsThreeTracks(t *testing.T) {
	for name, end := range map[string]activityapi.EndedSeparation{
		"SeparationFailed":   paidAndFailed(stemflow.ErrorSeparationFailed),
		"NoStems":            paidAndFailed(stemflow.ErrorNoStems),
		"SourceNotAudio":     paidAndFailed(stemflow.ErrorSourceNotAudio),
		"SourceExpired":      paidAndFailed(stemflow.ErrorSourceExpired),
		"ArchiveIncomplete":  paidAndFailed(stemflow.ErrorArchiveIncomplete),
		"SeparationTimedOut": paidAndFailed(stemflow.ErrorSeparationTimedOut),
		"SubmissionUnknown":  paidWithoutID(stemflow.ErrorSubmissionUnknown),
		"Terminated":         paidWithoutID(stemflow.ReasonTerminated),
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 40)
			s.in.Window = 100
			mend := s.dead(end)
			s.prelude = func() {
				s.after(5*time.Hour, func() {
					p := s.progress()
					require.Equal(t, end.Reason, p.Paused.Reason)
					require.Regexp(t, `^the last 3 tracks that were paid for failed and cost 10 \+ 10 \+ 10 credits, `+
						`the last one in line [2-4]: \w+ it is$`, p.Paused.Message)
					require.Zero(t, p.Running)
					require.Equal(t, 30, p.Credits)
					require.Len(t, s.started, 3)
					mend()
					s.update(stemflow.UpdateResume, nil)
				})
			}
			s.run()
			result := s.result()
			require.Equal(t, 40, result.Archived+result.Failed)
			require.LessOrEqual(t, result.Failed, 3)
		})
	}
}

// A provider that refuses every track in the same way costs nothing, but no list is worth running
// through for that.
func TestARefusalOfEveryTrackPausesTheCatalog(t *testing.T) {
	s := newShelf(t, 120)
	mend := s.dead(unpaid(stemflow.ErrorProviderRejected))
	s.prelude = func() {
		s.after(time.Hour, func() {
			p := s.progress()
			require.Equal(t, stemflow.ErrorProviderRejected, p.Paused.Reason)
			require.Contains(t, p.Paused.Message, "10 tracks in a row could not be separated")
			require.Less(t, len(s.started), 15)
			mend()
			s.update(stemflow.UpdateResume, nil)
		})
	}
	s.run()
	result := s.result()
	require.Less(t, result.Failed, 15)
	require.Equal(t, 120, result.Archived+result.Failed)
}

// One after the other, with a window of one: what each end does to the count of paid failures.
func TestWhatCountsAsAFailureInARow(t *testing.T) {
	paid := paidAndFailed(stemflow.ErrorSeparationFailed)
	input := unpaid(stemflow.ErrorInvalidInput)
	success := separated(stemflow.SeparateStemsInput{AudioID: "a"})
	found := never(stemflow.SeparateStemsInput{AudioID: "a"})
	resumed := separated(stemflow.SeparateStemsInput{AudioID: "a", SeparationTaskID: "sep"})
	others := []activityapi.EndedSeparation{
		paidAndFailed(stemflow.ErrorNoStems),
		paidAndFailed(stemflow.ErrorSourceExpired),
	}
	for name, c := range map[string]struct {
		ends   []activityapi.EndedSeparation
		pauses bool
	}{
		"three paid":              {[]activityapi.EndedSeparation{paid, paid, paid}, true},
		"of different kinds":      {append(others, paid), true},
		"a success between":       {[]activityapi.EndedSeparation{paid, paid, success, paid, paid}, false},
		"wrong input between":     {[]activityapi.EndedSeparation{paid, paid, input, paid}, true},
		"an archived one between": {[]activityapi.EndedSeparation{paid, paid, found, paid}, true},
		"a resumed one between":   {[]activityapi.EndedSeparation{paid, paid, resumed, paid}, true},
		"a cancelled one":         {[]activityapi.EndedSeparation{paid, paid, paidAndFailed(stemflow.ReasonCanceled)}, false},
		"never called":            {[]activityapi.EndedSeparation{paid, paid, unpaid(stemflow.ErrorSubmissionUnknown)}, false},
		"wrong input only":        {[]activityapi.EndedSeparation{input, input, input, input}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, len(c.ends)+5)
			s.in.Window = 1
			for i, end := range c.ends {
				s.fails(end, i+1)
			}
			s.prelude = func() {
				s.after(time.Duration(len(c.ends))*time.Minute+30*time.Second, func() {
					require.Equal(t, c.pauses, s.progress().Paused != nil)
					if c.pauses {
						require.Len(t, s.started, len(c.ends))
						s.update(stemflow.UpdateResume, nil)
					}
				})
			}
			s.run()
			s.result()
		})
	}
}

// A submit that no worker took was never paid: neither the catalogue's credits nor its count of
// paid failures say otherwise.
func TestWhatWasNeverCalledIsNotSpent(t *testing.T) {
	for paid, want := range map[bool]int{false: 0, true: 10} {
		s := newShelf(t, 5)
		s.fails(activityapi.EndedSeparation{
			Reason: stemflow.ErrorSubmissionUnknown, Message: "unknown", Details: &stemflow.ErrorDetails{Paid: paid},
		}, 2)
		s.run()
		require.Equal(t, 40+want, s.result().Credits)
		require.Equal(t, want, s.outcomes[2].Credits)
	}
}

func TestTheWindowOpensAsTracksSucceed(t *testing.T) {
	s := newShelf(t, 500)
	s.in.Window = 100
	s.tracks[0].Input.SeparationTaskID, s.tracks[1].Input.SeparationTaskID = "sep-1", "sep-2"
	s.prelude = func() {
		check := func(at time.Duration, running, paidWindow int) {
			s.after(at, func() {
				p := s.progress()
				require.Equal(t, running, p.Running)
				require.Equal(t, paidWindow, p.PaidWindow)
			})
		}
		check(30*time.Second, 2+3, 3) // what is paid for already waits for nothing
		check(90*time.Second, 24, 24)
		check(150*time.Second, 100, 0)
	}
	s.run()
	require.Equal(t, 500, s.result().Archived)
	require.Equal(t, 100, s.most)
	require.Less(t, s.env.Now().Sub(s.began), 8*time.Minute, "five at the least")
}

// However long tracks take and however many are under way: once the provider is dead, all but three
// of the tracks that it fails were under way already.
func TestADyingProviderCostsWhatIsUnderWay(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			s := newShelf(t, 150)
			s.in.Window = 1 + random.IntN(60)
			dies := time.Duration(random.IntN(20*60)) * time.Second
			failed, atDeath := 0, 0
			s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
				takes := time.Duration(1+random.IntN(600)) * time.Second
				now := s.env.Now().Sub(s.began)
				if now+takes < dies {
					return takes, separated(in)
				}
				failed++
				if now < dies {
					atDeath++
				}
				return takes, paidAndFailed(stemflow.ErrorSeparationFailed)
			}
			s.prelude = func() { s.after(24*time.Hour, s.env.CancelWorkflow) }
			s.run()
			var result stemflow.SeparateCatalogResult
			if s.env.GetWorkflowError() == nil { // the last tracks were under way when it died
				result = s.result()
			} else {
				_, _, result = s.failure()
				s.account(result)
			}
			require.Equal(t, failed, result.Failed)
			require.LessOrEqual(t, failed, atDeath+3)
		})
	}
}

// After a pause of its own a catalogue tries one track, whatever it costs, until one has succeeded.
func TestResumeTriesOneTrackFirst(t *testing.T) {
	s := newShelf(t, 60)
	s.in.Window = 20
	mend := s.dead(paidAndFailed(stemflow.ErrorSeparationFailed))
	s.tracks[20].Input.SeparationTaskID = "sep-21"
	s.prelude = func() {
		s.after(time.Hour, func() {
			require.Len(t, s.started, 3)
			s.update(stemflow.UpdateResume, func(p stemflow.CatalogProgress) {
				require.Nil(t, p.Paused)
				require.True(t, p.Trial)
			})
		})
		s.after(time.Hour+30*time.Second, func() { require.Equal(t, 1, s.progress().Running) })
		s.after(2*time.Hour, func() {
			p := s.progress()
			require.Equal(t, stemflow.ErrorSeparationFailed, p.Paused.Reason)
			require.Equal(t, "the one track that was tried after the pause failed too and cost 10 credits, "+
				"line 5: SeparationFailed it is", p.Paused.Message)
			require.Len(t, s.started, 4, "it pauses at once")
			require.Equal(t, 40, p.Credits)
			mend()
			s.update(stemflow.UpdateResume, nil)
		})
		s.after(2*time.Hour+30*time.Second, func() { require.Equal(t, 1, s.progress().Running) })
		s.after(2*time.Hour+90*time.Second, func() {
			p := s.progress()
			require.False(t, p.Trial)
			require.Equal(t, 6, p.Running)
			require.Equal(t, 6, p.PaidWindow)
		})
	}
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 56, Failed: 4}, s.result().CatalogCounts)
}

// What says nothing about the provider neither ends a trial nor pauses the catalogue: the next
// track is tried.
func TestATrialGoesOnUntilATrackSucceeds(t *testing.T) {
	s := newShelf(t, 30)
	s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 1, 2, 3)
	s.fails(unpaid(stemflow.ErrorInvalidInput), 4)
	s.fails(never(stemflow.SeparateStemsInput{AudioID: "a5"}), 5)
	s.fails(unpaid(stemflow.ErrorProviderUnavailable), 6)
	s.prelude = func() {
		s.after(time.Hour, func() { s.update(stemflow.UpdateResume, nil) })
		for _, seconds := range []int{30, 90, 150} {
			s.after(time.Hour+time.Duration(seconds)*time.Second, func() {
				p := s.progress()
				require.True(t, p.Trial)
				require.Equal(t, 1, p.Running)
			})
		}
		s.after(2*time.Hour, func() {
			p := s.progress()
			require.Equal(t, stemflow.ErrorProviderUnavailable, p.Paused.Reason, "a failure that is unpaid counts too")
			require.Contains(t, p.Paused.Message, "failed too and cost 0 credits, line 7")
			require.Len(t, s.started, 6)
			s.fails(separated(stemflow.SeparateStemsInput{AudioID: "a6"}), 6)
			// A person pauses it while the trial is under way: that changes nothing about the
			// trial.
			s.update(stemflow.UpdateResume, nil)
			s.update(stemflow.UpdatePause, nil)
		})
		s.after(3*time.Hour, func() {
			p := s.progress()
			require.Equal(t, stemflow.PauseRequested, p.Paused.Reason)
			require.Zero(t, p.Running)
			s.update(stemflow.UpdateResume, func(p stemflow.CatalogProgress) { require.True(t, p.Trial) })
		})
	}
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 25, Found: 1, Failed: 4}, s.result().CatalogCounts)
}

// A requested pause says nothing about the provider.
func TestResumeAfterARequestedPauseNeedsNoTrial(t *testing.T) {
	s := newShelf(t, 60)
	s.prelude = func() {
		s.after(150*time.Second, func() { s.update(stemflow.UpdatePause, nil) })
		s.after(time.Hour, func() {
			s.update(stemflow.UpdateResume, func(p stemflow.CatalogProgress) { require.False(t, p.Trial) })
		})
		s.after(time.Hour+time.Second, func() { require.Equal(t, 10, s.progress().Running) })
	}
	s.run()
	require.Equal(t, 60, s.result().Archived)
}

// Nor does it make what failed before it forgotten.
func TestARequestedPauseIsNoSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		end   activityapi.EndedSeparation
		fails int
	}{
		"paid":   {paidAndFailed(stemflow.ErrorSeparationFailed), 3},
		"unpaid": {unpaid(stemflow.ErrorProviderUnavailable), 10},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 20)
			s.in.Window = 1
			mend := s.dead(c.end)
			s.prelude = func() {
				s.after(time.Duration(c.fails-1)*time.Minute+30*time.Second, func() {
					require.Len(t, s.started, c.fails)
					s.update(stemflow.UpdatePause, nil)
					s.update(stemflow.UpdateResume, nil)
				})
				s.after(time.Hour, func() {
					require.Equal(t, c.end.Reason, s.progress().Paused.Reason)
					require.Len(t, s.started, c.fails)
					mend()
					s.update(stemflow.UpdateResume, nil)
				})
			}
			s.run()
			s.result()
		})
	}
}

// Tracks that began before the pause say nothing about what was mended meanwhile: they neither
// pause the catalogue again nor end the trial, and those that failed for what was wrong are tried
// again.
func TestTracksFromBeforeThePauseDoNotCount(t *testing.T) {
	s := newShelf(t, 60)
	s.in.Window = 20
	slow := func(takes time.Duration, end activityapi.EndedSeparation, from, to int) {
		before := s.separate
		s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
			var number int
			_, _ = fmt.Sscanf(in.AudioID, "a%d", &number)
			if from <= number && number <= to {
				return takes, end
			}
			return before(in)
		}
	}
	healthy := s.separate
	s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 4, 5, 6)
	slow(2*time.Hour, paidAndFailed(stemflow.ErrorSeparationFailed), 7, 9)
	slow(2*time.Hour, unpaid(stemflow.ErrorUnauthorized), 10, 12)
	slow(90*time.Minute, separated(stemflow.SeparateStemsInput{AudioID: "a"}), 13, 25)
	s.prelude = func() {
		s.after(time.Hour, func() {
			require.Contains(t, s.progress().Paused.Message, "the last 3 tracks that were paid for failed")
			require.Equal(t, 19, s.progress().Running)
			require.Len(t, s.started, 25)
			s.separate = healthy
			slow(45*time.Minute, separated(stemflow.SeparateStemsInput{AudioID: "a"}), 26, 26)
			s.update(stemflow.UpdateResume, nil)
		})
		s.after(time.Hour+40*time.Minute, func() {
			p := s.progress()
			require.Equal(t, 3+13, p.Archived)
			require.True(t, p.Trial, "only the track that was started for it ends it")
			require.Len(t, s.started, 26)
		})
		s.after(
			2*time.Hour+30*time.Second,
			func() { s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 10, 11, 12) },
		)
		s.after(2*time.Hour+100*time.Second, func() {
			p := s.progress()
			require.Nil(t, p.Paused)
			require.Equal(t, 3+3, p.Failed)
			require.Equal(t, 3, p.Running, "those that the key was refused for are tried again")
		})
	}
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 51, Failed: 9}, s.result().CatalogCounts)
	require.Len(t, s.started, 63)
	require.Contains(t, s.progress().Paused.Message, "the last 3 tracks that were paid for failed",
		"they count like any other")
}

// A generation hands on how many failures there are in a row, how far the window is open, and that
// a trial is under way.
func TestAGenerationHandsOnItsBreaker(t *testing.T) {
	s := newShelf(t, 40)
	s.in.Window = 1
	s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 2, 3, 4)
	long := func() {
		s.env.SetCurrentHistoryLength(1_000_000)
		s.update(stemflow.UpdateSetWindow, nil, 1)
	}
	s.prelude = func() {
		switch s.generations() {
		case 1:
			s.longAfter = 3
		case 2:
			s.longAfter = 0
			require.Equal(t, 6, s.states[0].PaidWindow)
			require.Equal(t, []int{10}, s.states[0].Lost)
			s.after(time.Hour, func() {
				require.Contains(t, s.progress().Paused.Message, "the last 3 tracks that were paid for failed")
				s.update(stemflow.UpdateResume, nil)
				long()
			})
		case 3:
			require.True(t, s.states[1].Trial)
			require.Empty(t, s.states[1].Lost)
		}
	}
	s.run()
	require.Equal(t, 3, s.generations())
	require.Equal(t, stemflow.CatalogCounts{Archived: 37, Failed: 3}, s.result().CatalogCounts)
}

// A catalogue that began before the breaker goes on by the rule that it began with, or its history
// would not replay.
func TestACatalogFromBeforeTheBreakerKeepsItsRule(t *testing.T) {
	for name, c := range map[string]struct {
		end    activityapi.EndedSeparation
		paused bool
	}{
		"paid failures":   {paidAndFailed(stemflow.ErrorSeparationFailed), false},
		"passing reasons": {paidAndFailed(stemflow.ErrorSourceForbidden), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 40)
			mend := s.dead(c.end)
			s.prelude = func() {
				s.env.OnGetVersion("catalog-breaker", workflow.DefaultVersion, workflow.Version(1)).
					Return(workflow.DefaultVersion)
				s.after(30*time.Second, func() { require.Equal(t, 10, s.progress().Running) })
				if c.paused {
					s.after(time.Hour, func() {
						require.Contains(t, s.progress().Paused.Message,
							"10 tracks in a row could not be separated, the last for this: ")
						mend()
						s.update(stemflow.UpdateResume, func(p stemflow.CatalogProgress) { require.False(t, p.Trial) })
					})
				}
			}
			s.run()
			result := s.result()
			if c.paused {
				require.Equal(t, 9, result.Failed)
			} else {
				require.Equal(t, 40, result.Failed)
			}
		})
	}
}

// What may be paid for without its id is not started again unasked: that could pay for it twice.
func TestResumeDoesNotRestartWhatMayBePaid(t *testing.T) {
	for name, c := range map[string]struct {
		details *stemflow.ErrorDetails
		again   bool
	}{
		"without an id": {&stemflow.ErrorDetails{Paid: true}, false},
		"unknown":       {nil, false},
		"with its id":   {&stemflow.ErrorDetails{Paid: true, SeparationTaskID: "sep"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 10)
			s.in.Window = 1
			for i := range s.tracks {
				s.tracks[i].Input.Force = true
			}
			s.fails(activityapi.EndedSeparation{
				Reason: stemflow.ErrorArchiveUnavailable, Message: "the store is down", Details: c.details,
			}, 1, 2, 3)
			if c.details == nil {
				s.paid += 30 // what is not told counts as paid
			}
			s.prelude = func() {
				s.after(time.Hour, func() {
					require.NotNil(t, s.progress().Paused)
					s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
						return time.Minute, separated(in)
					}
					s.update(stemflow.UpdateResume, nil)
				})
			}
			s.run()
			s.result()
			outcome := s.outcomes[3]
			require.Equal(t, 10, outcome.Credits)
			if c.again {
				require.Equal(t, stemflow.TrackArchived, outcome.Status)
				require.Contains(t, s.started, "a3:sep", "it is resumed by its id, and not forced")
				require.Len(t, s.started, 11)
				return
			}
			require.Len(t, s.started, 10, "each track is started once")
			require.Equal(t, stemflow.TrackFailed, outcome.Status)
			require.Equal(t, stemflow.ErrorArchiveUnavailable, outcome.Reason)
			require.Contains(t, outcome.Message, "resume it with separationTaskId: the store is down")
		})
	}
}

// A track that is to be tried again and waits for its turn is in the report of a catalogue that is
// cancelled.
func TestACancelledCatalogReportsATrackThatWaitsToBeTriedAgain(t *testing.T) {
	s := newShelf(t, 3)
	s.in.Window = 1
	mend := s.dead(paidAndFailed(stemflow.ErrorArchiveUnavailable))
	s.prelude = func() {
		s.after(time.Hour, func() {
			mend()
			require.Equal(t, stemflow.ErrorArchiveUnavailable, s.progress().Paused.Reason)
			require.Zero(t, s.progress().Running)
			s.env.CancelWorkflow()
		})
	}
	s.run()
	_, _, result := s.failure()
	s.account(result)
	require.Equal(t, stemflow.CatalogCounts{Failed: 2, Cancelled: 1}, result.CatalogCounts)
	require.Contains(t, s.outcomes[3].Message, "it was to be tried again")
	require.Equal(t, "sep", s.outcomes[3].SeparationTaskID, "what was paid for it")
	require.Equal(t, 30, result.Credits)
}

func TestDetailsSayWhatTheBreakerDoes(t *testing.T) {
	s := newShelf(t, 40)
	s.in.Window = 20
	mend := s.dead(paidAndFailed(stemflow.ErrorSeparationFailed))
	details := func() string {
		value, err := s.env.QueryWorkflow("__temporal_workflow_metadata")
		require.NoError(t, err)
		var metadata sdkpb.WorkflowMetadata
		require.NoError(t, value.Get(&metadata))
		return metadata.GetCurrentDetails()
	}
	s.prelude = func() {
		s.after(
			30*time.Second,
			func() { require.Contains(t, details(), "for now 3 at a time of those that cost credits") },
		)
		s.after(time.Hour, func() {
			require.Contains(t, details(), "the last 3 tracks that were paid for failed")
			mend()
			s.update(stemflow.UpdateResume, nil)
		})
		s.after(time.Hour+30*time.Second, func() {
			require.Contains(t, details(), "one track is tried")
			require.False(t, strings.Contains(details(), "for now"))
		})
	}
	s.run()
	s.result()
}
