package kie

import (
	"cmp"
	"errors"
	"net/http"

	"stemflow"
)

// maxCallback bounds what a callback says, in bytes: its links and the names with them. It becomes
// a signal, and so a part of a history. Callbacks of the provider have about two thousand.
const maxCallback = 16 << 10

// CallbackBody is the body of a callback of which only the task is read: enough to verify its
// signature.
type CallbackBody struct {
	// TaskID is the separation that the callback is about.
	TaskID string

	envelope object
}

// ReadCallback reads the task of a callback. It fails if the body is not a JSON object or names no
// task; the error says which field. What it costs grows with the length of the body alone, which is
// the caller's to bound.
func ReadCallback(body []byte) (CallbackBody, error) {
	envelope, ok := parseBody(body)
	if !ok {
		return CallbackBody{}, errors.New("the callback's body is not a JSON object")
	}
	b := CallbackBody{envelope: envelope}
	read := envelope.pick("data", "task_id", "taskId")
	if data, ok := parseObject(unwrap(read[0])); ok {
		b.TaskID = taskIDIn(data)
	}
	// The order in which the provider's own samples and its services' bodies have it.
	b.TaskID = cmp.Or(b.TaskID, text(read[1]), text(read[2]))
	if b.TaskID == "" {
		return CallbackBody{}, errors.New("the callback names no task: data.task_id is missing or empty")
	}
	if !usableID(b.TaskID) {
		return CallbackBody{}, errors.New("the callback names no task: data.task_id is not an id of the provider")
	}
	return b, nil
}

// taskIDIn is the task id of an object, which may be wrapped in others: what the outer one has is
// first.
func taskIDIn(in object) string {
	for raw := range taskFields(in) {
		if id := text(raw); id != "" {
			return id
		}
	}
	return ""
}

// Decode reads the rest, whatever the dialect: English (vocal_separation_info), Chinese and the
// sibling service's (vocal_removal_info), camel case, the shape of a record of either route, or
// links beside the task id. A callback may carry no code, or a word for one; its state, or else its
// links, say then how the task ended, and if nothing does the code is 0. A code of any other kind
// is an error.
//
// What it returns is bounded. A list of links that is longer than that of any separation is left
// out as a whole, and so are the links of a task that is not done.
func (b CallbackBody) Decode() (stemflow.Callback, error) {
	envelope := b.envelope.pick("code", "msg")
	code, isNumber := integer(envelope[0])
	if !isNumber && len(envelope[0]) > 0 && envelope[0][0] != '"' {
		return stemflow.Callback{}, errors.New(
			"the callback does not say how the task ended: code is not a number",
		)
	}
	told := readMembers(b.envelope)
	callback := stemflow.Callback{
		TaskID:  b.TaskID,
		Code:    code,
		Message: printable(cmp.Or(text(envelope[1]), text(told[errorMessage]), text(told[failMessage]))),
	}
	// A list that is too long is none.
	callback.Stems, callback.OriginURL, _, _ = readStems(b.envelope)
	if len(callback.Stems) == 0 {
		callback.Stems = wavLinks(b.envelope)
	}
	if size(callback) > maxCallback {
		callback.Stems, callback.OriginURL = nil, ""
	}
	switch said := told.state(); {
	case said.State == Failed:
		if callback.Code == 0 || callback.Code == stemflow.CodeOK {
			callback.Code = failureCode(told)
		}
	case said.known && said.State == Pending:
		callback.Stems, callback.OriginURL = nil, ""
	case callback.Code == 0 && (said.State == Succeeded || len(callback.Stems) > 0):
		callback.Code = stemflow.CodeOK
	}
	return callback, nil
}

// failureCode is that of a failed task, 500 where it gives none.
func failureCode(m members) int {
	if code := m.errorCode(); code > 0 && code != stemflow.CodeOK {
		return code
	}
	return http.StatusInternalServerError
}

// size is about how long a callback is when it is encoded.
func size(c stemflow.Callback) int {
	n := len(c.Message) + len(c.OriginURL)
	for _, s := range c.Stems {
		n += len(s.Name) + len(s.URL) + len(s.SourceID)
	}
	return n
}
