package kiesim

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"stemflow/internal/tune"
)

// WAV is the type of a conversion, in scenarios and in the bill. It costs 0.4 credits.
const WAV = "wav"

// WAVKey is what scenarios know the conversion of a track by: its separations have other ones.
func WAVKey(audioID string) string { return "wav:" + audioID }

const (
	wavModel = "ai-music-api/convert-to-wav-format"
	// flagWAVFailed is the record's successFlag of a conversion that failed.
	flagWAVFailed = "GENERATE_WAV_FAILED"
	// defaultWAV is how large a file is, in bytes: half a second.
	defaultWAV = 88_244
)

// wavZone is the zone of the times in a conversion's record. They do not say it, and it is not UTC.
var wavZone = time.FixedZone("", 8*60*60)

// wavExists is what the provider says to a second conversion of a track.
const wavExists = "WAV record already exists"

// wavGenerate is POST /api/v1/wav/generate.
func (s *Simulator) wavGenerate(w http.ResponseWriter, r *http.Request) {
	var fields map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestSize)).Decode(&fields); err != nil {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusBadRequest, ""))
		return
	}
	text := func(name string) string {
		value, _ := fields[name].(string)
		return value
	}
	s.submit(w, r, generateRequest{
		TaskID: text("taskId"), AudioID: text("audioId"), CallBackURL: text("callBackUrl"), Type: WAV,
	})
}

// wavRecordInfo is GET /api/v1/wav/record-info.
func (s *Simulator) wavRecordInfo(w http.ResponseWriter, r *http.Request) {
	s.recordOf(w, r, true)
}

// converted reports whether there is a conversion of the same track that is done, or under way. The
// mutex is held.
func (s *Simulator) converted(request generateRequest) bool {
	for _, t := range s.tasks {
		if t.request.Type == WAV && t.request.TaskID == request.TaskID && t.request.AudioID == request.AudioID &&
			t.scenario.Outcome.Failure == nil {
			return true
		}
	}
	return false
}

// wavRecord is the data of an answer about a conversion.
func (t *task) wavRecord(now time.Time) object {
	l := t.lookedAt(now)
	at := func(when time.Time) any { return when.In(wavZone).Format(time.DateTime) }
	completed, flag := any(nil), l.flag
	if l.completed != nil {
		completed = at(t.settled)
	}
	if flag == flagFailed {
		flag = flagWAVFailed
	}
	stateKey, state := t.scenario.Record.State.of(flag)
	record := object{
		{"taskId", t.id}, {"musicId", t.request.AudioID}, {"callbackUrl", t.request.CallBackURL}, {"musicIndex", 0},
		{"completeTime", completed}, {"createTime", at(t.accepted)}, {"response", nil}, {stateKey, state},
		{"errorCode", l.errorCode}, {"errorMessage", l.errorMessage},
	}
	if l.missing != nil {
		record = record.with(member{"response", object{{"audioWavUrl", t.wavLink(*l.missing)}}})
	}
	return record
}

// wavLink is the link of a conversion, in record and callback.
func (t *task) wavLink(missing Links) any {
	stem := t.stems[0]
	if missing != "" || stem.empty {
		return nil
	}
	return stem.link(t.base)
}

// wavCallback is the body of a callback about a conversion.
func (t *task) wavCallback(v callbackVariant) object {
	code, message, link := http.StatusOK, "success", t.wavLink(t.scenario.Outcome.Links)
	if failure := t.scenario.Outcome.Failure; failure != nil || v.failure {
		code, message, link = http.StatusInternalServerError, t.failureMessage(), nil
		if failure != nil {
			code = cmp.Or(failure.Code, code)
		}
	}
	id := cmp.Or(v.taskID, t.id)
	if t.request.Jobs || t.scenario.Callback.Form == CallbackRecord {
		return envelope(code, message, t.recordInCallback(code, id))
	}
	return envelope(code, message, object{{"audioWavUrl", link}, {cmp.Or(t.scenario.Callback.IDField, "task_id"), id}})
}

// wavFile is a WAV file of a size: 16 bits, stereo, 44.1 kHz.
func wavFile(size int64) tune.Recording {
	const rate, frame = 44100, 4
	sound := (size - 44) / frame * frame
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+sound))
	b = binary.LittleEndian.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*frame)
	b = binary.LittleEndian.AppendUint16(b, frame)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(sound))
	return behind(b, tune.Recording{
		ReaderAt: sawtooth(sound), Size: sound, Duration: time.Duration(sound) * time.Second / (rate * frame),
	})
}

// sawtooth is sound of a length in bytes, which is made as it is read.
type sawtooth int64

// ReadAt implements io.ReaderAt.
func (s sawtooth) ReadAt(p []byte, off int64) (n int, err error) {
	for ; n < len(p) && off+int64(n) < int64(s); n++ {
		p[n] = byte((off + int64(n)) / 4 % 200)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
