package activities

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gitlab.com/gomidi/midi/v2/smf"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

// separatedHarness is one with an archived separation, as far as MIDI needs it.
func separatedHarness(t *testing.T, scenario kiesim.MIDI) (*harness, stemflow.Manifest) {
	t.Helper()
	h := newHarness(t)
	h.sim.SetScenario(h.track.AudioID, kiesim.Scenario{MIDI: scenario})
	submitted, err := h.submit()
	require.NoError(t, err)
	var record *activityapi.SeparationRecord
	require.Eventually(t, func() bool {
		record, err = call[activityapi.SeparationRecord](h, activityapi.ActivityGetSeparationRecord,
			activityapi.GetSeparationRecordInput{SeparationTaskID: submitted.SeparationTaskID})
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	m := stemflow.Manifest{
		Version: 1,
		SeparateStemsResult: stemflow.SeparateStemsResult{
			SeparationTaskID: submitted.SeparationTaskID, Type: h.track.Type,
			Manifest: stemflow.ObjectRef{Bucket: h.loc.Bucket, Key: archive.ManifestKey(h.loc)},
		},
		Source: stemflow.ManifestSource{TaskID: h.track.TaskID, AudioID: h.track.AudioID},
	}
	for _, source := range record.Stems {
		m.Stems = append(m.Stems, stemflow.Stem{
			Name: source.Name, Bucket: h.loc.Bucket, SourceID: source.SourceID, Size: 1, SHA256: "00",
			Key: archive.StemKey(h.loc, m.SeparationTaskID, source.Name, "mp3"),
		})
	}
	h.write(archive.ManifestKey(h.loc), m)
	return h, m
}

func (h *harness) prepareMIDI(stem string) (*activityapi.PreparedMIDI, error) {
	return call[activityapi.PreparedMIDI](h, activityapi.ActivityPrepareMIDI,
		activityapi.PrepareMIDIInput{Track: h.track, Stem: stem})
}

func (h *harness) submitMIDI(p *activityapi.PreparedMIDI) (*activityapi.SubmittedMIDI, error) {
	in := activityapi.SubmitMIDIInput{
		Location: p.Location, SeparationTaskID: p.SeparationTaskID, Stem: p.Stem, SourceID: p.SourceID,
		Owner: testRunID, Deadline: stemflow.DefaultDeadline,
	}
	return call[activityapi.SubmittedMIDI](h, activityapi.ActivitySubmitMIDI, in)
}

// doneMIDI waits until the provider is done.
func (h *harness) doneMIDI(id string) *activityapi.MIDIRecord {
	var record *activityapi.MIDIRecord
	require.Eventually(h.t, func() bool {
		var err error
		record, err = call[activityapi.MIDIRecord](h, activityapi.ActivityGetMIDIRecord,
			activityapi.GetMIDIRecordInput{MIDITaskID: id})
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return record
}

// makeMIDI goes the whole road.
func (h *harness) makeMIDI(stem string) stemflow.MIDI {
	h.t.Helper()
	prepared, err := h.prepareMIDI(stem)
	require.NoError(h.t, err)
	submitted, err := h.submitMIDI(prepared)
	require.NoError(h.t, err)
	h.doneMIDI(submitted.MIDITaskID)
	made, err := call[stemflow.MIDI](h, activityapi.ActivityArchiveMIDI, activityapi.ArchiveMIDIInput{
		Location: prepared.Location, SeparationTaskID: prepared.SeparationTaskID, Stem: prepared.Stem,
		MIDITaskID: submitted.MIDITaskID, RequestedAt: submitted.RequestedAt,
	})
	require.NoError(h.t, err)
	return *made
}

func (h *harness) object(o *stemflow.MIDIObject) []byte {
	h.t.Helper()
	body, _, err := h.store.Open(h.t.Context(), o.Bucket, o.Key)
	require.NoError(h.t, err)
	defer body.Close()
	data, err := io.ReadAll(body)
	require.NoError(h.t, err)
	require.Len(h.t, data, int(o.Size))
	sum := sha256.Sum256(data)
	require.Equal(h.t, o.SHA256, hex.EncodeToString(sum[:]))
	return data
}

// providersNotes are the notes as the provider serves them, read without the product's code.
type providersNotes struct {
	Instruments []struct {
		Name  string
		Notes []struct {
			Pitch      json.Number
			Start, End any
		}
	}
}

func (h *harness) providersNotes(id string) providersNotes {
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet,
		h.providerURL+"/api/v1/midi/record-info?taskId="+id, nil)
	require.NoError(h.t, err)
	request.Header.Set("Authorization", "Bearer key")
	response, err := http.DefaultClient.Do(request)
	require.NoError(h.t, err)
	defer response.Body.Close()
	var record struct {
		Data struct{ MidiData providersNotes }
	}
	require.NoError(h.t, json.NewDecoder(response.Body).Decode(&record))
	return record.Data.MidiData
}

func seconds(t *testing.T, v any) float64 {
	if text, ok := v.(string); ok {
		n, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		return n
	}
	return v.(float64)
}

// What is archived are the provider's notes: as many, of the same pitches, each within a tick.
func TestArchivedMIDIIsTheProviders(t *testing.T) {
	h, m := separatedHarness(t, kiesim.MIDI{Numbers: kiesim.MIDINumbersMixed, Notes: 40})
	made := h.makeMIDI("")
	require.Equal(t, h.loc.Dir+m.SeparationTaskID+"/midi.json", made.JSON.Key)
	require.Equal(t, h.loc.Dir+m.SeparationTaskID+"/midi.mid", made.File.Key)
	notes := h.providersNotes(made.MIDITaskID)
	require.Len(t, notes.Instruments, 2)

	var written providersNotes
	document := h.object(made.JSON)
	require.NoError(t, json.Unmarshal(document, &written))
	require.NotContains(t, string(document), "callbacks", "no address of ours is archived")
	file, err := smf.ReadFrom(bytes.NewReader(h.object(made.File)))
	require.NoError(t, err)
	require.Len(t, file.Tracks, 3)
	for i, instrument := range notes.Instruments {
		require.Equal(t, stemflow.MIDIInstrument{Name: instrument.Name, Notes: 40}, made.Instruments[i])
		require.Len(t, written.Instruments[i].Notes, 40)
		type key struct {
			pitch uint8
			start uint32
		}
		starts := map[key]bool{}
		at := uint32(0)
		for _, e := range file.Tracks[i+1] {
			at += e.Delta
			var channel, pitch, velocity uint8
			if e.Message.GetNoteStart(&channel, &pitch, &velocity) {
				starts[key{pitch, at}] = true
			}
		}
		require.Len(t, starts, 40)
		for k, note := range instrument.Notes {
			pitch, err := note.Pitch.Int64()
			require.NoError(t, err)
			tick := seconds(t, note.Start) * 960
			require.True(t, starts[key{uint8(pitch), uint32(tick + 0.5)}], "note %d of %s", k, instrument.Name)
			require.InDelta(t, seconds(t, note.Start), seconds(t, written.Instruments[i].Notes[k].Start), 1e-12)
		}
	}
	require.Equal(t, 1, h.billed(), "MIDI costs nothing")

	prepared, err := h.prepareMIDI("")
	require.NoError(t, err)
	require.True(t, prepared.Whole)
	require.Equal(t, made.JSON, prepared.Known.JSON)
	require.NoError(t, h.store.Remove(t.Context(), made.File.Bucket, made.File.Key))
	prepared, err = h.prepareMIDI("")
	require.NoError(t, err)
	require.False(t, prepared.Whole)
}

func TestMIDIOfOneStem(t *testing.T) {
	h, m := separatedHarness(t, kiesim.MIDI{Odd: true})
	all := h.makeMIDI("")
	made := h.makeMIDI("Instrumental") // the provider's spelling
	require.Equal(t, "instrumental", made.Stem)
	require.Equal(t, h.loc.Dir+m.SeparationTaskID+"/midi.instrumental.mid", made.File.Key)
	require.Equal(t, []stemflow.MIDIInstrument{{Name: "Instrumental", Notes: kiesim.DefaultNotes + 2, Dropped: 1}},
		made.Instruments)
	var manifest stemflow.Manifest
	_, err := h.store.ReadJSON(t.Context(), h.loc.Bucket, archive.ManifestKey(h.loc), &manifest)
	require.NoError(t, err)
	require.Len(t, manifest.MIDI, 2)
	require.Equal(t, all.MIDITaskID, manifest.MIDI[0].MIDITaskID)
	require.Equal(t, made.MIDITaskID, manifest.MIDI[1].MIDITaskID)
	require.Equal(t, m.Stems, manifest.Stems)

	_, err = h.prepareMIDI("kazoo")
	require.Contains(t, requireType(t, err, stemflow.ErrorInvalidInput).Message(), `no stem "kazoo"`)
}

// Nothing that was heard is a result, whatever its form.
func TestEmptyMIDI(t *testing.T) {
	h, _ := separatedHarness(t, kiesim.MIDI{})
	for _, empty := range []kiesim.MIDIEmpty{kiesim.MIDIEmptyNotes, kiesim.MIDIEmptyInstruments, kiesim.MIDIEmptyData} {
		h.sim.SetScenario(h.track.AudioID, kiesim.Scenario{MIDI: kiesim.MIDI{Empty: empty}})
		stem := map[kiesim.MIDIEmpty]string{kiesim.MIDIEmptyNotes: "vocals", kiesim.MIDIEmptyData: "instrumental"}[empty]
		made := h.makeMIDI(stem)
		for _, i := range made.Instruments {
			require.Zero(t, i.Notes)
		}
		_, err := smf.ReadFrom(bytes.NewReader(h.object(made.File)))
		require.NoError(t, err)
		require.True(t, json.Valid(h.object(made.JSON)))
	}
}

// A second submit takes up what the first has asked for, whoever made it.
func TestARepeatedMIDISubmitMakesNoSecondTask(t *testing.T) {
	h, _ := separatedHarness(t, kiesim.MIDI{Pending: true})
	prepared, err := h.prepareMIDI("")
	require.NoError(t, err)
	first, err := h.submitMIDI(prepared)
	require.NoError(t, err)
	second, err := h.submitMIDI(prepared)
	require.NoError(t, err)
	require.Equal(t, first.MIDITaskID, second.MIDITaskID)
	require.Equal(t, 1, h.sim.Bill().Requests["midi-generate"])
	prepared, err = h.prepareMIDI("")
	require.NoError(t, err)
	require.Equal(t, first.MIDITaskID, prepared.Known.MIDITaskID)
	require.False(t, prepared.Whole)

	_, err = call[activityapi.MIDIRecord](h, activityapi.ActivityGetMIDIRecord,
		activityapi.GetMIDIRecordInput{MIDITaskID: first.MIDITaskID})
	requireType(t, err, activityapi.ActivityErrorPending)
	record, err := call[activityapi.MIDIRecord](h, activityapi.ActivityGetMIDIRecord,
		activityapi.GetMIDIRecordInput{MIDITaskID: first.MIDITaskID, ReportPending: true})
	require.NoError(t, err)
	require.True(t, record.Pending)
}

func TestMIDIThatTheProviderRefuses(t *testing.T) {
	h, _ := separatedHarness(t, kiesim.MIDI{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401}})
	prepared, err := h.prepareMIDI("")
	require.NoError(t, err)
	for answer, c := range map[kiesim.Fault]struct {
		kind  string
		final bool
	}{
		{Answer: kiesim.AnswerRefuse, Code: 401}: {stemflow.ErrorUnauthorized, true},
		{Answer: kiesim.AnswerRefuse, Code: 455}: {stemflow.ErrorProviderUnavailable, false},
		{Answer: kiesim.AnswerRefuse, Code: 422}: {stemflow.ErrorProviderRejected, false},
		{Answer: kiesim.AnswerRefuse, Code: 400}: {stemflow.ErrorProviderRejected, true},
		{Answer: kiesim.AnswerCut}:               {stemflow.ErrorProviderUnavailable, false},
	} {
		h.sim.SetScenario(h.track.AudioID, kiesim.Scenario{MIDI: kiesim.MIDI{Submit: answer}})
		_, err := h.submitMIDI(prepared)
		require.Equal(t, c.final, requireType(t, err, c.kind).NonRetryable(), answer)
	}
	h.sim.SetScenario(h.track.AudioID, kiesim.Scenario{MIDI: kiesim.MIDI{Failure: &kiesim.Failure{}}})
	submitted, err := h.submitMIDI(prepared)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err = call[activityapi.MIDIRecord](h, activityapi.ActivityGetMIDIRecord,
			activityapi.GetMIDIRecordInput{MIDITaskID: submitted.MIDITaskID, ReportPending: true})
		return err != nil
	}, time.Minute, 10*time.Millisecond)
	failure := requireType(t, err, stemflow.ErrorMIDIFailed)
	var details stemflow.ErrorDetails
	require.NoError(t, failure.Details(&details))
	require.Equal(t, 500, details.ProviderCode)
}

func TestMIDIOfWhatIsNotArchived(t *testing.T) {
	h := newHarness(t)
	_, err := h.prepareMIDI("")
	require.Contains(t, requireType(t, err, stemflow.ErrorInvalidInput).Message(), "there is no archived separation")

	other, m := separatedHarness(t, kiesim.MIDI{})
	_, err = call[activityapi.PreparedMIDI](other, activityapi.ActivityPrepareMIDI,
		activityapi.PrepareMIDIInput{Track: other.track, SeparationTaskID: "another"})
	require.Contains(t, requireType(t, err, stemflow.ErrorInvalidInput).Message(), m.SeparationTaskID)
}

// Whoever writes a manifest again keeps what it has and does not know.
func TestManifestsLoseNothing(t *testing.T) {
	h, m := separatedHarness(t, kiesim.MIDI{})
	data, err := json.Marshal(m)
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(data, &document))
	document["ofALaterRelease"] = map[string]any{"a": 1.5}
	document["midi"] = []any{map[string]any{"stem": "vocals", "midiTaskId": "before", "later": "x"}}
	h.write(archive.ManifestKey(h.loc), document)
	made := h.makeMIDI("")

	var after map[string]any
	read := func() {
		after = nil
		_, err = h.store.ReadJSON(t.Context(), h.loc.Bucket, archive.ManifestKey(h.loc), &after)
		require.NoError(t, err)
	}
	read()
	midi := after["midi"].([]any)
	require.Equal(t, document["midi"].([]any)[0], midi[0])
	require.Equal(t, made.MIDITaskID, midi[1].(map[string]any)["midiTaskId"])
	delete(after, "midi")
	delete(document, "midi")
	before, err := json.Marshal(document)
	require.NoError(t, err)
	now, err := json.Marshal(after)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(now))

	// A separation's run that writes the manifest again keeps its MIDI; of another separation there
	// is none.
	_, err = call[stemflow.ObjectRef](h, activityapi.ActivityWriteManifest,
		activityapi.WriteManifestInput{Location: h.loc, Manifest: m})
	require.NoError(t, err)
	read()
	require.Len(t, after["midi"], 2)
	m.SeparationTaskID = "another"
	for i := range m.Stems {
		m.Stems[i].Key = archive.StemKey(h.loc, "another", m.Stems[i].Name, "mp3")
	}
	_, err = call[stemflow.ObjectRef](h, activityapi.ActivityWriteManifest,
		activityapi.WriteManifestInput{Location: h.loc, Manifest: m})
	require.NoError(t, err)
	read()
	require.NotContains(t, after, "midi")
	_, err = call[stemflow.MIDI](h, activityapi.ActivityArchiveMIDI, activityapi.ArchiveMIDIInput{
		Location: h.loc, SeparationTaskID: made.MIDITaskID, MIDITaskID: made.MIDITaskID,
	})
	requireType(t, err, stemflow.ErrorInvalidInput)
}
