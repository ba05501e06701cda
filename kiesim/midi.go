package kiesim

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// MIDI says how the provider transcribes the stems of a separation. Where a track has a scenario of
// its own that of the track counts, and otherwise that which its separation was submitted under.
type MIDI struct {
	// Submit and RecordInfo spoil the answers of the two endpoints.
	Submit     Fault `json:"submit,omitzero"`
	RecordInfo Fault `json:"recordInfo,omitzero"`
	// Delay is the time from acceptance until the task is settled.
	Delay Duration `json:"delay,omitzero"`
	// Pending keeps the record pending until Settle.
	Pending bool `json:"pending,omitempty"`
	// Failure fails the task. Its Flag is not used.
	Failure *Failure `json:"failure,omitempty"`
	// NullLooks is how many looks at the record show "data":null.
	NullLooks int `json:"nullLooks,omitempty"`
	// Instruments are the names of what is heard; nil is one for each stem.
	Instruments []string `json:"instruments,omitempty"`
	// Notes is how many notes each has; 0 is DefaultNotes.
	Notes int `json:"notes,omitempty"`
	// Odd adds notes to each instrument that no piano can play: of a pitch that does not exist, and
	// one that ends before it begins.
	Odd bool `json:"odd,omitempty"`
	// Empty is what is missing in a successful task.
	Empty MIDIEmpty `json:"empty,omitempty"`
	// Numbers is the form of the notes' times in the record; empty is numbers. In callbacks they
	// are always mixed, as documented.
	Numbers MIDINumbers `json:"numbers,omitempty"`
	// Wrapped has the record one level deeper, in "data".
	Wrapped  bool         `json:"wrapped,omitempty"`
	Callback MIDICallback `json:"callback,omitzero"`
}

// DefaultNotes is how many notes an instrument has unless a scenario says otherwise.
const DefaultNotes = 16

// MIDICallback is how the callback of a transcription travels.
type MIDICallback struct {
	// Delay is the time from settling until the callback.
	Delay Duration `json:"delay,omitzero"`
	// Lost sends none.
	Lost bool `json:"lost,omitempty"`
	// Duplicates is how many more of the same follow.
	Duplicates int       `json:"duplicates,omitempty"`
	Signature  Signature `json:"signature,omitempty"`
	// TopLevelID has the task's id as task_id beside the data, as older documents show it.
	TopLevelID bool `json:"topLevelId,omitempty"`
}

// MIDIEmpty is a form of a transcription in which nothing was heard.
type MIDIEmpty string

const (
	// MIDIEmptyNotes has instruments without notes, MIDIEmptyInstruments no instruments, and
	// MIDIEmptyData null in their place.
	MIDIEmptyNotes       MIDIEmpty = "notes"
	MIDIEmptyInstruments MIDIEmpty = "instruments"
	MIDIEmptyData        MIDIEmpty = "data"
)

// MIDINumbers is a form of the notes' times.
type MIDINumbers string

const (
	// MIDINumbersMixed has numbers and decimal strings by turns, MIDINumbersStrings strings only.
	MIDINumbersMixed   MIDINumbers = "mixed"
	MIDINumbersStrings MIDINumbers = "strings"
)

func (m MIDI) validate() error {
	if m.RecordInfo.Accept {
		return errors.New("midi.recordInfo.accept: only submit has it")
	}
	return errors.Join(
		m.Submit.validate("midi.submit"), m.RecordInfo.validate("midi.recordInfo"),
		oneOf("midi.empty", m.Empty, MIDIEmptyNotes, MIDIEmptyInstruments, MIDIEmptyData),
		oneOf("midi.numbers", m.Numbers, MIDINumbersMixed, MIDINumbersStrings),
		oneOf("midi.callback.signature", m.Callback.Signature,
			SignatureMissing, SignatureWrong, SignatureStale, SignatureEarly),
	)
}

// midiTask is one transcription. What changes is guarded by the simulator's mutex.
type midiTask struct {
	id, separationID, audioID, callbackURL string
	scenario                               MIDI
	instruments                            []string
	accepted                               time.Time
	settled                                time.Time
	delivered                              bool
	done                                   chan struct{}
	recordCalls, looks                     int
}

// midiGenerate is POST /api/v1/midi/generate, which costs nothing.
func (s *Simulator) midiGenerate(w http.ResponseWriter, r *http.Request) {
	var fields map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestSize)).Decode(&fields); err != nil {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusBadRequest, ""))
		return
	}
	text := func(name string) string {
		value, _ := fields[name].(string)
		return value
	}
	request := generateRequest{CallBackURL: text("callBackUrl"), TaskID: "-", AudioID: "-", Type: SeparateVocal}
	problem := request.problem()
	if text("taskId") == "" {
		problem = cannotBeEmpty
	}
	if problem != "" {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, problem))
		return
	}
	t, fault, code := s.acceptMIDI(text("taskId"), text("audioId"), text("callBackUrl"))
	switch {
	case t == nil && fault.Answer != "":
		s.answer(w, r, fault, success(nil))
	case code != http.StatusOK:
		writeJSON(w, r, http.StatusOK, refusal(code, ""))
	default:
		s.log.Info("transcription accepted", "task", t.id, "separation", t.separationID)
		// As with the call that costs.
		if fault.late() {
			s.settleMIDILater(t)
		} else {
			defer s.settleMIDILater(t)
		}
		s.answer(w, r, fault, success(object{{"taskId", t.id}}))
	}
}

// acceptMIDI makes a task. It takes a separation that is done. Any code but 200 is a refusal.
func (s *Simulator) acceptMIDI(separationID, audioID, callbackURL string) (*midiTask, Fault, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.tasks[separationID]
	if of == nil || of.settled.IsZero() || of.scenario.Outcome.Failure != nil {
		return nil, Fault{}, http.StatusUnprocessableEntity
	}
	scenario := s.scenarios.midi(of.request.key(), of.scenario.MIDI)
	of.midiSubmits++
	fault := scenario.Submit.due(of.midiSubmits)
	if fault.Answer != "" && !fault.Accept {
		return nil, fault, 0
	}
	instruments := scenario.Instruments
	known := audioID == ""
	for _, stem := range of.stems {
		if stem.empty || audioID != "" && stem.id != audioID {
			continue
		}
		known = true
		if scenario.Instruments == nil {
			instruments = append(instruments, stem.group)
		}
	}
	now := time.Now()
	switch {
	case !known:
		return nil, Fault{}, http.StatusUnprocessableEntity
	case !s.limiter.allow(now):
		return nil, Fault{}, http.StatusTooManyRequests
	}
	t := &midiTask{
		id: newTaskID(), separationID: separationID, audioID: audioID, callbackURL: callbackURL,
		scenario: scenario, instruments: instruments, accepted: now, done: make(chan struct{}),
	}
	s.midis[t.id] = t
	s.keep()
	return t, fault, http.StatusOK
}

// midiRecordInfo is GET /api/v1/midi/record-info.
func (s *Simulator) midiRecordInfo(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("taskId")
	if id == "" {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, cannotBeEmpty))
		return
	}
	s.mu.Lock()
	t := s.midis[id]
	if t == nil {
		s.mu.Unlock()
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, ""))
		return
	}
	t.recordCalls++
	fault := t.scenario.RecordInfo.due(t.recordCalls)
	var data any
	if fault.Answer == "" {
		if t.looks++; t.looks > t.scenario.NullLooks {
			data = t.record()
		}
	}
	s.mu.Unlock()
	s.answer(w, r, fault, success(data))
}

// record is the data of an answer. The mutex is held.
func (t *midiTask) record() object {
	flag, completed := 0, any(nil)
	data, code, message := any(nil), any(nil), any(nil)
	if !t.settled.IsZero() {
		flag, completed = 1, t.settled.Truncate(time.Second).UnixMilli()
		if t.scenario.Empty != MIDIEmptyData {
			data = object{{"state", "complete"}, {"instruments", t.heard(t.scenario.Numbers)}}
		}
	}
	if failure := t.scenario.Failure; failure != nil && flag == 1 {
		flag, data = 3, nil
		code, message = cmp.Or(failure.Code, http.StatusInternalServerError), t.failureMessage()
	}
	audioID := any(nil)
	if t.audioID != "" {
		audioID = t.audioID
	}
	record := object{
		{"taskId", t.id}, {"recordTaskId", -1}, {"audioId", audioID}, {"callbackUrl", t.callbackURL},
		{"createTime", t.accepted.Truncate(time.Second).UnixMilli()}, {"completeTime", completed},
		{"successFlag", flag}, {"errorCode", code}, {"errorMessage", message}, {"midiData", data},
	}
	if t.scenario.Wrapped {
		return object{{"data", record}}
	}
	return record
}

func (t *midiTask) failureMessage() string {
	return cmp.Or(t.scenario.Failure.Message, "MIDI generation failed")
}

// heard is the list of instruments.
func (t *midiTask) heard(numbers MIDINumbers) []object {
	instruments := []object{}
	if t.scenario.Empty == MIDIEmptyInstruments {
		return instruments
	}
	for i, name := range t.instruments {
		notes := []object{}
		if t.scenario.Empty == "" {
			notes = t.notes(i, numbers)
		}
		instruments = append(instruments, object{{"name", name}, {"notes", notes}})
	}
	return instruments
}

// notes are those of the i-th instrument. Their times are multiples of 1/192 s, as the provider's
// are.
func (t *midiTask) notes(i int, numbers MIDINumbers) []object {
	n := cmp.Or(t.scenario.Notes, DefaultNotes)
	notes := make([]object, 0, n+2)
	add := func(pitch int, start, end, velocity float64) {
		times := []any{start, end}
		for at, seconds := range []float64{start, end} {
			if numbers == MIDINumbersStrings || numbers == MIDINumbersMixed && (len(notes)+at)%2 == 0 {
				times[at] = strconv.FormatFloat(seconds, 'f', -1, 64)
			}
		}
		notes = append(notes, object{{"pitch", pitch}, {"start", times[0]}, {"end", times[1]}, {"velocity", velocity}})
	}
	for k := range n {
		begin := float64(7 + 19*k + i)
		add(36+(k*7+i)%48, begin/192, (begin+18)/192, []float64{1, 63.0 / 127}[k%2])
	}
	if t.scenario.Odd {
		add(200, 0.5, 1, 1)
		add(60, 1, 0.5, 1)
	}
	return notes
}

// settleMIDILater lets the task run its time, and the callback follow.
func (s *Simulator) settleMIDILater(t *midiTask) {
	s.background(func(ctx context.Context) {
		var delayed <-chan time.Time // never, of a task that stays pending
		if !t.scenario.Pending {
			delayed = time.After(time.Until(t.accepted.Add(time.Duration(t.scenario.Delay))))
		}
		select {
		case <-delayed:
		case <-t.done:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		s.settleMIDI(t)
		s.mu.Unlock()
		if pause(ctx, time.Duration(t.scenario.Callback.Delay)) {
			s.sendMIDICallback(ctx, t)
		}
	})
}

// settleMIDI brings a task to its end, unless it is there. The mutex is held.
func (s *Simulator) settleMIDI(t *midiTask) {
	if !t.settled.IsZero() {
		return
	}
	t.settled = time.Now()
	close(t.done)
	s.keep()
	s.log.Info("transcription settled", "task", t.id, "failed", t.scenario.Failure != nil)
}

// sendMIDICallback sends the callback as the scenario says, with the retries of the schedule.
func (s *Simulator) sendMIDICallback(ctx context.Context, t *midiTask) {
	how := t.scenario.Callback
	if how.Lost {
		return
	}
	send := func() bool {
		status, err := s.post(ctx, t.callbackURL, t.id, func() object { return t.callback() }, how.Signature)
		return err == nil && status == http.StatusOK
	}
	acknowledged := send()
	for range how.Duplicates {
		send()
	}
	for _, wait := range s.options.RetrySchedule {
		if acknowledged || !pause(ctx, wait) {
			break
		}
		acknowledged = send()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.delivered = acknowledged; !acknowledged && ctx.Err() == nil {
		s.bill.Callbacks.Abandoned++
	}
	s.keep()
}

// callback is the body of a callback. The mutex is held.
func (t *midiTask) callback() object {
	data := object{{"taskId", t.id}}
	if t.scenario.Callback.TopLevelID {
		data = object{}
	}
	code, message := http.StatusOK, "success"
	if failure := t.scenario.Failure; failure != nil {
		code, message = cmp.Or(failure.Code, http.StatusInternalServerError), t.failureMessage()
	} else {
		data = append(data, member{"state", "complete"}, member{"instruments", t.heard(MIDINumbersMixed)})
	}
	if t.scenario.Callback.TopLevelID {
		return object{{"code", code}, {"msg", message}, {"task_id", t.id}, {"data", data}}
	}
	return envelope(code, message, data)
}

// midi is the scenario of transcriptions of a track: the track's own, or that of its separation.
func (s *scenarioStore) midi(key string, ofSeparation MIDI) MIDI {
	if own := s.lasting(key); own != nil {
		return own.MIDI
	}
	return ofSeparation
}

// midiState is a transcription as it outlives a restart.
type midiState struct {
	ID           string    `json:"id"`
	SeparationID string    `json:"separationId"`
	AudioID      string    `json:"audioId,omitempty"`
	CallbackURL  string    `json:"callbackUrl"`
	Scenario     MIDI      `json:"scenario"`
	Instruments  []string  `json:"instruments"`
	Accepted     time.Time `json:"accepted"`
	Settled      time.Time `json:"settled,omitzero"`
	Delivered    bool      `json:"delivered,omitempty"`
}

func (t *midiTask) state() midiState {
	return midiState{
		ID: t.id, SeparationID: t.separationID, AudioID: t.audioID, CallbackURL: t.callbackURL, Scenario: t.scenario,
		Instruments: slices.Clone(t.instruments), Accepted: t.accepted, Settled: t.settled, Delivered: t.delivered,
	}
}

func (kept midiState) task() *midiTask {
	return &midiTask{
		id: kept.ID, separationID: kept.SeparationID, audioID: kept.AudioID, callbackURL: kept.CallbackURL,
		scenario: kept.Scenario, instruments: kept.Instruments, accepted: kept.Accepted, settled: kept.Settled,
		delivered: kept.Delivered, done: make(chan struct{}),
	}
}

// resumeMIDI goes on where a transcription was.
func (s *Simulator) resumeMIDI(ctx context.Context, t *midiTask) {
	switch {
	case t.settled.IsZero():
		s.settleMIDILater(t)
	case !t.delivered:
		s.sendMIDICallback(ctx, t)
	}
}
