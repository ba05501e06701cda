package kie

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/midi"
)

const midiTask = "5c79be8e0000000000000000000000aa"

// documentedMIDI is the record as the provider documents it, with the notes given.
func documentedMIDI(data string) string {
	return `{"code":200,"msg":"success","data":{"taskId":"` + midiTask + `","recordTaskId":-1,` +
		`"audioId":"e231","callbackUrl":"https://example.callback/callbacks/AQAAtoken-of-the-run",` +
		`"createTime":1760335251000,"completeTime":1760335255000,"successFlag":1,"errorCode":null,` +
		`"errorMessage":null,"midiData":` + data + `}}`
}

func midiRecord(t *testing.T, status int, body string, notes bool) (*MIDIRecord, error) {
	t.Helper()
	p := serve(t, reply(status, body))
	return newClient(t, Options{BaseURL: p.URL}).MIDIRecord(t.Context(), midiTask, notes)
}

const mixedNotes = `{"state":"complete","instruments":[
	{"name":"Drums","notes":[{"pitch":73,"start":"0.036458333333333336","end":"0.18229166666666666","velocity":1}]},
	{"name":"Electric Bass (finger)","notes":[{"velocity":"0.5","pitch":"44","start":7.6875,"end":" 7.911458333333333 ","x":{"y":[1]}}]}]}`

func TestMIDINotesInMixedNumberTypes(t *testing.T) {
	record, err := midiRecord(t, 200, documentedMIDI(mixedNotes), true)
	require.NoError(t, err)
	require.Equal(t, Succeeded, record.State)
	require.Equal(t, midiTask, record.TaskID)
	require.Equal(t, []midi.Instrument{
		{Name: "Drums", Listed: 1, Notes: []midi.Note{
			{Pitch: 73, Start: 0.036458333333333336, End: 0.18229166666666666, Velocity: 1},
		}},
		{Name: "Electric Bass (finger)", Listed: 1, Notes: []midi.Note{
			{Pitch: 44, Start: 7.6875, End: 7.911458333333333, Velocity: 0.5},
		}},
	}, record.Score.Instruments)

	counted, err := midiRecord(t, 200, documentedMIDI(mixedNotes), false)
	require.NoError(t, err)
	require.Equal(t, []midi.Instrument{{Name: "Drums", Listed: 1}, {Name: "Electric Bass (finger)", Listed: 1}},
		counted.Score.Instruments)
}

// Wherever the record has its notes, they are found.
func TestMIDIRecordsInOtherDialects(t *testing.T) {
	flat := `"taskId":"` + midiTask + `","successFlag":1,`
	quoted := strconv.Quote(strings.ReplaceAll(mixedNotes, "\n\t", ""))
	for name, body := range map[string]string{
		"wrapped":         `{"code":200,"data":{"data":{` + flat + `"midiData":` + mixedNotes + `}}}`,
		"wrapped twice":   `{"code":200,"data":{"data":{"data":{` + flat + `"midiData":` + mixedNotes + `}}}}`,
		"a string":        `{"code":"200","data":{` + flat + `"midiData":` + quoted + `}}`,
		"snake case":      `{"code":200,"data":{"task_id":"` + midiTask + `","success_flag":"1","midi_data":` + mixedNotes + `}}`,
		"words":           `{"code":200,"data":{"taskId":"` + midiTask + `","status":"SUCCESS","response":{"midiData":` + mixedNotes + `}}}`,
		"no state":        `{"data":{"midiData":` + mixedNotes + `},"code":200}`,
		"a bare list":     `{"code":200,"data":{` + flat + `"midiData":[{"name":"Drums","notes":[{"pitch":1,"start":0}]},{"name":"Electric Bass (finger)","notes":[{"pitch":1,"start":0}]}]}}`,
		"no callback":     `{"code":200,"data":{"successFlag":"CALLBACK_EXCEPTION","midiData":` + mixedNotes + `}}`,
		"members behind":  `{"data":{"midiData":` + mixedNotes + `,` + strings.TrimSuffix(flat, ",") + `},"msg":"success","code":200}`,
		"the request too": `{"code":200,"data":{"param":{"instruments":[{"name":"no"}]},` + flat + `"midiData":` + mixedNotes + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			record, err := midiRecord(t, 200, body, true)
			require.NoError(t, err)
			require.Equal(t, Succeeded, record.State)
			require.Len(t, record.Score.Instruments, 2)
			require.Equal(t, "Drums", record.Score.Instruments[0].Name)
			require.Len(t, record.Score.Instruments[1].Notes, 1)
		})
	}
}

// Nothing that was heard is a result.
func TestMIDIWithoutNotes(t *testing.T) {
	for data, instruments := range map[string]int{
		`null`: 0, `{}`: 0, `{"state":"complete"}`: 0, `{"instruments":null}`: 0, `{"instruments":[]}`: 0, `""`: 0,
		`{"instruments":[{"name":"Drums","notes":[]}]}`: 1, `{"instruments":[{"name":"Drums"},{"notes":null}]}`: 2,
		`{"instruments":[null,7,"x",[{}]]}`: 0,
	} {
		record, err := midiRecord(t, 200, documentedMIDI(data), true)
		require.NoError(t, err, data)
		require.Equal(t, Succeeded, record.State, data)
		require.Len(t, record.Score.Instruments, instruments, data)
		for _, i := range record.Score.Instruments {
			require.Empty(t, i.Notes)
		}
	}
}

// Odd notes are counted, and kept as far as they say pitch and start.
func TestOddMIDINotes(t *testing.T) {
	record, err := midiRecord(t, 200, documentedMIDI(`{"instruments":[{"name":"A\n\u0000B","notes":[
		{}, null, 7, [1,{"pitch":2}], "x", {"pitch":null,"start":1}, {"pitch":60}, {"pitch":"sixty","start":1},
		{"pitch":60,"start":"Infinity"}, {"pitch":200,"start":-1}, {"pitch":60.5,"start":1,"end":null,"velocity":[]}]}]}`), true)
	require.NoError(t, err)
	instrument := record.Score.Instruments[0]
	require.Equal(t, "A B", instrument.Name)
	require.Equal(t, 11, instrument.Listed)
	require.Len(t, instrument.Notes, 2)
	require.Equal(t, []float64{200, -1}, []float64{instrument.Notes[0].Pitch, instrument.Notes[0].Start})
	require.Equal(t, 60.5, instrument.Notes[1].Pitch)
	require.True(t, math.IsNaN(instrument.Notes[1].End) && math.IsNaN(instrument.Notes[1].Velocity))
}

func TestMIDIStates(t *testing.T) {
	for flag, want := range map[string]State{
		`0`: Pending, `1`: Succeeded, `2`: Failed, `3`: Failed, `"0"`: Pending, `"3"`: Failed, `"PENDING"`: Pending,
		`"GENERATE_MIDI_FAILED"`: Failed, `"CALLBACK_EXCEPTION"`: Pending, `"QUEUED"`: Pending, `null`: Pending,
	} {
		record, err := midiRecord(t, 200, `{"code":200,"data":{"successFlag":`+flag+
			`,"errorCode":"500","errorMessage":"MIDI generation failed"}}`, true)
		require.NoError(t, err, flag)
		require.Equal(t, want, record.State, flag)
		require.Equal(t, 500, record.ErrorCode)
		require.Equal(t, "MIDI generation failed", record.ErrorMessage)
	}
}

func TestMIDIRecordsThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"no data":      {200, `{"code":200,"msg":"success","data":null}`, ErrNoRecord},
		"no member":    {200, `{"code":200,"msg":"success"}`, ErrNoRecord},
		"unknown":      {200, `{"code":422,"msg":"Record does not exist","data":null}`, ErrNoRecord},
		"another task": {200, `{"code":200,"data":{"taskId":"bbbb","successFlag":1}}`, ErrOtherTask},
	} {
		_, err := midiRecord(t, c.status, c.body, true)
		require.ErrorIs(t, err, c.want, name)
	}
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"a page": {502, "<html>"}, "nothing": {200, ""}, "cut": {200, documentedMIDI(mixedNotes)[:400]},
		"a list": {200, `[]`}, "text": {200, `"x"`}, "odd data": {200, `{"code":200,"data":7}`},
		"unauthorized": {200, `{"code":401,"msg":"no"}`}, "cut page": {500, `{"code":`}, "no code": {200, `{"data":{}}`},
	} {
		_, err := midiRecord(t, c.status, c.body, true)
		_ = refusedBy(t, err)
		require.NotErrorIs(t, err, ErrNoRecord, name)
	}
}

func TestMIDIIsAskedForAsDocumented(t *testing.T) {
	var got *http.Request
	var body []byte
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"code":200,"msg":"success","data":{"taskId":"`+midiTask+`"}}`)
	})
	c := newClient(t, Options{BaseURL: p.URL})
	ask := MIDIRequest{SeparationTaskID: "5c79", CallbackURL: "https://example.callback/callbacks/x"}
	id, err := c.GenerateMIDI(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, midiTask, id)
	require.Equal(t, "POST /api/v1/midi/generate", got.Method+" "+got.URL.Path)
	require.JSONEq(t, `{"taskId":"5c79","callBackUrl":"https://example.callback/callbacks/x"}`, string(body))
	ask.AudioID = "e231"
	_, err = c.GenerateMIDI(t.Context(), ask)
	require.NoError(t, err)
	require.JSONEq(t, `{"taskId":"5c79","audioId":"e231","callBackUrl":"https://example.callback/callbacks/x"}`, string(body))
}

func TestMIDIOfAnUnknownSeparation(t *testing.T) {
	p := serve(t, reply(200, `{"code":422,"msg":"Record does not exist","data":null}`))
	_, err := newClient(t, Options{BaseURL: p.URL}).GenerateMIDI(t.Context(), MIDIRequest{SeparationTaskID: "x"})
	require.Equal(t, NotYet, refusedBy(t, err).Verdict)
	require.ErrorContains(t, err, "does not know the separation")
}

// manyMIDINotes writes a record of so many notes.
func manyMIDINotes(n int) string {
	var b strings.Builder
	b.WriteString(`{"state":"complete","instruments":[{"name":"Piano","notes":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"pitch":%d,"start":"%.16f","end":%.16f,"velocity":1}`, i%128, float64(i)/192, float64(i+3)/192)
	}
	b.WriteString(`]}]}`)
	return documentedMIDI(b.String())
}

// The body of some megabytes is never held: what is kept are the notes, of 32 bytes each.
func TestManyMIDINotesTakeLittleMemory(t *testing.T) {
	const notes = 50_000
	body := manyMIDINotes(notes)
	require.Greater(t, len(body), 4_000_000)
	var peak uint64
	reader := &midiReader{keep: true}
	source := strings.NewReader(body)
	reads := 0
	watched := readerFunc(func(p []byte) (int, error) {
		if reads++; reads%200 == 0 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapAlloc)
		}
		return source.Read(p[:min(len(p), 4096)])
	})
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	require.NoError(t, reader.read(watched))
	require.Len(t, reader.instruments[0].Notes, notes)
	require.Less(t, peak-min(peak, before.HeapAlloc), uint64(5<<20))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestMoreNotesThanAreRead(t *testing.T) {
	var reader midiReader
	require.ErrorIs(t, reader.read(strings.NewReader(manyMIDINotes(maxNotes+1))), ErrTooManyNotes)
	many := documentedMIDI(`{"instruments":[` + strings.Repeat(`{},`, maxInstruments) + `{}]}`)
	_, err := midiRecord(t, 200, many, true)
	require.ErrorIs(t, err, ErrTooManyNotes)
}

func TestMIDIAnswerThatIsTooLarge(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"code":200,"data":{"unknown":[`)
		item := []byte(`"` + strings.Repeat("x", 64<<10) + `",`)
		for range 2 * maxMIDIAnswer / len(item) {
			if _, err := w.Write(item); err != nil {
				return
			}
		}
	})
	_, err := newClient(t, Options{BaseURL: p.URL}).MIDIRecord(t.Context(), separationID, true)
	require.Equal(t, Unknown, refusedBy(t, err).Verdict)
	require.ErrorContains(t, err, "the answer is larger than 33554432 bytes")
}

// Callbacks of a transcription: the task is found in every form, and no note goes on.
func TestMIDICallbacks(t *testing.T) {
	list := `[{"name":"Drums","notes":[{"pitch":73,"start":"0.036","end":1,"velocity":1}]}]`
	for name, body := range map[string]string{
		"documented": `{"code":200,"msg":"success","data":{"taskId":"` + midiTask + `","state":"complete","instruments":` + list + `}}`,
		"older":      `{"code":200,"msg":"success","task_id":"` + midiTask + `","data":{"state":"complete","instruments":` + list + `}}`,
		"snake case": `{"code":200,"msg":"success","data":{"task_id":"` + midiTask + `","instruments":[]}}`,
		"no code":    `{"msg":"success","data":{"task_id":"` + midiTask + `","state":"complete","instruments":[]}}`,
	} {
		callback, err := decodeCallback([]byte(body))
		require.NoError(t, err, name)
		require.Equal(t, stemflow.Callback{TaskID: midiTask, Code: 200, Message: "success"}, callback, name)

		cut := body[:strings.Index(body, `"instruments"`)+len(`"instruments":[{"`)-1]
		head, ok := ReadMIDICallback([]byte(cut))
		require.True(t, ok, name)
		short, err := head.Decode()
		require.NoError(t, err, name)
		require.Equal(t, callback, short, name)
	}
	failed, err := decodeCallback([]byte(`{"code":500,"msg":"MIDI generation failed","data":{"taskId":"` + midiTask + `"}}`))
	require.NoError(t, err)
	require.Equal(t, stemflow.Callback{TaskID: midiTask, Code: 500, Message: "MIDI generation failed"}, failed)
}

// What does not name its task before its notes is not taken from its beginning.
func TestBeginningsThatAreNoMIDICallback(t *testing.T) {
	for _, beginning := range []string{
		``, `{`, `[`, `{"code":200`, `{"code":200,"data":{"instruments":[{`,
		`{"data":{"instruments":[],"taskId":"` + midiTask + `"}}`, `{"data":{"taskId":"` + midiTask + `","stems":[{`,
		`{"instruments":[{"taskId":"x"`, `{"data":{"taskId":"` + midiTask + `","x":{"instruments":[`,
		`{"data":{"taskId":"no id","instruments":[`, `{"data":{"taskId":"` + midiTask + `"}}`,
	} {
		_, ok := ReadMIDICallback([]byte(beginning))
		require.False(t, ok, beginning)
	}
}

// Whatever a record is, it is read without a panic, and its notes are numbers that can be written.
func FuzzMIDIRecord(f *testing.F) {
	f.Add([]byte(documentedMIDI(mixedNotes)))
	f.Add([]byte(`{"code":200,"data":"{\"midiData\":{\"instruments\":[{\"notes\":[{\"pitch\":\"1\",\"start\":1}]}]}}"}`))
	f.Add([]byte(`{"code":422,"msg":"Record does not exist","data":null}`))
	f.Add([]byte(`{"data":{"data":{"data":{"data":{"data":{"data":{"data":{}}}}}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		reader := &midiReader{keep: true}
		if reader.read(bytes.NewReader(body)) != nil {
			return
		}
		record := reader.record()
		var out bytes.Buffer
		require.NoError(t, record.Score.WriteJSON(&out, midi.Head{}))
		require.True(t, json.Valid(out.Bytes()))
		_, err := record.Score.WriteSMF(io.Discard)
		require.NoError(t, err)
		ReadMIDICallback(body)
	})
}
