package kiesim_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

const midiPath = "/api/v1/midi/generate"

// separated is a track whose separation is done.
func (p *provider) separated(t *testing.T) (taskID string) {
	t.Helper()
	taskID = p.generate(kiesim.SeparateVocal, "http://127.0.0.1:1/none")
	require.Eventually(t, func() bool { return p.record(taskID).SuccessFlag == "SUCCESS" }, time.Minute,
		5*time.Millisecond)
	return taskID
}

type midiNote struct{ Pitch, Start, End, Velocity any }

type midiInstruments []struct {
	Name  string
	Notes []midiNote
}

type midiAnswer struct {
	Code int
	Msg  string
	Data struct {
		TaskID      string
		SuccessFlag *int
		AudioID     any
		MidiData    *struct{ Instruments midiInstruments }
	}
}

func (p *provider) midi(t *testing.T, method, path, body string) (a midiAnswer) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(p.answer(method, path, body)), &a))
	return a
}

func midiRequest(separation, audioID, callback string) string {
	body, _ := json.Marshal(map[string]string{"taskId": separation, "audioId": audioID, "callBackUrl": callback})
	return string(body)
}

// heard asks for the notes of a separation and waits for them.
func (p *provider) heard(t *testing.T, separation, audioID, callback string) midiAnswer {
	t.Helper()
	accepted := p.midi(t, http.MethodPost, midiPath, midiRequest(separation, audioID, callback))
	require.Equal(t, 200, accepted.Code, accepted.Msg)
	var a midiAnswer
	require.Eventually(t, func() bool {
		a = p.midi(t, http.MethodGet, "/api/v1/midi/record-info?taskId="+accepted.Data.TaskID, "")
		return a.Data.SuccessFlag != nil && *a.Data.SuccessFlag != 0
	}, time.Minute, 5*time.Millisecond)
	require.Equal(t, accepted.Data.TaskID, a.Data.TaskID)
	return a
}

func TestMIDIOfASeparationCostsNothing(t *testing.T) {
	p := start(t, kiesim.Options{})
	r := receive(t)
	separation := p.separated(t)
	balance := p.Balance()
	a := p.heard(t, separation, "", r.url)
	require.Len(t, a.Data.MidiData.Instruments, 2)
	require.Equal(t, "Vocals", a.Data.MidiData.Instruments[0].Name)
	require.Len(t, a.Data.MidiData.Instruments[0].Notes, kiesim.DefaultNotes)
	require.IsType(t, 0.5, a.Data.MidiData.Instruments[0].Notes[0].Start)
	require.Equal(t, balance, p.Balance())
	require.Len(t, p.Bill().Charges, 1)

	var callback struct {
		Code int
		Data struct {
			TaskID, State string
			Instruments   midiInstruments
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.next(t).body), &callback))
	require.Equal(t, a.Data.TaskID, callback.Data.TaskID)
	require.Equal(t, "complete", callback.Data.State)
	forms := map[bool]int{}
	for _, note := range callback.Data.Instruments[0].Notes {
		_, isText := note.Start.(string)
		forms[isText]++
	}
	require.Len(t, forms, 2, "a callback has numbers and strings")
}

func TestMIDIOfOneStem(t *testing.T) {
	p := start(t, kiesim.Options{})
	separation := p.separated(t)
	var stem string
	for _, item := range p.record(separation).Response["originData"].([]any) {
		if item := item.(map[string]any); item["stem_type_group_name"] == "Instrumental" {
			stem = item["id"].(string)
		}
	}
	require.NotEmpty(t, stem)
	a := p.heard(t, separation, stem, "http://127.0.0.1:1/none")
	require.Equal(t, stem, a.Data.AudioID)
	require.Len(t, a.Data.MidiData.Instruments, 1)
	require.Equal(t, "Instrumental", a.Data.MidiData.Instruments[0].Name)
}

func TestMIDIIsRefused(t *testing.T) {
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}}})
	pending := p.generate(kiesim.SeparateVocal, "http://127.0.0.1:1/none")
	for name, c := range map[string]struct{ body, message string }{
		"of nothing":          {midiRequest("", "", "http://a/b"), "不能为空"},
		"of an unknown one":   {midiRequest("x", "", "http://a/b"), "Record does not exist"},
		"of a pending one":    {midiRequest(pending, "", "http://a/b"), "Record does not exist"},
		"without callback":    {midiRequest(pending, "", ""), "Please enter callBackUrl."},
		"with a bad callback": {midiRequest(pending, "", "none"), "The callBackUrl is not a valid URL."},
	} {
		a := p.midi(t, http.MethodPost, midiPath, c.body)
		require.Equal(t, 422, a.Code, name)
		require.Equal(t, c.message, a.Msg, name)
	}
	require.NoError(t, p.Settle(pending))
	a := p.midi(t, http.MethodPost, midiPath, midiRequest(pending, "no stem", "http://a/b"))
	require.Equal(t, 422, a.Code)
	unknown := p.midi(t, http.MethodGet, "/api/v1/midi/record-info?taskId=x", "")
	require.Equal(t, "Record does not exist", unknown.Msg)
}

func TestMIDIScenarios(t *testing.T) {
	p := start(t, kiesim.Options{RetrySchedule: []time.Duration{}})
	separation := p.separated(t)
	set := func(m kiesim.MIDI) { p.SetScenario(trackID, kiesim.Scenario{MIDI: m}) }
	none := "http://127.0.0.1:1/none"

	set(kiesim.MIDI{Empty: kiesim.MIDIEmptyInstruments})
	require.Empty(t, p.heard(t, separation, "", none).Data.MidiData.Instruments)
	set(kiesim.MIDI{Empty: kiesim.MIDIEmptyNotes})
	a := p.heard(t, separation, "", none)
	require.Len(t, a.Data.MidiData.Instruments, 2)
	require.Empty(t, a.Data.MidiData.Instruments[0].Notes)
	set(kiesim.MIDI{Empty: kiesim.MIDIEmptyData})
	require.Nil(t, p.heard(t, separation, "", none).Data.MidiData)

	set(kiesim.MIDI{Numbers: kiesim.MIDINumbersStrings, Instruments: []string{"Drums", "Drums"}, Notes: 3, Odd: true})
	a = p.heard(t, separation, "", none)
	require.Len(t, a.Data.MidiData.Instruments, 2)
	require.Len(t, a.Data.MidiData.Instruments[1].Notes, 5)
	require.IsType(t, "", a.Data.MidiData.Instruments[0].Notes[0].End)

	set(kiesim.MIDI{Failure: &kiesim.Failure{}})
	require.Equal(t, 3, *p.heard(t, separation, "", none).Data.SuccessFlag)

	set(kiesim.MIDI{Wrapped: true, NullLooks: 1, Callback: kiesim.MIDICallback{Lost: true}})
	accepted := p.midi(t, http.MethodPost, midiPath, midiRequest(separation, "", none))
	look := func() string {
		return p.answer(http.MethodGet, "/api/v1/midi/record-info?taskId="+accepted.Data.TaskID, "")
	}
	require.Contains(t, look(), `"data":null`)
	require.Contains(t, look(), `"data":{"data":{"taskId"`)

	set(kiesim.MIDI{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 455, Times: 1}})
	p.SetScenario(trackID+"x", kiesim.Scenario{})
	require.Equal(t, 200, p.midi(t, http.MethodPost, midiPath, midiRequest(separation, "", none)).Code,
		"the fault is of the first call only, and there were some")
	require.Error(t, kiesim.Scenario{MIDI: kiesim.MIDI{Empty: "all"}}.Validate())
}

func TestMIDISettlesByHandAndOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	r := receive(t)
	first := restored(t, file, kiesim.Options{})
	separation := first.separated(t)
	first.SetScenario(trackID, kiesim.Scenario{MIDI: kiesim.MIDI{
		Pending: true, Callback: kiesim.MIDICallback{TopLevelID: true},
	}})
	accepted := first.midi(t, http.MethodPost, midiPath, midiRequest(separation, "", r.url))
	require.NoError(t, first.Close())

	second := restored(t, file, kiesim.Options{})
	a := second.midi(t, http.MethodGet, "/api/v1/midi/record-info?taskId="+accepted.Data.TaskID, "")
	require.Equal(t, 0, *a.Data.SuccessFlag)
	require.NoError(t, second.Settle(accepted.Data.TaskID))
	body := r.next(t).body
	require.True(t, strings.HasPrefix(body, `{"code":200,"msg":"success","task_id":"`+accepted.Data.TaskID+`","data":{"state"`), body)
	status, err := second.SendCallback(t.Context(), kiesim.CallbackNow{TaskID: accepted.Data.TaskID})
	require.NoError(t, err)
	require.Equal(t, 200, status)
}

// The provider works on while its answer is late.
func TestMIDIDoesNotWaitForALateAnswer(t *testing.T) {
	p := start(t, kiesim.Options{})
	r := receive(t)
	p.SetScenario(trackID, kiesim.Scenario{
		MIDI: kiesim.MIDI{Submit: kiesim.Fault{Answer: kiesim.AnswerHang, Accept: true}},
	})
	separation := p.separated(t)
	go func() { _, _, _ = p.call(t.Context(), http.MethodPost, midiPath, midiRequest(separation, "", r.url)) }()
	require.Contains(t, r.next(t).body, `"state":"complete"`)
}
