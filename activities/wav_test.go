package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

// newWAVHarness is a harness whose track is converted to WAV, beside separations of the same music.
func newWAVHarness(t *testing.T) *harness {
	h := newHarness(t)
	h.track.Type = stemflow.TypeWAV
	h.loc = archive.Locate(h.loc.Bucket, "", h.track)
	return h
}

func (h *harness) submitWAV(adjust ...func(*activityapi.SubmitSeparationInput)) (
	*activityapi.SubmittedSeparation, error,
) {
	in := activityapi.SubmitSeparationInput{
		Location: h.loc, Track: h.track, Attempt: 1, Deadline: stemflow.DefaultDeadline, TaskQueue: "wavs",
	}
	for _, a := range adjust {
		a(&in)
	}
	return call[activityapi.SubmittedSeparation](h, activityapi.ActivitySubmitWAV, in)
}

// converted is the id of a conversion that is done, and the link of its file.
func (h *harness) converted(scenario kiesim.Scenario) (id string, wav stemflow.SourceStem) {
	h.t.Helper()
	h.sim.SetScenario(kiesim.WAVKey(h.track.AudioID), scenario)
	submitted, err := h.submitWAV()
	require.NoError(h.t, err)
	require.NoError(h.t, h.sim.Settle(submitted.SeparationTaskID))
	record, err := call[activityapi.SeparationRecord](h, activityapi.ActivityGetWAVRecord,
		activityapi.GetSeparationRecordInput{SeparationTaskID: submitted.SeparationTaskID})
	require.NoError(h.t, err)
	require.Len(h.t, record.Stems, 1)
	require.Equal(h.t, stemflow.WAVName, record.Stems[0].Name)
	require.Zero(h.t, record.CreatedAt, "nobody knows the zone")
	return submitted.SeparationTaskID, record.Stems[0]
}

func (h *harness) archiveWAV(id string, wav stemflow.SourceStem) (*stemflow.Stem, error) {
	return call[stemflow.Stem](h, activityapi.ActivityArchiveWAV, activityapi.ArchiveStemInput{
		Location: h.loc, SeparationTaskID: id, Stem: wav,
	})
}

// A WAV and a separation of the same music have a ledger each: what one intends, pays for or is
// refused neither holds nor satisfies the other.
func TestWAVAndSeparationOfOneTrackArePaidForApart(t *testing.T) {
	separation := func(h *harness) func(*activityapi.SubmitSeparationInput) {
		track := h.track
		track.Type = stemflow.SeparateVocal
		return func(in *activityapi.SubmitSeparationInput) {
			in.Track, in.Location = track, archive.Locate(h.loc.Bucket, "", track)
		}
	}
	for name, state := range map[string]stemflow.SubmissionState{
		"intended": stemflow.SubmissionIntended, "paid": stemflow.SubmissionPaid, "refused": stemflow.SubmissionRefused,
	} {
		t.Run(name, func(t *testing.T) {
			h := newWAVHarness(t)
			entry := stemflow.Submission{
				Version: 1, State: state, Track: h.track, WorkflowID: "other", RunID: "other-run", Attempt: 1,
				IntendedAt: time.Now(),
			}
			if state == stemflow.SubmissionPaid {
				entry.SeparationTaskID = "paid-before"
			}
			h.write(archive.SubmissionKey(h.loc), entry)
			separated, err := h.submit(separation(h))
			require.NoError(t, err)
			require.False(t, separated.FromLedger)
			require.NotEqual(t, "paid-before", separated.SeparationTaskID)
			require.Equal(t, entry.State, h.ledger().State, "the other's ledger is as it was")
		})
	}
	h := newWAVHarness(t)
	separated, err := h.submit(separation(h))
	require.NoError(t, err)
	converted, err := h.submitWAV()
	require.NoError(t, err)
	require.NotEqual(t, separated.SeparationTaskID, converted.SeparationTaskID)
	require.Equal(t, 2, h.billed())
	again, err := h.submitWAV(func(in *activityapi.SubmitSeparationInput) { in.Owner = "another" })
	require.NoError(t, err)
	require.Equal(t, converted.SeparationTaskID, again.SeparationTaskID)
	require.True(t, again.FromLedger)
	require.Equal(t, 2, h.billed(), "each is paid for once")
	types := []string{h.sim.Bill().Charges[0].Type, h.sim.Bill().Charges[1].Type}
	require.Equal(t, []string{kiesim.SeparateVocal, kiesim.WAV}, types)
}

// The provider makes no second WAV. The intent is taken back, and what the ledger knew stands.
func TestSubmitOfAWAVThatExists(t *testing.T) {
	h := newWAVHarness(t)
	first, err := h.submitWAV()
	require.NoError(t, err)
	_, err = h.submitWAV(func(in *activityapi.SubmitSeparationInput) { in.Owner, in.Force = "another", true })
	app := requireType(t, err, stemflow.ErrorWAVExists)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "nothing was paid")
	require.NotContains(t, app.Message(), "start", "its remedy says what to do")
	require.Equal(t, 1, h.billed())
	require.Equal(t, stemflow.SubmissionPaid, h.ledger().State)
	require.Equal(t, first.SeparationTaskID, h.ledger().SeparationTaskID)
}

func TestSubmitOfAWAVWhoseOutcomeIsUnknown(t *testing.T) {
	h := newWAVHarness(t)
	h.sim.SetScenario(kiesim.WAVKey(h.track.AudioID), kiesim.Scenario{
		Submit: kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true},
	})
	_, err := h.submitWAV()
	requireType(t, err, activityapi.ActivityErrorSubmitUnknown)
	require.Equal(t, stemflow.SubmissionIntended, h.ledger().State)
	_, err = h.submitWAV(func(in *activityapi.SubmitSeparationInput) { in.Attempt = 2 })
	requireType(t, err, activityapi.ActivityErrorSubmitUnknown)
	require.Equal(t, 1, h.billed())

	id := h.sim.Bill().Charges[0].TaskID
	require.NoError(t, h.sim.Settle(id))
	adopted, err := call[activityapi.RecordedCallback](h, activityapi.ActivityAdoptCallback,
		activityapi.AdoptCallbackInput{
			SeparationTaskID: id, WorkflowID: testWorkflowID, Owner: testRunID, Track: h.track,
		})
	require.NoError(t, err)
	require.Equal(t, activityapi.CallbackRecorded, adopted.Outcome)
	require.Equal(t, stemflow.SubmissionPaid, h.ledger().State)
	require.Equal(t, id, h.ledger().SeparationTaskID)
}

func TestRecordsOfWAVs(t *testing.T) {
	get := func(h *harness, id string) error {
		_, err := call[activityapi.SeparationRecord](h, activityapi.ActivityGetWAVRecord,
			activityapi.GetSeparationRecordInput{SeparationTaskID: id, EmptyLooks: 1, Track: &h.track})
		return err
	}
	for name, c := range map[string]struct {
		outcome kiesim.Outcome
		want    string
	}{
		"pending": {kiesim.Outcome{Pending: true}, activityapi.ActivityErrorPending},
		"failed":  {kiesim.Outcome{Failure: &kiesim.Failure{}}, stemflow.ErrorWAVFailed},
		"empty":   {kiesim.Outcome{Links: kiesim.LinksNull}, stemflow.ErrorNoWAV},
	} {
		t.Run(name, func(t *testing.T) {
			h := newWAVHarness(t)
			h.sim.SetScenario(kiesim.WAVKey(h.track.AudioID), kiesim.Scenario{Outcome: c.outcome})
			submitted, err := h.submitWAV()
			require.NoError(t, err)
			if !c.outcome.Pending {
				require.NoError(t, h.sim.Settle(submitted.SeparationTaskID))
			}
			app := requireType(t, get(h, submitted.SeparationTaskID), c.want)
			require.NotContains(t, app.Message(), "stem")
		})
	}
	t.Run("a separation is none", func(t *testing.T) {
		h := newHarness(t)
		separated, err := h.submit()
		require.NoError(t, err)
		require.NoError(t, h.sim.Settle(separated.SeparationTaskID))
		h.track.Type = stemflow.TypeWAV
		requireType(t, get(h, separated.SeparationTaskID), activityapi.ActivityErrorNoRecord)
	})
	t.Run("one of another track is not taken for it", func(t *testing.T) {
		h := newWAVHarness(t)
		id, _ := h.converted(kiesim.Scenario{})
		h.track.AudioID = "another"
		require.Contains(t, requireType(t, get(h, id), stemflow.ErrorInvalidInput).Message(), "wavTaskId: "+id+" is a WAV of")
	})
}

func TestWAVIsArchivedAsItWasServed(t *testing.T) {
	h := newWAVHarness(t)
	id, wav := h.converted(kiesim.Scenario{Files: map[string]kiesim.File{kiesim.WAV: {Size: 700_044}}})
	archived, err := h.archiveWAV(id, wav)
	require.NoError(t, err)
	require.Equal(t, h.loc.Dir+id+"/track.wav", archived.Key)
	require.EqualValues(t, 700_044, archived.Size)
	require.Equal(t, "audio/wav", archived.ContentType)
	require.InDelta(t, 700_000/176_400.0, archived.DurationSeconds, 0.001)
	info, err := h.store.Stat(t.Context(), h.loc.Bucket, archived.Key)
	require.NoError(t, err)
	require.EqualValues(t, 700_044, info.Size)

	again, err := h.archiveWAV(id, stemflow.SourceStem{Name: wav.Name, URL: "http://127.0.0.1:1/gone.wav"})
	require.NoError(t, err, "what is there is read back")
	require.Equal(t, archived, again)
}

// An MP3, an error page and half a file are no WAV, whatever their name says.
func TestWhatIsNoWAVIsNotArchived(t *testing.T) {
	for name, file := range map[string]kiesim.File{
		"MP3":              {Content: kiesim.ContentMP3},
		"a page":           {Fault: kiesim.FileHTML},
		"cut":              {Fault: kiesim.FileTruncated},
		"a third, as all":  {Fault: kiesim.FileShort, Size: 700_044},
		"a tag by itself":  {Content: kiesim.ContentTagOnly},
		"nothing at all":   {Fault: kiesim.FileEmpty},
		"the host is away": {Fault: kiesim.FileStatus, Status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			h := newWAVHarness(t)
			id, wav := h.converted(kiesim.Scenario{Files: map[string]kiesim.File{kiesim.WAV: file}})
			_, err := h.archiveWAV(id, wav)
			require.Error(t, err)
			found, err := h.store.List(t.Context(), h.loc.Bucket, archive.SeparationPrefix(h.loc, id))
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

func TestExpiredLinkOfAWAVIsRenewedFromItsRecord(t *testing.T) {
	h := newWAVHarness(t)
	id, wav := h.converted(kiesim.Scenario{Files: map[string]kiesim.File{
		kiesim.WAV: {Expired: kiesim.ExpiredAtOnce, RenewedBy: kiesim.RenewedByRecordInfo},
	}})
	_, err := h.archiveWAV(id, wav)
	requireType(t, err, stemflow.ErrorSourceExpired)
	renewed, err := call[stemflow.SourceStem](h, activityapi.ActivityRenewWAV, activityapi.RenewSourceInput{
		SeparationTaskID: id, Stem: wav, Tried: []string{wav.URL},
	})
	require.NoError(t, err)
	require.NotEqual(t, wav.URL, renewed.URL)
	_, err = h.archiveWAV(id, *renewed)
	require.NoError(t, err)
}
