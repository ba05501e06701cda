package workflows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// waitsInQueue makes a submit, by its number, wait in the queue for more than an hour and then come
// back, since nobody has taken it.
func (w *harness) waitsInQueue(attempt int) { w.waitsInQueueFor(attempt, time.Hour+time.Minute) }

func (w *harness) waitsInQueueFor(attempt int, waits time.Duration) {
	var waiting []byte
	w.env.RegisterActivityWithOptions(func(
		ctx context.Context, in activityapi.SubmitSeparationInput,
	) (*activityapi.SubmittedSeparation, error) {
		if in.Attempt == attempt {
			waiting = activity.GetInfo(ctx).TaskToken
			return nil, activity.ErrResultPending
		}
		return w.submit(in)
	}, activity.RegisterOptions{Name: activityapi.ActivitySubmitSeparation, DisableAlreadyRegisteredCheck: true})
	w.env.RegisterDelayedCallback(func() {
		require.NoError(w.t, w.env.CompleteActivity(waiting, nil, neverTaken))
	}, waits)
}

// An hour in the queue is no hour of refusals: of ten thousand runs that begin at once the last
// ones wait for two.
func TestTimeInTheQueueIsNotCountedAsRefusals(t *testing.T) {
	for name, refusal := range map[string]error{
		"refused": failed(activityapi.ActivityErrorSubmitRefused),
		"no turn": failed(activityapi.ActivityErrorSubmitNoTurn),
		"held":    failed(activityapi.ActivityErrorSubmitHeld),
	} {
		for waiting, ends := range map[int][]error{1: {nil, refusal, nil}, 2: {refusal, nil, refusal, nil}} {
			t.Run(name, func(t *testing.T) {
				w := newHarness(t)
				w.answers(ends...)
				w.waitsInQueue(waiting)
				w.run(input())
				require.Equal(t, separationID, w.result().SeparationTaskID)
				require.Greater(t, w.took(), time.Hour)
			})
		}
	}
}

func TestARunFromBeforeCountsTimeInTheQueue(t *testing.T) {
	w := newHarness(t)
	w.env.OnGetVersion("queue-is-no-refusal", workflow.DefaultVersion, workflow.Version(1)).
		Return(workflow.DefaultVersion)
	w.answers(nil, failed(activityapi.ActivityErrorSubmitRefused), nil)
	w.waitsInQueue(1)
	w.run(input())
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorProviderUnavailable, kind)
}

// The provider keeps a song for three days. What is gone then it would take all the same, and fail.
func TestASongThatWaitsForDaysIsHandedOverAgain(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		wait   time.Duration
		object bool
		handed int
	}{
		"a day":                     {day, true, 1},
		"four days":                 {4 * day, true, 2},
		"four days, at the address": {4 * day, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			in := stemflow.SeparateStemsInput{AudioURL: "https://songs.example/a.mp3"}
			if c.object {
				in.AudioURL = "s3://stems/a.mp3"
			}
			handed, submitted := 0, ""
			stub(w, activityapi.ActivityPrepareSong,
				func(asked activityapi.PrepareSongInput) (*activityapi.PreparedSong, error) {
					handed++
					if !c.object {
						return &activityapi.PreparedSong{URL: asked.AudioURL}, nil
					}
					return &activityapi.PreparedSong{URL: fmt.Sprintf("https://provider.example/%d", handed)}, nil
				})
			w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
				submitted = in.AudioURL
				return &activityapi.SubmittedSeparation{SeparationTaskID: separationID, SubmittedAt: w.env.Now()}, nil
			}
			w.waitsInQueueFor(1, c.wait)
			w.run(in)
			require.Equal(t, separationID, w.result().SeparationTaskID)
			require.Equal(t, c.handed, handed)
			if c.object {
				require.Equal(t, fmt.Sprintf("https://provider.example/%d", c.handed), submitted)
			}
		})
	}
}

// What the song was called before says nothing of what is there now.
func TestASongThatIsHandedOverAgainIsReadAnew(t *testing.T) {
	w := newHarness(t)
	songs := []activityapi.PreparedSong{
		{URL: "https://provider.example/1", SHA256: "ab", Title: "Old", Artist: "Somebody", Tempo: 120},
		{URL: "https://provider.example/2", SHA256: "cd", Title: "New"},
	}
	stub(w, activityapi.ActivityPrepareSong, func(activityapi.PrepareSongInput) (*activityapi.PreparedSong, error) {
		song := songs[0]
		songs = songs[1:]
		return &song, nil
	})
	w.waitsInQueueFor(1, 96*time.Hour)
	w.run(stemflow.SeparateStemsInput{AudioURL: "s3://stems/a.mp3"})
	w.result()
	require.Equal(t, &stemflow.Music{Title: "New"}, w.manifests[0].Source.Music)
}

// The queue alone is asked for again, after a submit that nobody took.
func TestALookForTheQueueChangesNothingElse(t *testing.T) {
	w := newHarness(t)
	prepare, looks := w.prepare, 0
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		p, err := prepare(in)
		p.Kept = &activityapi.KeptStems{
			SeparationTaskID: separationID, Stems: []stemflow.Stem{*archived("drums")},
		}
		if looks++; looks > 1 {
			p.Kept = &activityapi.KeptStems{SeparationTaskID: "another", Stems: []stemflow.Stem{*archived("bass")}}
		}
		return p, err
	}
	w.waitsInQueue(1)
	w.run(split())
	require.Equal(t, 2, looks)
	require.Contains(t, namesOf(w.result().Stems), "drums")
}

// Histories have the label of a second look, also where that has found no attributes or no title.
func TestASecondLookLabelsAsTheFirst(t *testing.T) {
	for name, c := range map[string]struct {
		in stemflow.SeparateStemsInput
		// waits is how long the first submit does, and labels how often one is set by the second.
		waits  time.Duration
		labels int
	}{
		"a track":                     {input(), 2 * time.Hour, 2},
		"a song that is handed again": {stemflow.SeparateStemsInput{AudioURL: "s3://stems/a.mp3"}, 96 * time.Hour, 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			prepare, looks := w.prepare, 0
			w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
				p, err := prepare(in)
				if looks++; looks == 1 {
					p.SearchAttributes = stemflow.SearchAttributes()
				}
				return p, err
			}
			handed := 0
			stub(w, activityapi.ActivityPrepareSong,
				func(activityapi.PrepareSongInput) (*activityapi.PreparedSong, error) {
					song := activityapi.PreparedSong{URL: "https://provider.example/1"}
					if handed++; handed == 1 {
						song.Title = "Old"
					}
					return &song, nil
				})
			labels := 0
			w.env.RegisterActivityWithOptions(func(context.Context) ([]string, error) {
				labels++
				return stemflow.SearchAttributes(), nil
			}, activity.RegisterOptions{Name: activityapi.ActivityListSearchAttributes})
			submit, before := w.submit, 0
			w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
				before = labels
				return submit(in)
			}
			w.waitsInQueueFor(1, c.waits)
			w.run(c.in)
			w.result()
			require.Equal(t, 2, looks)
			require.Equal(t, c.labels, before)
		})
	}
}

func (w *harness) songCanBeHandedOverOnce() {
	handed := 0
	stub(w, activityapi.ActivityPrepareSong,
		func(activityapi.PrepareSongInput) (*activityapi.PreparedSong, error) {
			if handed++; handed > 1 {
				return nil, failed(stemflow.ErrorInvalidInput)
			}
			return &activityapi.PreparedSong{URL: "https://provider.example/1"}, nil
		})
}

func TestASongThatIsGoneAfterDaysIsNotPaidFor(t *testing.T) {
	w := newHarness(t)
	w.songCanBeHandedOverOnce()
	w.waitsInQueueFor(1, 96*time.Hour)
	w.run(stemflow.SeparateStemsInput{AudioURL: "s3://stems/a.mp3"})
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorInvalidInput, kind)
	require.False(t, details.Paid)
}

// A submit before may have been accepted, whatever the song has become since.
func TestASongThatIsGoneAfterALostSubmitLeavesTheDoubt(t *testing.T) {
	w := newHarness(t)
	w.songCanBeHandedOverOnce()
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, lostSubmit
	}
	w.recorded.Unpaid = false
	w.waitsInQueueFor(2, 96*time.Hour)
	w.run(stemflow.SeparateStemsInput{AudioURL: "s3://stems/a.mp3"})
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
	require.Contains(t, message, "the outcome of an earlier submit is unknown")
	require.True(t, details.Paid)
	require.Contains(t, w.metrics.Counters(), "stemflow_separations{outcome=SubmissionUnknown,type=separate_vocal}")
}
