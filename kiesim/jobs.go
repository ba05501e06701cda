package kiesim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"
)

// jobsModel is the name of separations on the jobs route.
const jobsModel = "ai-music-api/separate-vocals"

// createTask is POST /api/v1/jobs/createTask: generate by the route that serves every model.
func (s *Simulator) createTask(w http.ResponseWriter, r *http.Request) {
	var fields struct {
		Model       string            `json:"model"`
		CallBackURL string            `json:"callBackUrl"`
		Input       map[string]string `json:"input"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestSize)).Decode(&fields); err != nil {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusBadRequest, ""))
		return
	}
	kind := cmp.Or(fields.Input["type"], SeparateVocal)
	switch {
	case fields.Model == wavModel:
		kind = WAV
	case fields.Model == jobsModel && kind == WAV: // it is no separation
		kind = "?"
	case fields.Model == jobsModel:
	default:
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, "The model is not supported."))
		return
	}
	input := fields.Input
	s.submit(w, r, generateRequest{
		TaskID: input["task_id"], AudioID: input["audio_id"], AudioURL: input["audio_url"],
		CallBackURL: fields.CallBackURL,
		Type:        kind, StemName: input["stem_name"], Jobs: true,
	})
}

// jobsRecordInfo is GET /api/v1/jobs/recordInfo.
func (s *Simulator) jobsRecordInfo(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("taskId")
	fault, data := s.look(id, true)
	if data == nil {
		s.answer(w, r, fault, refusal(http.StatusUnprocessableEntity, "recordInfo is null"))
		return
	}
	s.answer(w, r, fault, success(data))
}

// jobsRecord is the data of an answer of the jobs route.
func (t *task) jobsRecord(now time.Time) object {
	l := t.lookedAt(now)
	state := map[string]string{flagPending: "generating", flagSuccess: "success", flagFailed: "fail"}[l.flag]
	failCode, failMessage := any(""), any("")
	if l.errorCode != nil {
		state, failCode, failMessage = "fail", l.errorCode, l.errorMessage
	}
	members := object{
		{"taskId", t.id},
		{"model", t.model()},
		{"state", cmp.Or(state, l.flag)},
		{"param", string(encode(t.jobsRequest()))},
		{"resultJson", ""},
		{"failCode", failCode},
		{"failMsg", failMessage},
		{"costTime", nil},
		{"completeTime", l.completed},
		{"createTime", t.scenario.Record.Times.format(t.accepted)},
		{"updateTime", t.scenario.Record.Times.format(now)},
	}
	if l.missing != nil {
		form := cmp.Or(t.scenario.Record.Links, LinksResultJSON)
		if t.request.Type == WAV {
			form = LinksResultURLs
		}
		members = members.with(t.linkMembers(form, *l.missing)...)
	}
	return members
}

// model is the task's name on the jobs route.
func (t *task) model() string {
	if t.request.Type == WAV {
		return wavModel
	}
	return jobsModel
}

// jobsRequest is the request as the record shows it.
func (t *task) jobsRequest() object {
	input := object{{"task_id", t.request.TaskID}, {"audio_id", t.request.AudioID}, {"type", t.request.Type}}
	if t.request.AudioURL != "" {
		input = object{{"audio_url", t.request.AudioURL}, {"type", t.request.Type}}
	}
	if t.request.StemName != "" {
		input = append(input, member{"stem_name", t.request.StemName})
	}
	if t.request.Type == WAV {
		input = object{{"task_id", t.request.TaskID}, {"audio_id", t.request.AudioID}}
	}
	return object{{"model", t.model()}, {"callBackUrl", t.request.CallBackURL}, {"input", input}}
}
