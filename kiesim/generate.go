package kiesim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path"
	"time"
)

// maxRequestSize is far more than any request of this API needs.
const maxRequestSize = 1 << 20

// generateRequest is the body of generate.
type generateRequest struct {
	TaskID, AudioID, AudioURL, CallBackURL, Type, StemName string
	// Jobs is set for a task of the jobs route.
	Jobs bool
}

// decodeGenerateRequest reads the fields by their exact names, as the provider does and
// encoding/json would not.
func decodeGenerateRequest(body io.Reader) (generateRequest, error) {
	var fields map[string]any
	if err := json.NewDecoder(body).Decode(&fields); err != nil {
		return generateRequest{}, err
	}
	text := func(name string) string {
		s, _ := fields[name].(string)
		return s
	}
	request := generateRequest{
		TaskID: text("taskId"), AudioID: text("audioId"), AudioURL: text("audioUrl"),
		CallBackURL: text("callBackUrl"), Type: text("type"), StemName: text("stemName"),
	}
	if request.Type == "" {
		request.Type = SeparateVocal
	}
	return request, nil
}

// problem is what the provider says to a request that does not validate, empty if it does.
func (g generateRequest) problem() string {
	callback, err := url.Parse(g.CallBackURL)
	isAddress := err == nil && callback.Host != "" && (callback.Scheme == "http" || callback.Scheme == "https")
	switch {
	case g.CallBackURL == "" && !g.Jobs: // that route can do without
		return "Please enter callBackUrl."
	case g.CallBackURL != "" && !isAddress:
		return "The callBackUrl is not a valid URL."
	case g.AudioURL != "" && g.TaskID+g.AudioID != "":
		return "audioUrl and taskId, audioId are mutually exclusive."
	case g.AudioURL == "" && (g.TaskID == "" || g.AudioID == ""):
		return cannotBeEmpty
	case parts[g.Type] == nil:
		return unknownType
	case g.Type == SplitStemAdvanced && g.StemName == "":
		return "Please enter stemName."
	}
	return ""
}

// key is what scenarios and the bill know the track by: its audio id, or the file name of a song's
// address.
func (g generateRequest) key() string {
	if g.AudioURL == "" {
		return g.AudioID
	}
	u, err := url.Parse(g.AudioURL)
	if err != nil {
		return g.AudioURL
	}
	return path.Base(u.Path)
}

// scenarioKey is what scenarios know the task by.
func (g generateRequest) scenarioKey() string {
	if g.Type == WAV {
		return WAVKey(g.AudioID)
	}
	return g.key()
}

const unknownType = "The type is not supported."

// cannotBeEmpty ("must not be empty") is what the provider says to a missing field.
const cannotBeEmpty = "不能为空"

// generate is POST /api/v1/vocal-removal/generate: the call that costs.
func (s *Simulator) generate(w http.ResponseWriter, r *http.Request) {
	request, err := decodeGenerateRequest(http.MaxBytesReader(w, r.Body, maxRequestSize))
	if err != nil {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusBadRequest, ""))
		return
	}
	if request.Type == WAV { // it is no separation
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, unknownType))
		return
	}
	s.submit(w, r, request)
}

// submit is the call that costs, by either route.
func (s *Simulator) submit(w http.ResponseWriter, r *http.Request, request generateRequest) {
	s.mu.Lock()
	scenario := s.scenarios.take(request.scenarioKey())
	s.mu.Unlock()

	fault := scenario.Submit
	if fault.Answer != "" && !fault.Accept {
		s.answer(w, r, fault, success(nil))
		return
	}
	if problem := request.problem(); problem != "" {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, problem))
		return
	}
	if request.AudioURL != "" {
		if err := s.fetch(r.Context(), request.AudioURL); err != nil {
			writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, err.Error()))
			return
		}
	}
	t, code := s.accept(request, scenario, s.baseURL(r))
	if code != http.StatusOK {
		writeJSON(w, r, http.StatusOK, refusal(code, ""))
		return
	}
	s.log.Info("task accepted", "task", t.id, "audio", request.key(), "type", request.Type)

	if scenario.Callback.Delay < 0 {
		s.sendCallback(s.closing, t)
	}
	// Settling does not wait for an answer that is late or never comes; otherwise it waits for the
	// client to have its answer.
	if fault.late() {
		s.settleLater(t)
	} else {
		defer s.settleLater(t)
	}
	s.answer(w, r, fault, success(object{{"taskId", t.id}}))
}

// accept bills a separation and makes its task. Any code but 200 is a refusal.
func (s *Simulator) accept(request generateRequest, scenario Scenario, base string) (*task, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if request.Type == WAV && s.converted(request) {
		return nil, http.StatusConflict
	}
	if s.bill.Balance < prices[request.Type] {
		return nil, http.StatusPaymentRequired
	}
	if !s.limiter.allow(now) {
		return nil, http.StatusTooManyRequests
	}
	t := &task{
		id:       newTaskID(),
		request:  request,
		base:     base,
		scenario: scenario,
		accepted: now,
		done:     make(chan struct{}),
	}
	t.stems = separate(t)
	s.add(t)
	s.bill.charge(t)
	s.keep()
	return t, http.StatusOK
}

// add makes a task and its files known. The mutex is held.
func (s *Simulator) add(t *task) {
	s.tasks[t.id] = t
	for _, stem := range t.stems {
		s.paths[stem.path] = stem
	}
}

// baseURL is the scheme and host of links that are made for a request.
func (s *Simulator) baseURL(r *http.Request) string {
	if s.options.PublicURL != "" {
		return s.options.PublicURL
	}
	return "http://" + r.Host
}
