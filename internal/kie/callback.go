package kie

import (
	"cmp"
	"errors"

	"stemflow"
)

// DecodeCallback reads the body of a callback, whatever its dialect: English
// (vocal_separation_info), Chinese and the sibling service's (vocal_removal_info), camel case. It
// fails if the body is not a JSON object, names no task or carries no code; the error says which
// field. The size of the body is the caller's to bound.
func DecodeCallback(body []byte) (stemflow.Callback, error) {
	envelope, ok := parseBody(body)
	if !ok {
		return stemflow.Callback{}, errors.New("the callback's body is not a JSON object")
	}
	data, _ := parseObject(envelope.get("data"))
	// The order in which the provider's own samples and its services' bodies have it.
	taskID := cmp.Or(
		text(data.get("task_id")), text(data.get("taskId")),
		text(envelope.get("task_id")), text(envelope.get("taskId")),
	)
	if taskID == "" {
		return stemflow.Callback{}, errors.New("the callback names no task: data.task_id is missing or empty")
	}
	if !usableID(taskID) {
		return stemflow.Callback{}, errors.New("the callback names no task: data.task_id is not an id of the provider")
	}
	code, ok := integer(envelope.get("code"))
	if !ok {
		return stemflow.Callback{}, errors.New(
			"the callback does not say how the task ended: code is missing or not a number",
		)
	}
	stems, originURL := collectStems(data)
	return stemflow.Callback{
		TaskID:    taskID,
		Code:      code,
		Message:   printable(text(envelope.get("msg"))),
		Stems:     stems,
		OriginURL: originURL,
	}, nil
}
