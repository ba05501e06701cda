package kie

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"

	"stemflow"
)

// maxAnswer bounds the body of an answer, in bytes after decompression. Records are some kilobytes.
const maxAnswer = 1 << 20

// answer is what the provider said: its envelope {"code", "msg", "data"}, or what stood in its
// place.
type answer struct {
	// status is HTTP's. The provider sends most refusals with 200 and tells the truth in code.
	status int
	// enveloped is false for pages of the edge and whatever else is not the provider's own.
	enveloped bool
	code      int
	message   string
	data      json.RawMessage
	// tasks are the ids of tasks that it names, wherever they stand.
	tasks []string
}

// readAnswer fails if the body cannot be read to its end; a body of another shape is an answer all
// the same.
func readAnswer(resp *http.Response) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("the answer was cut: %w", err)
	}
	if len(body) > maxAnswer {
		return answer{}, fmt.Errorf(
			"the answer is larger than %d bytes, check that the base URL is the provider's",
			maxAnswer,
		)
	}
	return decodeAnswer(resp.StatusCode, body), nil
}

func decodeAnswer(status int, body []byte) answer {
	a := answer{status: status}
	if envelope, ok := parseBody(body); ok {
		a.code, a.enveloped = integer(envelope.get("code"))
		a.message = text(envelope.get("msg"))
		a.data = envelope.get("data")
		a.tasks = tasksIn(envelope)
	} else if len(body) <= maxMessage {
		// The edge's short texts ("error code: 1010") say what is wrong; its pages only fill a log.
		a.message = string(body)
	}
	return a
}

// tasksIn are the ids of tasks in an object, which may be wrapped in others.
func tasksIn(in object) (ids []string) {
	for raw := range taskFields(in) {
		id := text(raw)
		if n, ok := number(raw); ok && id == "" && n != 0 {
			id = string(raw)
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// taskFields are the fields for the id of a task, in an object and in those that it wraps.
func taskFields(in object) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		for range 4 {
			read := in.pick("task_id", "taskId", "data")
			if !yield(read[0]) || !yield(read[1]) {
				return
			}
			inner, ok := parseObject(unwrap(read[2]))
			if !ok {
				return
			}
			in = inner
		}
	}
}

// success says that the provider says so: for the paid call that is acceptance, if a task id
// stands with it.
func (a answer) success() bool {
	return a.status/100 == 2 && a.enveloped && a.code == stemflow.CodeOK
}

var (
	// ErrEdge says that the provider's edge refuses this client. It says nothing about what was
	// asked for.
	ErrEdge = errors.New("the refusal is not from the API but from the provider's edge or a proxy on the way: " +
		"it is this client that is refused (User-Agent, address), not the API key")

	errRedirect     = errors.New("the answer is a redirect and none is followed, check the base URL")
	errNotEnveloped = errors.New("the answer is not the provider's JSON")
)

// oddity explains an answer that is not the provider's own; nil for one that is.
func (a answer) oddity() error {
	switch {
	case a.status/100 == 3:
		return errRedirect
	case a.enveloped:
		return nil
	case a.status == http.StatusForbidden:
		return ErrEdge
	default:
		return errNotEnveloped
	}
}
