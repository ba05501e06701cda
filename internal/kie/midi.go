package kie

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"stemflow/internal/midi"
)

const (
	pathMIDIGenerate = "/api/v1/midi/generate"
	pathMIDIRecord   = "/api/v1/midi/record-info"
	opMIDIGenerate   = "midi-generate"
	opMIDIRecord     = "midi-record-info"
)

// What is read of the record of a transcription is bounded. A note has about 85 bytes.
const (
	maxMIDIAnswer  = 32 << 20
	maxInstruments = 256
	maxNotes       = 200_000
)

// ErrTooManyNotes says that a record lists more than is read of any.
var ErrTooManyNotes = fmt.Errorf(
	"the transcription has more than %d instruments or %d notes, which is too much to be read",
	maxInstruments, maxNotes)

// MIDIRequest is what to transcribe, and where to call back.
type MIDIRequest struct {
	// SeparationTaskID is a separation that is done. AudioID is the provider's id of one of its
	// stems; empty: all of them.
	SeparationTaskID, AudioID string
	// CallbackURL is required by the provider, if only as a placeholder.
	CallbackURL string
}

type midiBody struct {
	TaskID      string `json:"taskId"`
	AudioID     string `json:"audioId,omitempty"`
	CallbackURL string `json:"callBackUrl"`
}

// GenerateMIDI asks for a transcription, which costs nothing, and returns its task id. It sends one
// request, as the paid call does: each that is accepted makes a task. Every error is an [*Error].
func (c *Client) GenerateMIDI(ctx context.Context, r MIDIRequest) (midiTaskID string, err error) {
	l := call{
		op: opMIDIGenerate, method: http.MethodPost, path: pathMIDIGenerate, paid: true,
		about:   r.SeparationTaskID,
		body:    midiBody{TaskID: r.SeparationTaskID, AudioID: r.AudioID, CallbackURL: r.CallbackURL},
		secrets: []string{secretPath(r.CallbackURL)},
	}
	a, err := c.do(ctx, l)
	if err != nil {
		return "", err
	}
	data, _ := parseObject(a.data)
	if id := text(data.get("taskId")); usableID(id) {
		return id, nil
	}
	return "", c.refusal(l, a, errNoTaskID)
}

// MIDIRecord is what the provider knows of a transcription.
type MIDIRecord struct {
	TaskID string
	State  State
	// Flag is the provider's own word for State, printable.
	Flag string
	// Score is what was heard. Its notes are there only if they were asked for, and counted in any
	// case.
	Score midi.Score
	// ErrorCode and ErrorMessage say why a transcription failed, where the provider says so.
	ErrorCode    int
	ErrorMessage string
}

// MIDIRecord looks a transcription up. The answer is read as a stream, and no more of it is kept
// than the notes, if they are asked for. The error is [ErrNoRecord] or [ErrOtherTask], possibly
// wrapped, or an [*Error].
func (c *Client) MIDIRecord(ctx context.Context, midiTaskID string, withNotes bool) (*MIDIRecord, error) {
	reader := &midiReader{keep: withNotes}
	l := call{
		op: opMIDIRecord, method: http.MethodGet, path: pathMIDIRecord, query: url.Values{"taskId": {midiTaskID}},
		read: reader.readAnswer,
	}
	a, err := c.do(ctx, l)
	if err != nil {
		if refused, ok := errors.AsType[*Error](err); ok && RouteDedicated.saysNoRecord(refused) {
			return nil, fmt.Errorf("kie %s: %w", opMIDIRecord, ErrNoRecord)
		}
		return nil, err
	}
	switch {
	case !reader.hasData:
		return nil, fmt.Errorf("kie %s: %w", opMIDIRecord, ErrNoRecord)
	case reader.oddData:
		return nil, c.refusal(l, a, errors.New("the answer's data is not an object"))
	}
	record := reader.record()
	if record.TaskID != "" && !strings.EqualFold(record.TaskID, midiTaskID) {
		return nil, fmt.Errorf("kie %s: %w", opMIDIRecord, ErrOtherTask)
	}
	secrets := c.redact.With(secretPath(text(reader.get(callbackURL))))
	record.ErrorMessage = secrets.Outside(record.ErrorMessage)
	record.Flag = secrets.Outside(record.Flag)
	for i := range record.Score.Instruments {
		record.Score.Instruments[i].Name = secrets.Outside(record.Score.Instruments[i].Name)
	}
	return record, nil
}

// readAnswer reads an answer as a stream where it is JSON, and else as any other.
func (r *midiReader) readAnswer(resp *http.Response) (answer, error) {
	body := bufio.NewReader(resp.Body)
	if begin, _ := body.Peek(1); len(begin) == 0 || begin[0] != '{' && strings.IndexByte(blanks, begin[0]) < 0 {
		other := *resp
		other.Body = io.NopCloser(body)
		return readAnswer(&other)
	}
	limited := &limitedReader{from: body, left: maxMIDIAnswer}
	err := r.read(limited)
	a := answer{status: resp.StatusCode}
	switch {
	case limited.exceeded:
		return a, fmt.Errorf("the answer is larger than %d bytes", maxMIDIAnswer)
	case errors.Is(err, ErrTooManyNotes):
		return a, err
	case err != nil && resp.StatusCode/100 == 2:
		return a, fmt.Errorf("the answer was cut or is no JSON: %w", err)
	case err != nil:
		return a, nil // it is the status that counts
	}
	a.code, a.enveloped = integer(r.code)
	a.message = text(r.message)
	return a, nil
}

// limitedReader reads so much, and knows whether there was more.
type limitedReader struct {
	from     io.Reader
	left     int64
	exceeded bool
}

// Read implements io.Reader.
func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		l.exceeded = true
		return 0, io.ErrUnexpectedEOF
	}
	n, err := l.from.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// record is what was read.
func (r *midiReader) record() *MIDIRecord {
	m := r.members()
	said := m.state()
	record := &MIDIRecord{
		TaskID: m.taskID(), State: said.State, Flag: said.word, Score: midi.Score{Instruments: r.instruments},
		ErrorCode:    m.errorCode(),
		ErrorMessage: printable(cmp.Or(text(m[errorMessage]), text(m[failMessage]))),
	}
	// Notes are written when all is done. That the callback could not be delivered says nothing of
	// them.
	if (said.word == "" || said.State == CallbackException) && r.listed {
		record.State = Succeeded
	}
	if record.State == CallbackException {
		record.State = Pending
	}
	return record
}
