package kie

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"stemflow"
)

// ErrNoRecord says that the provider knows no such separation task. Right after the paid call it
// may only not know it yet.
var ErrNoRecord = errors.New(
	"the provider has no record of this separation task, check the id or look again in a moment",
)

// State is where a separation stands.
type State string

const (
	// Pending: not done, or in a state the provider does not document.
	Pending State = "pending"
	// Succeeded: done; the stems may still be without links for a moment.
	Succeeded State = "succeeded"
	// Failed: failed for good.
	Failed State = "failed"
	// CallbackException: the provider could not deliver its callback. Nothing is said of the audio:
	// there are stems or there are not.
	CallbackException State = "callback_exception"
)

var states = map[string]State{
	"PENDING":               Pending,
	"SUCCESS":               Succeeded,
	"CREATE_TASK_FAILED":    Failed,
	"GENERATE_AUDIO_FAILED": Failed,
	"CALLBACK_EXCEPTION":    CallbackException,
	// Seen in the provider's sibling services only.
	"SENSITIVE_WORD_ERROR": Failed,
	"FAIL":                 Failed,
	"FAILED":               Failed,
}

// Record is what the provider knows of a separation.
type Record struct {
	TaskID string
	// AudioID is the track that was separated.
	AudioID string
	// CallbackURL is what the paid call gave. Ours holds a secret token: compare it, then drop it.
	CallbackURL string
	State       State
	// Flag is the provider's own word for State, printable.
	Flag string
	// Stems are those with a link, in canonical order. OriginURL is the unseparated track, where
	// given.
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

// The provider answers for an unknown id with success and no data, in its sibling services with
// this text under code 422.
var noRecordText = regexp.MustCompile(`(?i)\brecord (does not|doesn['’]t) exist`)

// Record looks a separation up. The error is [ErrNoRecord], possibly wrapped, or an [*Error].
func (c *Client) Record(ctx context.Context, separationTaskID string) (*Record, error) {
	l := call{op: opRecord, method: http.MethodGet, path: pathRecord, query: url.Values{"taskId": {separationTaskID}}}
	a, err := c.do(ctx, l)
	if err != nil {
		if refused, ok := errors.AsType[*Error](err); ok && refused.Code == http.StatusUnprocessableEntity &&
			noRecordText.MatchString(refused.Message) {
			return nil, fmt.Errorf("kie %s: %w", opRecord, ErrNoRecord)
		}
		return nil, err
	}
	record, err := decodeRecord(a.data)
	if errors.Is(err, ErrNoRecord) {
		return nil, fmt.Errorf("kie %s: %w", opRecord, err)
	}
	if err != nil {
		return nil, c.refusal(l, a, err)
	}
	return record, nil
}

// decodeRecord reads the "data" of an answer.
func decodeRecord(raw json.RawMessage) (*Record, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, ErrNoRecord
	}
	data, ok := parseObject(raw)
	if !ok {
		return nil, errors.New("the answer's data is not an object")
	}
	r := &Record{
		TaskID:       text(data.get("taskId")),
		AudioID:      text(data.get("musicId")),
		CallbackURL:  text(data.get("callbackUrl")),
		ErrorMessage: printable(text(data.get("errorMessage"))),
		CreatedAt:    instant(data.get("createTime")),
		CompletedAt:  instant(data.get("completeTime")),
	}
	if r.AudioID == "" {
		r.AudioID = text(data.get("audioId"))
	}
	r.ErrorCode, _ = integer(data.get("errorCode"))
	r.State, r.Flag = state(data.get("successFlag"))
	r.Stems, r.OriginURL = collectStems(data)
	r.Announced = announcedStems(data, r.Stems)
	return r, nil
}

func state(raw json.RawMessage) (State, string) {
	flag := text(raw)
	if s, ok := states[strings.ToUpper(flag)]; ok {
		return s, flag
	}
	if flag == "" && string(raw) != "null" {
		flag = string(raw)
	}
	return Pending, printable(flag)
}
