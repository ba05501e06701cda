package kiesim

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// The control surface is for the person or test that runs the simulator. It asks for no key.

// CallbackNow is a callback that is sent by hand: late, once more, or forged.
type CallbackNow struct {
	// TaskID is the separation, or the transcription, whose callback URL is used. Of a
	// transcription the callback says the truth.
	TaskID string `json:"taskId"`
	// AsTaskID is the task that the callback claims to be for; empty is TaskID.
	AsTaskID string `json:"asTaskId,omitempty"`
	// Failure makes it a failure callback.
	Failure bool `json:"failure,omitempty"`
	// LinkBase is the scheme and host that its links lead to, in place of the simulator's.
	LinkBase string `json:"linkBase,omitempty"`
	// Signature spoils the signature headers.
	Signature Signature `json:"signature,omitempty"`
}

func (c CallbackNow) validate() error {
	return oneOf("signature", c.Signature, SignatureMissing, SignatureWrong, SignatureStale, SignatureEarly)
}

// ErrUnknownTask is the error of SendCallback and Settle for a task that was never accepted.
var ErrUnknownTask = errors.New("no such task was accepted")

// SendCallback sends a callback at once, whatever the state of its task, with no retry. It returns
// the receiver's HTTP status.
func (s *Simulator) SendCallback(ctx context.Context, c CallbackNow) (int, error) {
	if err := c.validate(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	t, transcription := s.tasks[c.TaskID], s.midis[c.TaskID]
	s.mu.Unlock()
	if transcription != nil {
		made := func() object { return transcription.callback() }
		return s.post(ctx, transcription.callbackURL, transcription.id, made, c.Signature)
	}
	if t == nil {
		return 0, ErrUnknownTask
	}
	v := callbackVariant{taskID: c.AsTaskID, failure: c.Failure, linkBase: c.LinkBase}
	return s.post(ctx, t.request.CallBackURL, cmp.Or(v.taskID, t.id),
		func() object { return t.callbackBody(v) }, c.Signature)
}

// Settle settles a task now, whatever its delay and whether or not it would stay pending, and its
// callback follows. A task that is settled stays as it is.
func (s *Simulator) Settle(taskID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if transcription := s.midis[taskID]; transcription != nil {
		s.settleMIDI(transcription)
		return nil
	}
	t := s.tasks[taskID]
	if t == nil {
		return ErrUnknownTask
	}
	s.settle(t)
	return nil
}

// controlScenario is POST /sim/knobs: the scenario of a track on top of the defaults, for good or,
// with "once", for one call of generate.
func (s *Simulator) controlScenario(w http.ResponseWriter, r *http.Request) {
	var request struct {
		AudioID string `json:"audioId"`
		Once    bool   `json:"once"`
		Scenario
	}
	// The defaults are copied by way of JSON, so that nothing decoded on top of them gets into
	// them.
	err := json.Unmarshal(encode(s.options.Defaults), &request.Scenario)
	if err == nil {
		err = decodeControl(w, r, &request)
	}
	if err == nil && request.AudioID == "" {
		err = errors.New("audioId: name the track")
	}
	if err == nil {
		err = request.Validate()
	}
	if err != nil {
		controlAnswer(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	if request.Once {
		s.QueueScenarios(request.AudioID, request.Scenario)
	} else {
		s.SetScenario(request.AudioID, request.Scenario)
	}
	controlAnswer(w, http.StatusOK, request.Scenario)
}

// controlCallback is POST /sim/callback: SendCallback.
func (s *Simulator) controlCallback(w http.ResponseWriter, r *http.Request) {
	var request CallbackNow
	err := decodeControl(w, r, &request)
	if err == nil {
		err = request.validate()
	}
	if err != nil {
		controlAnswer(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	status, err := s.SendCallback(r.Context(), request)
	switch {
	case errors.Is(err, ErrUnknownTask):
		controlAnswer(w, http.StatusNotFound, controlError{err.Error()})
	case err != nil:
		controlAnswer(w, http.StatusBadGateway, controlError{"the callback was not answered: " + err.Error()})
	default:
		controlAnswer(w, http.StatusOK, map[string]int{"status": status})
	}
}

// controlSettle is POST /sim/settle: Settle.
func (s *Simulator) controlSettle(w http.ResponseWriter, r *http.Request) {
	var request struct {
		TaskID string `json:"taskId"`
	}
	if err := decodeControl(w, r, &request); err != nil {
		controlAnswer(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	if err := s.Settle(request.TaskID); err != nil {
		controlAnswer(w, http.StatusNotFound, controlError{err.Error()})
		return
	}
	controlAnswer(w, http.StatusOK, request)
}

// controlBill is GET /sim/bill.
func (s *Simulator) controlBill(w http.ResponseWriter, _ *http.Request) {
	controlAnswer(w, http.StatusOK, s.Bill())
}

// controlError is what the control surface says to a request that it cannot grant.
type controlError struct {
	Error string `json:"error"`
}

// decodeControl reads a request of the control surface, in which a misspelt field is an error.
func decodeControl(w http.ResponseWriter, r *http.Request, request any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestSize))
	decoder.DisallowUnknownFields()
	return decoder.Decode(request)
}

func controlAnswer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(body), '\n'))
}
