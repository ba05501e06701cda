package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

func TestCatalogSeparatesEveryTrack(t *testing.T) {
	s := newShelf(t, 2*activityapi.CatalogPageSize+50)
	s.run()
	result := s.result()
	require.Equal(t, stemflow.CatalogCounts{Archived: 250}, result.CatalogCounts)
	require.Equal(t, 2500, result.Credits)
	require.Equal(t, "report.csv", result.Report.CSV.Key)
	require.Equal(t, "june", result.Name)
	require.Equal(t, s.began, result.StartedAt)
	require.Equal(t, 26*time.Minute, result.EndedAt.Sub(result.StartedAt).Round(time.Minute),
		"three, and then ten at a time, a minute each")
	require.Equal(t, 10, s.most)
	require.Equal(t, stemflow.TrackOutcome{
		Number: 7, Line: 8, TaskID: "t", AudioID: "a7", Type: stemflow.SeparateVocal, Status: stemflow.TrackArchived,
		SeparationTaskID: "sep-a7", SettledBy: stemflow.SettledByCallback, Credits: 10, Stems: 2, Bytes: 10, Manifest: &stemflow.ObjectRef{},
	}, s.outcomes[7])
	require.Equal(t, 3, s.calls[activityapi.ActivityReadCatalog])
	require.Equal(t, 3, s.calls[activityapi.ActivityGetBalance], "it is looked at with each page")
	require.Equal(t, map[string]int64{"stemflow_catalog_tracks{status=archived}": 250}, s.metrics.Counters())
	p := s.progress()
	require.Equal(t, stemflow.CatalogDone, p.Phase)
	require.Equal(t, 250, p.Archived)
}

func TestCatalogTellsItsProgress(t *testing.T) {
	s := newShelf(t, 25)
	budget := 1000
	s.in.CreditBudget = &budget
	s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 3)
	s.prelude = func() {
		s.after(90*time.Second, func() {
			value, err := s.env.QueryWorkflow(stemflow.QueryOutcomes)
			require.NoError(t, err)
			var unrecorded []stemflow.TrackOutcome
			require.NoError(t, value.Get(&unrecorded))
			require.Len(t, unrecorded, 3, "what is not in the store yet")
			p := s.progress()
			require.InDelta(t, 1_000_000, *p.Balance, 0.1)
			p.Balance = nil
			require.Len(t, p.Failures, 1)
			require.Equal(t, "a3", p.Failures[0].AudioID)
			p.Failures = nil
			require.Equal(t, stemflow.CatalogProgress{
				Phase: stemflow.CatalogSeparating, Name: "june", Source: &stemflow.ObjectRef{Key: "june.csv"}, Window: 10, Tracks: 25,
				CatalogCounts: stemflow.CatalogCounts{Archived: 2, Failed: 1}, Running: 10,
				Credits: 30, Reserved: 100, CreditBudget: &budget,
				StartedAt: s.began, Folder: &stemflow.ObjectRef{Bucket: "stems", Key: "_catalogs/june/run/"},
			}, p)
		})
	}
	s.run()
	s.result()
}

// However a track ends, the others are separated, and its end is told.
func TestOneTrackHarmsNoOther(t *testing.T) {
	partial := separated(stemflow.SeparateStemsInput{AudioID: "a4"})
	partial.Result.Failed = []stemflow.FailedStem{{Name: "fx", Type: stemflow.ErrorSourceNotAudio, Message: "a page"}}
	for name, c := range map[string]struct {
		end  activityapi.EndedSeparation
		want stemflow.TrackOutcome // what is told beside the track
	}{
		"it fails, paid": {
			paidAndFailed(stemflow.ErrorSeparationFailed),
			stemflow.TrackOutcome{Status: stemflow.TrackFailed, Reason: "SeparationFailed", Message: "SeparationFailed it is", SeparationTaskID: "sep", Credits: 10},
		},
		"it is refused": {
			unpaid(stemflow.ErrorProviderRejected),
			stemflow.TrackOutcome{Status: stemflow.TrackFailed, Reason: "ProviderRejected", Message: "ProviderRejected it is"},
		},
		"it is partial": {
			partial,
			stemflow.TrackOutcome{
				Status: stemflow.TrackPartial, Reason: "ArchiveIncomplete", Message: "1 stems could not be archived: the first is fx, SourceNotAudio: a page",
				SeparationTaskID: "sep-a4", SettledBy: stemflow.SettledByCallback, Credits: 10, Stems: 2, Bytes: 10, Manifest: &stemflow.ObjectRef{},
			},
		},
		"some of it is archived": {
			activityapi.EndedSeparation{Reason: stemflow.ErrorArchiveIncomplete, Message: "no", Details: &stemflow.ErrorDetails{Stems: make([]stemflow.Stem, 7)}},
			stemflow.TrackOutcome{Status: stemflow.TrackFailed, Reason: "ArchiveIncomplete", Message: "no", Stems: 7},
		},
		"somebody cancels it": {
			activityapi.EndedSeparation{Reason: stemflow.ReasonCanceled, Details: &stemflow.ErrorDetails{SeparationTaskID: "sep"}},
			stemflow.TrackOutcome{Status: stemflow.TrackCancelled, Reason: "Canceled", Message: "the separation was cancelled", SeparationTaskID: "sep"},
		},
		"it cannot tell": {
			activityapi.EndedSeparation{Reason: "Unforeseen", Message: "a bug"},
			stemflow.TrackOutcome{Status: stemflow.TrackFailed, Reason: "Unforeseen", Message: "a bug", Credits: 10},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 30)
			s.fails(c.end, 4)
			s.run()
			if c.end.Details == nil && c.end.Result == nil {
				s.paid += 10 // what is not told counts as paid
			}
			s.result()
			c.want.Number, c.want.Line, c.want.TaskID, c.want.AudioID, c.want.Type = 4, 5, "t", "a4", stemflow.SeparateVocal
			require.Equal(t, c.want, s.outcomes[4])
			for number, outcome := range s.outcomes {
				require.True(t, number == 4 || outcome.Status == stemflow.TrackArchived)
			}
		})
	}
}

// What is wrong with the tracks' own input costs nothing, and no other track waits for it to be
// mended.
func TestAllTracksFail(t *testing.T) {
	s := newShelf(t, 120)
	s.separate = func(stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		return time.Second, unpaid(stemflow.ErrorInvalidInput)
	}
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Failed: 120}, s.result().CatalogCounts)
	require.Len(t, s.progress().Failures, 5, "the report has all")
}

func TestMessagesAreBounded(t *testing.T) {
	s := newShelf(t, 1)
	end := unpaid(stemflow.ErrorProviderRejected)
	end.Message = ""
	for range 400 {
		end.Message += "ü"
	}
	s.fails(end, 1)
	s.run()
	s.result()
	require.Len(t, s.outcomes[1].Message, 500+len("…"))
	require.Len(t, []rune(s.outcomes[1].Message), 251)
}

func TestTheWindowIsChanged(t *testing.T) {
	s := newShelf(t, 60)
	at := func() int { s.mu.Lock(); defer s.mu.Unlock(); return s.running }
	s.prelude = func() {
		s.after(90*time.Second, func() {
			require.Equal(t, 10, at())
			s.update(stemflow.UpdateSetWindow, func(p stemflow.CatalogProgress) { require.Equal(t, 20, p.Window) }, 20)
		})
		s.after(100*time.Second, func() { require.Equal(t, 20, at(), "at once") })
		s.after(105*time.Second, func() { s.update(stemflow.UpdateSetWindow, nil, 3) })
		s.after(110*time.Second, func() { require.Equal(t, 20, at(), "those under way go on") })
		s.after(4*time.Minute, func() { require.Equal(t, 3, at()) })
		for _, wrong := range []int{0, -1, stemflow.MaxWindow + 1} {
			s.after(130*time.Second, func() { s.refused(stemflow.UpdateSetWindow, "is not between 1 and 250", wrong) })
		}
	}
	s.run()
	require.Equal(t, 60, s.result().Archived)
	require.Equal(t, 20, s.most)
}

func TestPauseAndResume(t *testing.T) {
	s := newShelf(t, 30)
	var paused int
	s.prelude = func() {
		for range 2 { // a second one changes nothing
			s.after(90*time.Second, func() {
				s.update(stemflow.UpdatePause, func(p stemflow.CatalogProgress) {
					require.Equal(
						t,
						&stemflow.CatalogPause{Reason: stemflow.PauseRequested, Since: s.began.Add(90 * time.Second)},
						p.Paused,
					)
				})
			})
		}
		s.after(2*time.Hour, func() {
			p := s.progress()
			require.Zero(t, p.Running, "those under way went on")
			require.Equal(t, 13, p.Archived)
			paused = len(s.started)
			s.update(stemflow.UpdateResume, func(p stemflow.CatalogProgress) { require.Nil(t, p.Paused) })
			s.update(stemflow.UpdateResume, nil)
		})
	}
	s.run()
	require.Equal(t, 13, paused)
	require.Equal(t, 30, s.result().Archived)
	require.Greater(t, s.env.Now().Sub(s.began), 2*time.Hour)
}

func TestWhatIsOverCannotBePaused(t *testing.T) {
	s := newShelf(t, 1)
	s.report = func() error { return again(stemflow.ErrorArchiveUnavailable) }
	s.prelude = func() {
		s.after(5*time.Minute, func() {
			s.refused(stemflow.UpdatePause, "no track is left to be started")
			s.report = func() error { return nil }
		})
	}
	s.run()
	s.result()
}

// refused sends an update that must be refused.
func (s *shelf) refused(name, want string, args ...any) {
	s.env.UpdateWorkflow(name, "", &refusal{s.t, want}, args...)
}

type refusal struct {
	t    *testing.T
	want string
}

func (r *refusal) Accept()             { require.Fail(r.t, "the update is accepted") }
func (r *refusal) Reject(err error)    { require.ErrorContains(r.t, err, r.want) }
func (r *refusal) Complete(any, error) {}

// What is archived costs neither a run nor a place in the window.
func TestArchivedTracksNeedNoRun(t *testing.T) {
	s := newShelf(t, 250)
	for i := range s.tracks {
		if i%5 != 0 {
			found := outcome.OfArchived(s.tracks[i], stemflow.SeparateStemsResult{SettledBy: stemflow.SettledByArchive})
			s.tracks[i].Found = &found
		}
	}
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 50, Found: 200}, s.result().CatalogCounts)
	require.Len(t, s.started, 50)
}

func TestWrongInputEndsACatalogBeforeAnythingIsTouched(t *testing.T) {
	for name, c := range map[string]struct{ input, message string }{
		"misspelt": {`{"source": {"key": "june.csv"}, "creditsBudget": 5}`, "creditsBudget: no such field, did you mean creditBudget?"},
		"a track":  {`{"tracks": [{"taskId": "t", "audioId": "a"}, {"taskId": "t"}]}`, "tracks[1]: audioId: is required"},
		"nothing":  {`{}`, "tracks: is required"},
		"no input": {`null`, "tracks: is required"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 1)
			s.newEnv()
			s.env.ExecuteWorkflow(stemflow.WorkflowSeparateCatalog, json.RawMessage(c.input))
			kind, message, _ := s.failure()
			require.Equal(t, stemflow.ErrorInvalidInput, kind)
			require.Contains(t, message, c.message)
			require.Empty(t, s.calls)
		})
	}
}

func TestAWrongListEndsACatalogUnpaid(t *testing.T) {
	s := newShelf(t, 1)
	s.prepare = func() (*activityapi.PreparedCatalog, error) {
		return nil, temporal.NewNonRetryableApplicationError(
			"line 3: is the same separation as line 2",
			stemflow.ErrorInvalidInput,
			nil,
		)
	}
	s.run()
	kind, message, _ := s.failure()
	require.Equal(t, stemflow.ErrorInvalidInput, kind)
	require.Contains(t, message, "line 3")
	require.Equal(t, map[string]int{activityapi.ActivityPrepareCatalog: 1}, s.calls)
}

func TestAStoreThatIsDownEndsACatalogUnpaid(t *testing.T) {
	s := newShelf(t, 1)
	s.prepare = func() (*activityapi.PreparedCatalog, error) { return nil, again(stemflow.ErrorArchiveUnavailable) }
	s.run()
	kind, _, _ := s.failure()
	require.Equal(t, stemflow.ErrorArchiveUnavailable, kind)
	require.Empty(t, s.started)
}

// A page that cannot be read ends the catalogue, but not the tracks that are under way, and what
// became of them is told.
func TestAListThatIsGoneEndsTheCatalogWithAReport(t *testing.T) {
	s := newShelf(t, 150)
	s.tracks = s.tracks[:100]
	s.prepare = func() (*activityapi.PreparedCatalog, error) {
		return &activityapi.PreparedCatalog{ETag: "etag", Tracks: 150}, nil
	}
	s.prelude = func() {
		shelve(
			s,
			activityapi.ActivityReadCatalog,
			func(in activityapi.ReadCatalogInput) (*activityapi.CatalogPage, error) {
				if in.Offset == 0 {
					return &activityapi.CatalogPage{Tracks: s.tracks, Next: 100}, nil
				}
				return nil, failed(stemflow.ErrorArchiveUnavailable)
			},
		)
	}
	s.run()
	kind, _, result := s.failure()
	require.Equal(t, stemflow.ErrorArchiveUnavailable, kind)
	require.Equal(t, stemflow.CatalogCounts{Archived: 100}, result.CatalogCounts)
	require.Equal(t, 150, result.Tracks)
	require.NotEmpty(t, result.Report.CSV.Key)
	s.account(result)
}

func TestTheReportIsTriedAgain(t *testing.T) {
	t.Run("and written", func(t *testing.T) {
		s := newShelf(t, 3)
		began := 0
		s.report = func() error {
			if began++; began < 8 {
				return again(stemflow.ErrorArchiveUnavailable)
			}
			return nil
		}
		s.run()
		s.result()
		require.Equal(t, 8, began)
	})
	t.Run("and given up", func(t *testing.T) {
		s := newShelf(t, 3)
		s.report = func() error { return again(stemflow.ErrorArchiveUnavailable) }
		s.run()
		kind, _, result := s.failure()
		require.Equal(t, stemflow.ErrorArchiveUnavailable, kind)
		require.Equal(t, 3, result.Archived)
		require.Empty(t, result.Report.CSV.Key)
	})
}
