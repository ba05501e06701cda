package kiesim

import (
	"cmp"
	"net/http"
	"strconv"
	"time"
)

// The record's successFlag.
const (
	flagPending           = "PENDING"
	flagSuccess           = "SUCCESS"
	flagFailed            = "GENERATE_AUDIO_FAILED"
	flagCallbackException = "CALLBACK_EXCEPTION"
)

// recordInfo is GET /api/v1/vocal-removal/record-info.
func (s *Simulator) recordInfo(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("taskId")
	if id == "" {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, cannotBeEmpty))
		return
	}
	fault, data := s.look(id)
	s.answer(w, r, fault, success(data))
}

// look shows the record of a task, which is nil where there is none.
func (s *Simulator) look(id string) (Fault, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[id]
	if t == nil {
		return Fault{}, nil
	}
	t.recordCalls++
	fault := t.scenario.RecordInfo.due(t.recordCalls)
	if fault.Answer != "" {
		return fault, nil
	}
	t.looks++
	if t.looks <= t.scenario.Record.NullLooks || time.Since(t.accepted) < time.Duration(t.scenario.Record.NullFor) {
		return fault, nil
	}
	return fault, t.record(time.Now())
}

// record is the data of a record-info answer.
func (t *task) record(now time.Time) object {
	shown := t.scenario.Record
	flag, settled := flagPending, !t.settled.IsZero() && now.Sub(t.settled) >= time.Duration(shown.Lag)
	var completed, response, errorCode, errorMessage any
	switch {
	case t.looks <= shown.NullLooks+shown.UnknownFlagLooks:
		flag = cmp.Or(shown.UnknownFlag, "QUEUED")
	case !settled:
	case t.scenario.Outcome.Failure != nil:
		failure := t.scenario.Outcome.Failure
		flag = cmp.Or(failure.Flag, flagFailed)
		completed = shown.Times.format(t.settled)
		errorCode, errorMessage = cmp.Or(failure.Code, http.StatusInternalServerError), t.failureMessage()
	case t.undelivered && t.scenario.Callback.Exception != "":
		flag = flagCallbackException
		completed = shown.Times.format(t.settled)
		if t.scenario.Callback.Exception == ExceptionWithLinks {
			response = t.response()
		}
	default:
		flag = flagSuccess
		completed = shown.Times.format(t.settled)
		response = t.response()
	}
	return object{
		{"taskId", t.id},
		{"musicId", t.request.AudioID},
		{"callbackUrl", t.request.CallBackURL},
		{"musicIndex", 0},
		{"completeTime", completed},
		{"response", response},
		{"successFlag", flag},
		{"createTime", shown.Times.format(t.accepted)},
		{"errorCode", errorCode},
		{"errorMessage", errorMessage},
	}
}

// response is the record's list of links. Looking at it renews those that were tried after they had
// expired.
func (t *task) response() object {
	missing := t.scenario.Outcome.Links
	if missing != "" {
		if after := t.scenario.Outcome.LinksAfter; after > 0 && t.bareLooks >= after {
			missing = ""
		}
		t.bareLooks++
	}
	if missing == "" {
		for _, stem := range t.stems {
			stem.file.renew()
		}
	}

	members := object{
		{"id", nil},
		{"originUrl", orNull(t.scenario.Outcome.OriginURL)},
		{"originData", t.originData(t.base, missing)},
	}
	for _, instrument := range instruments {
		if instrument.recordKey != "" {
			members = append(members, member{instrument.recordKey, t.recordLink(instrument.recordKey, missing)})
		}
	}
	if name := t.scenario.Outcome.ExtraStem; name != "" {
		key := name + "Url"
		members = append(members, member{key, t.recordLink(key, missing)})
	}
	return members
}

func (t *task) recordLink(key string, missing Links) any {
	for _, stem := range t.stems {
		if stem.recordKey != key || stem.empty || stem.late(time.Now()) {
			continue
		}
		switch missing {
		case LinksNull:
			return nil
		case LinksEmpty:
			return ""
		}
		return stem.link(t.base)
	}
	return nil
}

// originData is the list of results with links to base, in pairs for split_stem_advanced.
func (t *task) originData(base string, missing Links) any {
	if missing == LinksNull {
		return nil
	}
	items := []object{}
	if missing == LinksEmpty {
		return items
	}
	for _, stem := range t.stems {
		item := object{
			{"duration", cmp.Or(stem.file.settings.AnnouncedSeconds, stem.recording.Duration.Seconds())},
			{"audio_url", stem.link(base)},
			{"stem_type_group_name", stem.group},
			{"id", stem.id},
		}
		switch {
		case stem.empty, stem.late(time.Now()):
		case stem.name == extract:
			items = append(items, object{{extract, item}})
		case stem.name == remove && len(items) > 0:
			items[len(items)-1] = append(items[len(items)-1], member{remove, item})
		case stem.name == remove:
			items = append(items, object{{remove, item}})
		default:
			items = append(items, item)
		}
	}
	return items
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// format writes a time of a record. The provider's times are whole seconds in milliseconds.
func (f TimeFormat) format(t time.Time) any {
	t = t.Truncate(time.Second)
	switch f {
	case TimesNumericString:
		return strconv.FormatInt(t.UnixMilli(), 10)
	case TimesDateTime:
		return t.UTC().Format(time.RFC3339)
	}
	return t.UnixMilli()
}
