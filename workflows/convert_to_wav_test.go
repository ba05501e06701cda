package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

const wavID = "988e5c79be8e000000000000000000d3"

// wavHarness is a harness in which a WAV is made well. A test replaces what it wants otherwise.
// Whatever does something for a separation fails: none of it may be asked for a WAV.
type wavHarness struct{ *harness }

func newWAVHarness(t *testing.T) wavHarness {
	w := newHarness(t)
	wav := wavHarness{w}
	stub(w, activityapi.ActivitySubmitWAV,
		func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
			return w.submit(in)
		})
	stub(w, activityapi.ActivityGetWAVRecord,
		func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) { return w.get(in) })
	stub(w, activityapi.ActivityRenewWAV,
		func(in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) { return w.renew(in) })
	stub(w, activityapi.ActivityArchiveWAV,
		func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) { return w.archive(in) })
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return &activityapi.SubmittedSeparation{SeparationTaskID: wavID, SubmittedAt: w.env.Now()}, nil
	}
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return &activityapi.SeparationRecord{Stems: []stemflow.SourceStem{
			{Name: stemflow.WAVName, URL: "https://files.example/w.wav"},
		}}, nil
	}
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		require.Equal(t, stemflow.WAVName, in.Stem.Name)
		return &stemflow.Stem{
			Name: in.Stem.Name, Bucket: "stems", Key: in.Location.Dir + in.SeparationTaskID + "/track.wav", Size: 100 << 20,
			SHA256: "ab", ContentType: "audio/wav", DurationSeconds: 198.4,
		}, nil
	}
	t.Cleanup(func() {
		for _, name := range []string{
			activityapi.ActivitySubmitSeparation, activityapi.ActivityGetSeparationRecord,
			activityapi.ActivityRenewSource, activityapi.ActivityArchiveStem,
		} {
			require.Zero(t, w.calls[name], "%s is of separations", name)
		}
		require.Zero(t, w.listed, "there are no events of a WAV")
	})
	return wav
}

func (w wavHarness) run(in any) { w.execute(stemflow.WorkflowConvertToWAV, in) }

func (w wavHarness) result() stemflow.ConvertToWAVResult {
	w.t.Helper()
	require.NoError(w.t, w.env.GetWorkflowError())
	var result stemflow.ConvertToWAVResult
	require.NoError(w.t, w.env.GetWorkflowResult(&result))
	return result
}

func (w wavHarness) failure() (kind, message string, details stemflow.WAVErrorDetails) {
	w.t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(w.t, w.env.GetWorkflowError(), &app)
	require.True(w.t, app.NonRetryable())
	require.NoError(w.t, app.Details(&details))
	return app.Type(), app.Message(), details
}

func (w wavHarness) progress() stemflow.WAVProgress {
	w.t.Helper()
	value, err := w.env.QueryWorkflow(stemflow.QueryProgress)
	require.NoError(w.t, err)
	var p stemflow.WAVProgress
	require.NoError(w.t, value.Get(&p))
	return p
}

func wavInput() stemflow.ConvertToWAVInput {
	return stemflow.ConvertToWAVInput{TaskID: "task", AudioID: "audio"}
}

func wavTrack() stemflow.Track {
	return stemflow.Track{TaskID: "task", AudioID: "audio", Type: stemflow.TypeWAV}
}

func wavCallback(id string) stemflow.Callback {
	return stemflow.Callback{
		TaskID: id, Code: stemflow.CodeOK,
		Stems: []stemflow.SourceStem{{Name: "audio_wav", URL: "https://callback.example/w.wav"}},
	}
}

func TestWAVFromCallbackToManifest(t *testing.T) {
	w := newWAVHarness(t)
	w.callbackAfter(20*time.Second, wavCallback(wavID))
	submit := w.submit
	w.submit = func(in activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		require.Equal(t, wavTrack(), in.Track)
		require.Equal(t, "task/audio/wav/", in.Location.Dir)
		return submit(in)
	}
	w.run(wavInput())
	result := w.result()
	require.Equal(t, wavID, result.WAVTaskID)
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.True(t, result.Paid)
	require.InDelta(t, 0.4, result.Credits, 0)
	require.Equal(t, stemflow.WAV{
		Bucket: "stems", Key: "task/audio/wav/" + wavID + "/track.wav", Size: 100 << 20, SHA256: "ab",
		ContentType: "audio/wav", DurationSeconds: 198.4,
	}, result.WAV)
	require.Len(t, w.manifests, 1)
	manifest := w.manifests[0]
	require.Equal(t, stemflow.TypeWAV, manifest.Type)
	require.Equal(t, wavID, manifest.SeparationTaskID)
	require.Equal(t, "task", manifest.Source.TaskID)
	require.Empty(t, manifest.Missing)
	p := w.progress()
	require.Equal(t, stemflow.PhaseDone, p.Phase)
	require.Equal(t, wavID, p.WAVTaskID)
	require.InDelta(t, 0.4, p.Credits, 0)
	require.EqualValues(t, 100<<20, p.Size)
}

func TestWAVWithoutACallbackIsPolled(t *testing.T) {
	w := newWAVHarness(t)
	w.run(wavInput())
	require.Equal(t, stemflow.SettledByPoll, w.result().SettledBy)
	require.GreaterOrEqual(t, w.took(), 3*time.Minute)
}

// A file that the record does not link is taken from the callback, whatever that calls it.
func TestWAVIsTakenFromTheCallbackWhereTheRecordHasNoLink(t *testing.T) {
	w := newWAVHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(activityapi.ActivityErrorNoLinks)
	}
	links := []string{}
	archive := w.archive
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		links = append(links, in.Stem.URL)
		return archive(in)
	}
	w.callbackAfter(20*time.Second, wavCallback(wavID))
	w.run(wavInput())
	require.Equal(t, stemflow.SettledByCallback, w.result().SettledBy)
	require.Equal(t, []string{"https://callback.example/w.wav"}, links)
}

func TestWAVThatIsArchivedCostsNothing(t *testing.T) {
	w := newWAVHarness(t)
	stem := stemflow.Stem{Name: stemflow.WAVName, Bucket: "stems", Key: "k", Size: 5, SHA256: "ab"}
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		require.Equal(t, wavTrack(), in.Track)
		return &activityapi.PreparedArchive{Archived: &stemflow.SeparateStemsResult{
			SeparationTaskID: wavID, Type: stemflow.TypeWAV, Stems: []stemflow.Stem{stem},
		}}, nil
	}
	w.run(wavInput())
	result := w.result()
	require.Equal(t, stemflow.SettledByArchive, result.SettledBy)
	require.Equal(t, "k", result.WAV.Key)
	require.False(t, result.Paid)
	require.Zero(t, result.Credits)
	require.Zero(t, w.calls[activityapi.ActivitySubmitWAV])
}

// knowing has the ledger name a conversion that somebody has paid for, from the n-th look on.
func (w wavHarness) knowing(from int, owner string) {
	prepare, looks := w.prepare, 0
	w.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		prepared, err := prepare(in)
		if looks++; looks >= from {
			prepared.Submission = &stemflow.Submission{
				State: stemflow.SubmissionPaid, SeparationTaskID: "paid-before", Owner: owner, SubmittedAt: w.env.Now(),
			}
		}
		return prepared, err
	}
}

func exists() error {
	return failed(stemflow.ErrorWAVExists, stemflow.ErrorDetails{ProviderCode: 409, ProviderMessage: "exists"},
		activityapi.SubmitRefusal{})
}

// The provider makes no second WAV of a track. What the ledger knows of is taken up, whoever paid
// for it; what nobody knows of is no failure of the payment, and is not tried again.
func TestWAVThatExistsAlready(t *testing.T) {
	for name, c := range map[string]struct {
		force bool
		from  int
		taken bool
	}{
		"by force, and the ledger knows it":          {force: true, from: 1, taken: true},
		"another run has put it there meanwhile":     {from: 2, taken: true},
		"nobody knows it":                            {from: 99},
		"by force, and nobody knows it":              {force: true, from: 99},
		"by force, and it became known in the while": {force: true, from: 2, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWAVHarness(t)
			w.knowing(c.from, "another")
			w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
				return nil, exists()
			}
			in := wavInput()
			in.Force = c.force
			w.run(in)
			require.Equal(t, 1, w.calls[activityapi.ActivitySubmitWAV], "it is not tried again")
			if c.taken {
				result := w.result()
				require.Equal(t, "paid-before", result.WAVTaskID)
				require.Equal(t, stemflow.SettledByResume, result.SettledBy)
				require.False(t, result.Paid)
				require.Zero(t, result.Credits)
				return
			}
			kind, message, details := w.failure()
			require.Equal(t, stemflow.ErrorWAVExists, kind)
			require.NotEmpty(t, message)
			require.False(t, details.Paid)
			require.Equal(t, 409, details.ProviderCode)
			require.Empty(t, w.manifests)
			failure := w.progress().Failure
			require.Contains(t, failure.Remedy, "`wavTaskId`")
			require.NotContains(t, failure.Remedy, "force")
		})
	}
}

// The promises about paying are those of separations, in every way in which a submit can end.
func TestWAVIsPaidForAtMostOnce(t *testing.T) {
	accepted := func(*testing.T, wavHarness) {}
	unpaid := func(kind string) func(*testing.T, wavHarness) {
		return func(t *testing.T, w wavHarness) {
			got, _, details := w.failure()
			require.Equal(t, kind, got)
			require.False(t, details.Paid)
		}
	}
	for name, c := range map[string]struct {
		ends    []error
		submits int
		ended   func(*testing.T, wavHarness)
		unpaid  bool
	}{
		"refused for now":         {[]error{failed(activityapi.ActivityErrorSubmitRefused)}, 2, accepted, true},
		"not known yet":           {[]error{failed(activityapi.ActivityErrorSubmitNotYet)}, 2, accepted, true},
		"held by another run":     {[]error{failed(activityapi.ActivityErrorSubmitHeld)}, 2, accepted, true},
		"lost":                    {[]error{lostSubmit}, 2, accepted, true},
		"taken by nobody":         {[]error{neverTaken}, 2, accepted, true},
		"taken by an old release": {[]error{again("ActivityNotRegisteredError")}, 2, accepted, true},
		"no credits": {
			[]error{failed(stemflow.ErrorInsufficientCredits)}, 1, unpaid(stemflow.ErrorInsufficientCredits), true,
		},
		"the store is away": {[]error{ledgerIsOff}, 1, unpaid(stemflow.ErrorArchiveUnavailable), true},
		"lost, and the ledger says that it was paid": {
			[]error{lostSubmit, ledgerIsOff}, 2, func(t *testing.T, w wavHarness) {
				_, _, details := w.failure()
				require.True(t, details.Paid)
			}, false,
		},
		"unknown": {[]error{failed(activityapi.ActivityErrorSubmitUnknown)}, 1, func(t *testing.T, w wavHarness) {
			kind, message, details := w.failure()
			require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
			require.True(t, details.Paid)
			require.NotContains(t, message, "separationTaskId")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWAVHarness(t)
			w.answers(append(c.ends, nil)...)
			w.recorded.Unpaid = c.unpaid
			w.run(wavInput())
			require.Equal(t, c.submits, w.calls[activityapi.ActivitySubmitWAV])
			c.ended(t, w)
		})
	}
}

// Workers of a release that does not know WAVs fail a submit at once: it is not tried without a
// pause, and not for ever.
func TestWAVWaitsForAWorkerThatKnowsIt(t *testing.T) {
	w := newWAVHarness(t)
	w.submit = func(activityapi.SubmitSeparationInput) (*activityapi.SubmittedSeparation, error) {
		return nil, again("ActivityNotRegisteredError")
	}
	w.run(wavInput())
	kind, message, details := w.failure()
	require.Equal(t, stemflow.ErrorProviderUnavailable, kind)
	require.Contains(t, message, "all workers of the submit queue")
	require.False(t, details.Paid, "the ledger says so")
	require.Less(t, w.calls[activityapi.ActivitySubmitWAV], 50)
	require.GreaterOrEqual(t, w.took(), time.Hour)
}

// The callback tells what became of an unknown submit, if the record proves that it was this run's.
func TestUnknownWAVIsAdoptedFromItsCallback(t *testing.T) {
	for name, own := range map[string]bool{"its own": true, "another's": false} {
		t.Run(name, func(t *testing.T) {
			w := newWAVHarness(t)
			w.answers(failed(activityapi.ActivityErrorSubmitUnknown))
			record := w.get
			w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if in.RequireOwn && !own {
					return nil, failed(activityapi.ActivityErrorNotOwn)
				}
				return record(in)
			}
			asked := w.adopted(activityapi.CallbackRecorded)
			w.callbackAfter(time.Minute, wavCallback(wavID))
			w.run(wavInput())
			if own {
				require.Equal(t, wavID, w.result().WAVTaskID)
				require.Equal(t, stemflow.SubmissionPaid, w.lastLedger().State)
				require.Equal(t, wavTrack(), w.lastLedger().Track)
				return
			}
			kind, message, _ := w.failure()
			require.Equal(t, stemflow.ErrorSubmissionUnknown, kind)
			require.Contains(t, message, wavID)
			require.Len(t, *asked, 1)
			require.Equal(t, wavTrack(), (*asked)[0].Track)
		})
	}
}

func TestWAVThatTheProviderFailed(t *testing.T) {
	w := newWAVHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(stemflow.ErrorWAVFailed, stemflow.ErrorDetails{ProviderCode: 500, ProviderMessage: "no"},
			activityapi.SeparationRecord{})
	}
	w.run(wavInput())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorWAVFailed, kind)
	require.Equal(t, stemflow.WAVErrorDetails{
		WAVTaskID: wavID, Paid: true, ProviderCode: 500, ProviderMessage: "no",
	}, details)
	require.Equal(t, stemflow.SubmissionFailed, w.lastLedger().State, "the next start may pay again")
}

func TestWAVAtItsDeadline(t *testing.T) {
	w := newWAVHarness(t)
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		if in.ReportPending {
			return &activityapi.SeparationRecord{Pending: true}, nil
		}
		return nil, again(activityapi.ActivityErrorPending)
	}
	w.run(wavInput())
	kind, _, details := w.failure()
	require.Equal(t, stemflow.ErrorWAVTimedOut, kind)
	require.Equal(t, wavID, details.WAVTaskID)
}

func TestWAVThatIsEmpty(t *testing.T) {
	w := newWAVHarness(t)
	w.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		return nil, failed(stemflow.ErrorNoWAV)
	}
	w.run(wavInput())
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorNoWAV, kind)
}

func TestWAVThatCannotBeArchived(t *testing.T) {
	for _, kind := range []string{
		stemflow.ErrorSourceNotAudio, stemflow.ErrorSourceForbidden, stemflow.ErrorArchiveUnavailable,
	} {
		w := newWAVHarness(t)
		w.archive = func(activityapi.ArchiveStemInput) (*stemflow.Stem, error) { return nil, failed(kind) }
		w.run(wavInput())
		got, message, details := w.failure()
		require.Equal(t, kind, got)
		require.Contains(t, message, "1 of 1 WAVs could not be archived")
		require.Equal(t, stemflow.WAVErrorDetails{WAVTaskID: wavID, Paid: true}, details)
		require.Empty(t, w.manifests)
	}
}

func TestExpiredLinkOfAWAVIsRenewed(t *testing.T) {
	w := newWAVHarness(t)
	w.renew = func(in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
		require.Equal(t, wavID, in.SeparationTaskID)
		return &stemflow.SourceStem{Name: in.Stem.Name, URL: "https://files.example/new.wav"}, nil
	}
	archive := w.archive
	w.archive = func(in activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		if in.Stem.URL != "https://files.example/new.wav" {
			return nil, failed(stemflow.ErrorSourceExpired)
		}
		return archive(in)
	}
	w.run(wavInput())
	w.result()
}

func TestWAVThatTheInputNamesIsNeverSubmitted(t *testing.T) {
	w := newWAVHarness(t)
	record := w.get
	w.get = func(in activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
		require.Equal(t, wavTrack(), *in.Track)
		return record(in)
	}
	in := wavInput()
	in.WAVTaskID = "named"
	w.run(in)
	result := w.result()
	require.Equal(t, "named", result.WAVTaskID)
	require.False(t, result.Paid)
	require.Zero(t, w.calls[activityapi.ActivitySubmitWAV])
}

func TestCancelledWAVNamesWhatItPaidFor(t *testing.T) {
	w := newWAVHarness(t)
	w.cancelAfter(time.Minute)
	w.run(wavInput())
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, w.env.GetWorkflowError(), &cancelled)
	var details stemflow.WAVErrorDetails
	require.NoError(t, cancelled.Details(&details))
	require.Equal(t, stemflow.WAVErrorDetails{WAVTaskID: wavID, Paid: true}, details)
	require.Equal(t, stemflow.PhaseCancelled, w.progress().Phase)
}

// The inputs of a WAV are refused before anything is paid, each field by its own name.
func TestWAVInputs(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		wrong []string
	}{
		"nothing":    {`{}`, []string{"taskId: is required", "audioId: is required"}},
		"a song":     {`{"taskId":"sha256","audioId":"ab"}`, []string{"taskId: ", "only music that the provider has made"}},
		"an address": {`{"taskId":"t","audioId":"a","audioUrl":"https://x.example/a"}`, []string{"audioUrl: no such field"}},
		"a type":     {`{"taskId":"t","audioId":"a","type":"split_stem"}`, []string{"type: no such field"}},
		"a spelling": {`{"taskId":"t","audioID":"a"}`, []string{"audioID: no such field, did you mean audioId?"}},
		"paid and by force": {
			`{"taskId":"t","audioId":"a","wavTaskId":"w","force":true}`, []string{"force: ", "wavTaskId"},
		},
		"a wrong id": {`{"taskId":"t","audioId":"a","wavTaskId":"../w"}`, []string{"wavTaskId: "}},
		"a number":   {`{"taskId":1,"audioId":"a"}`, []string{"taskId: 1 is not a string"}},
		"no object":  {`[]`, []string{"must be one JSON object"}},
		"a deadline": {`{"taskId":"t","audioId":"a","deadline":"1ms"}`, []string{"deadline: "}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWAVHarness(t)
			var in stemflow.ConvertToWAVInput
			require.NoError(t, in.UnmarshalJSON([]byte(c.in)))
			err := in.Validate()
			require.Error(t, err)
			for _, wrong := range c.wrong {
				require.ErrorContains(t, err, wrong)
			}
			require.NotContains(t, err.Error(), "separationTaskId")
			require.NotContains(t, err.Error(), "audioUrl for a song")
			w.run(rawJSON(c.in))
			kind, message, details := w.failure()
			require.Equal(t, stemflow.ErrorInvalidInput, kind)
			require.Contains(t, message, c.wrong[0])
			require.False(t, details.Paid)
			require.Empty(t, w.calls)
		})
	}
}

// rawJSON is an input as it is typed.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// A WAV and the separations of the same track share no workflow id, whatever they are called.
func TestWAVHasAWorkflowIDOfItsOwn(t *testing.T) {
	id := stemflow.WAVWorkflowID(wavInput())
	require.Equal(t, "wav:task:audio", id)
	for _, kind := range stemflow.SeparationTypes() {
		in := stemflow.SeparateStemsInput{TaskID: "task", AudioID: "audio", Type: kind, StemName: "WAV"}
		require.NotEqual(t, id, stemflow.WorkflowID(in))
		require.NotEqual(t, wavTrack(), in.Track())
	}
}
