package kiesim

import (
	"cmp"
	"net/http"
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
	words := t.wording()
	code, message, info := http.StatusOK, words.success, any(nil)
	if failure := t.scenario.Outcome.Failure; failure != nil || v.failure {
		code, message = words.failureCode, t.failureMessage()
		if failure != nil {
			code = cmp.Or(failure.Code, code)
		}
	} else {
		info = t.callbackInfo(cmp.Or(v.linkBase, t.base))
	}
	data := object{{"task_id", cmp.Or(v.taskID, t.id)}, {words.container, info}}
	if words.msgLast && code == http.StatusOK {
		return object{{"code", code}, {"data", data}, {"msg", message}}
	}
	return envelope(code, message, data)
}

// callbackInfo is the container with the links, to files at base.
func (t *task) callbackInfo(base string) object {
	missing := t.scenario.Outcome.Links
	if t.request.Type == SplitStemAdvanced {
		return object{{"origin_data", t.originData(base, missing)}}
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
		} else if stem := t.stemByCallbackKey(key); stem != nil && missing == "" {
			link = stem.link(base)
		}
		members = append(members, member{key, link})
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
