package kie

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/redact"
)

// ErrNoRecord says that the provider knows no such task. Right after the paid call it
// may only not know it yet.
var ErrNoRecord = errors.New("the provider has no record of this task, check the id or look again in a moment")

// ErrOtherTask says that the record is that of another task. Nothing in it is believed.
var ErrOtherTask = errors.New(
	"the provider answered with the record of another task, which is not believed; look again in a moment",
)

// Record is what the provider knows of a separation, or of another task that is paid for.
type Record struct {
	TaskID string
	// AudioID is the track that was separated.
	AudioID string
	// CallbackURL is what the paid call gave. Ours holds a secret token: compare it, then drop it.
	CallbackURL string
	State       State
	// Flag is the provider's own word for State, printable.
	Flag string
	// Stems are those with a link, in canonical order, no more than stemflow.MaxStems. OriginURL is
	// the unseparated track, where given.
	Stems     []stemflow.SourceStem
	OriginURL string
	// Announced are names without a link that the documents do not know.
	Announced []string
	// ErrorCode and ErrorMessage say why a separation failed; the code is 0 and the message empty
	// where the provider gives none.
	ErrorCode    int
	ErrorMessage string
	// CreatedAt and CompletedAt are zero where not given.
	CreatedAt, CompletedAt time.Time
}

// Record looks a separation up, as [Client.RecordOf] does.
func (c *Client) Record(ctx context.Context, separationTaskID string) (*Record, error) {
	return c.RecordOf(ctx, Separation, separationTaskID)
}

// RecordOf looks a task of a kind up. The error is [ErrNoRecord] or [ErrOtherTask], possibly
// wrapped, or an [*Error].
//
// Each route knows only the tasks that were submitted by it. Where the configured one has no record
// the other is asked, so that what was paid for by one can be read after a change to the other.
func (c *Client) RecordOf(ctx context.Context, t *Task, taskID string) (*Record, error) {
	record, err := c.recordBy(ctx, t, c.route, taskID)
	if err == nil || !errors.Is(err, ErrNoRecord) && !isMissing(err) {
		return record, err
	}
	record, otherErr := c.recordBy(ctx, t, c.route.other(), taskID)
	switch {
	case otherErr == nil:
		return record, nil
	case errors.Is(otherErr, ErrNoRecord), isMissing(otherErr):
		return nil, err
	default:
		// Whether there is a record is not known.
		return nil, otherErr
	}
}

// isMissing reports whether an endpoint, or what it was asked for, does not exist.
func isMissing(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && (refused.Code == http.StatusNotFound || refused.Code == 0 && refused.HTTPStatus == http.StatusNotFound)
}

// recordBy looks a task up by one route.
func (c *Client) recordBy(ctx context.Context, t *Task, route Route, taskID string) (*Record, error) {
	l := call{
		op: t.opRecord, method: http.MethodGet, path: route.recordPath(t), query: url.Values{"taskId": {taskID}},
	}
	a, err := c.do(ctx, l)
	if err != nil {
		if refused, ok := errors.AsType[*Error](err); ok && route.saysNoRecord(refused) {
			return nil, fmt.Errorf("kie %s: %w", t.opRecord, ErrNoRecord)
		}
		return nil, err
	}
	record, err := t.decodeRecord(a.data)
	switch {
	case errors.Is(err, ErrNoRecord):
		return nil, fmt.Errorf("kie %s: %w", t.opRecord, err)
	case err != nil:
		return nil, c.refusal(l, a, err)
	case record.TaskID != "" && !strings.EqualFold(record.TaskID, taskID):
		return nil, fmt.Errorf("kie %s: %w", t.opRecord, ErrOtherTask)
	}
	record.hide(c.redact.With(secretPath(record.CallbackURL)))
	return record, nil
}

// hide hides secrets in the texts of a record that go on to histories, ledgers and manifests. The
// callback URL is dropped by who compares it.
func (r *Record) hide(secrets *redact.Redactor) {
	r.ErrorMessage = secrets.Outside(r.ErrorMessage)
	r.Flag = secrets.Outside(r.Flag)
	for i := range r.Stems {
		r.Stems[i].SourceID = secrets.Secrets(r.Stems[i].SourceID)
	}
}

// decodeRecord reads the "data" of an answer.
func (t *Task) decodeRecord(raw json.RawMessage) (*Record, error) {
	if len(raw) == 0 {
		return nil, ErrNoRecord
	}
	data, ok := parseObject(unwrap(raw))
	if !ok {
		return nil, errors.New("the answer's data is not an object")
	}
	m := readMembers(data)
	if t.isOther(m[model]) {
		return nil, ErrNoRecord // it is one of another kind
	}
	r := &Record{
		TaskID:       m.taskID(),
		AudioID:      cmp.Or(text(m[musicID]), text(m[audioID])),
		CallbackURL:  text(m[callbackURL]),
		ErrorMessage: printable(cmp.Or(text(m[errorMessage]), text(m[failMessage]))),
		ErrorCode:    m.errorCode(),
		CreatedAt:    instant(m[createTime]),
		CompletedAt:  instant(m[completeTime]),
	}
	if asked, ok := parseObject(unwrap(m[param])); ok {
		read := asked.pick("callBackUrl", "input")
		r.CallbackURL = cmp.Or(r.CallbackURL, text(read[0]))
		if input, ok := parseObject(unwrap(read[1])); ok {
			r.AudioID = cmp.Or(r.AudioID, text(input.get("audio_id")))
		}
	}
	if t.localTimes {
		r.CreatedAt, r.CompletedAt = zoned(m[createTime], r.CreatedAt), zoned(m[completeTime], r.CompletedAt)
	}
	var err error
	if r.Stems, r.OriginURL, r.Announced, err = readStems(data); err != nil {
		return nil, err
	}
	r.Stems = t.links(data, r.Stems)
	said := m.state()
	if r.State, r.Flag = said.State, said.word; said.word == "" && len(r.Stems) > 0 {
		r.State = Succeeded // links are made when all is done
	}
	return r, nil
}

// The members of a record that are read, and their names.
const (
	taskID = iota
	musicID
	audioID
	callbackURL
	successFlag
	status
	stateName
	errorCode
	errorMessage
	failCode
	failMessage
	createTime
	completeTime
	param
	model
	wrapped
)

var memberNames = []string{
	taskID: "task_id", musicID: "musicId", audioID: "audioId", callbackURL: "callbackUrl",
	successFlag: "successFlag", status: "status", stateName: "state",
	errorCode: "errorCode", errorMessage: "errorMessage", failCode: "failCode", failMessage: "failMsg",
	createTime: "createTime", completeTime: "completeTime", param: "param", model: "model", wrapped: "data",
}

// members are a record's by the constants above; nil where there is none.
type members []json.RawMessage

// readMembers reads a record's own members. It may be wrapped in another object or two: what the
// outer one has comes first.
func readMembers(data object) members {
	m := members(data.pick(memberNames...))
	for range 2 {
		inner, ok := parseObject(unwrap(m[wrapped]))
		if !ok {
			break
		}
		within := inner.pick(memberNames...)
		for i := range m {
			if m[i] == nil {
				m[i] = within[i]
			}
		}
		m[wrapped] = within[wrapped]
	}
	return m
}

func (m members) taskID() string { return text(m[taskID]) }

func (m members) state() statement {
	return stateOf(m[successFlag], m[status], m[stateName])
}

func (m members) errorCode() int {
	if code, ok := integer(m[errorCode]); ok {
		return code
	}
	code, _ := integer(m[failCode])
	return code
}
