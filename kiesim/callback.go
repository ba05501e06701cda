package kiesim

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// wording is a documented form of the callback body.
type wording struct {
	// container is the object with the links.
	container string
	success   string
	// failure is the message for separate_vocal, splitFailure for the others, failureCode the code
	// of both.
	failure, splitFailure string
	failureCode           int
	// msgLast puts msg behind data, in a success.
	msgLast bool
}

var wordings = map[Dialect]wording{
	DialectEN: {
		container: "vocal_separation_info", success: "vocal separation generated successfully.",
		failure: "Vocal separation failed", splitFailure: "Instrument separation failed", failureCode: 500,
	},
	DialectCN: {
		container: "vocal_removal_info", success: "vocal Removal generated successfully.",
		failure: "人声分离失败", splitFailure: "乐器分离失败", failureCode: 501,
	},
	DialectSunoAPI: {
		container: "vocal_removal_info", success: "vocal Removal generated successfully.",
		failure: "Vocal separation failed", splitFailure: "Vocal separation failed", failureCode: 400, msgLast: true,
	},
}

// callbackVariant is what a callback says other than the truth. The zero value says the truth.
type callbackVariant struct {
	// taskID names another task.
	taskID string
	// failure claims that the task failed.
	failure bool
	// linkBase is the scheme and host of the links.
	linkBase string
}

// callbackBody is the body of a callback. The caller holds the mutex.
func (t *task) callbackBody(v callbackVariant) object {
	body := t.told(v).codedCallback(v)
	if t.scenario.Callback.NoCode {
		body = body.without("code")
	}
	return body
}

func (t *task) codedCallback(v callbackVariant) object {
	if t.request.Type == WAV {
		return t.wavCallback(v)
	}
	words := t.wording()
	code, message, info := http.StatusOK, words.success, any(nil)
	if failure := t.scenario.Outcome.Failure; failure != nil || v.failure {
		code, message = words.failureCode, t.failureMessage()
		if failure != nil {
			code = cmp.Or(failure.Code, code)
		}
	} else {
		info = t.callbackInfo()
	}
	id, idField := cmp.Or(v.taskID, t.id), cmp.Or(t.scenario.Callback.IDField, "task_id")
	form := t.scenario.Callback.Form
	switch links, _ := info.(object); {
	case form == CallbackRecord, form == "" && t.request.Jobs:
		return envelope(code, message, t.recordInCallback(code, id))
	case form == CallbackFlat:
		return envelope(code, message, object{{idField, id}}.with(links...))
	case form == CallbackBare:
		return object{{"code", code}, {"msg", message}, {idField, id}}.with(links...)
	}
	data := object{{idField, id}, {words.container, info}}
	if words.msgLast && code == http.StatusOK {
		return object{{"code", code}, {"data", data}, {"msg", message}}
	}
	return envelope(code, message, data)
}

// told is the task as its callback knows it: done and complete, whatever a look at its record
// shows.
func (t *task) told(v callbackVariant) *task {
	told := *t
	told.base = cmp.Or(v.linkBase, t.base)
	told.scenario.Record = Record{State: t.scenario.Record.State, Links: t.scenario.Record.Links}
	told.undelivered, told.looks, told.complete = false, 1, true
	if told.settled.IsZero() {
		told.settled = time.Now()
	}
	return &told
}

// recordInCallback is the record of a task as told, under an id.
func (t *task) recordInCallback(code int, id string) object {
	if code != http.StatusOK && t.scenario.Outcome.Failure == nil {
		t.scenario.Outcome.Failure = &Failure{}
	}
	var record object
	switch {
	case t.request.Jobs:
		record = t.jobsRecord(t.settled)
	case t.request.Type == WAV:
		record = t.wavRecord(t.settled)
	default:
		record = t.record(t.settled)
	}
	if field := t.scenario.Callback.IDField; field != "" {
		return record.without("taskId").with(member{field, id})
	}
	return record.with(member{"taskId", id})
}

// callbackInfo is the container with the links.
func (t *task) callbackInfo() object {
	missing := t.scenario.Outcome.Links
	if t.request.Type == SplitStemAdvanced {
		return object{{"origin_data", t.originData(t.base, missing)}}.with(t.extraCallbackFields()...)
	}
	keys := callbackKeys[t.request.Type]
	if name := t.scenario.Outcome.ExtraStem; name != "" {
		keys = append(keys[:len(keys):len(keys)], name+"_url")
	}
	var members object
	for _, key := range keys {
		link := any("")
		if key == "origin_url" {
			link = t.scenario.Outcome.OriginURL
		} else if missing == LinksNull {
			link = nil
		} else if stem := t.stemByCallbackKey(key); stem == nil {
			link = t.scenario.Outcome.EmptyLink
		} else if missing == "" {
			link = stem.link(t.base)
		}
		members = append(members, member{key, link})
	}
	return append(members, t.extraCallbackFields()...)
}

// capital is where the words of a name in camel case part.
var capital = regexp.MustCompile("[A-Z]")

// extraCallbackFields are those of the record in the spelling of callbacks.
func (t *task) extraCallbackFields() []member {
	var members []member
	for _, key := range slices.Sorted(maps.Keys(t.scenario.Outcome.ExtraFields)) {
		snake := strings.ToLower(capital.ReplaceAllString(key, "_$0"))
		members = append(members, member{snake, t.scenario.Outcome.ExtraFields[key]})
	}
	return members
}

// stemByCallbackKey is the first stem with that key, nil if there is none or nothing in it.
func (t *task) stemByCallbackKey(key string) *stem {
	for _, stem := range t.stems {
		if stem.callbackKey == key && !stem.empty {
			return stem
		}
	}
	return nil
}
