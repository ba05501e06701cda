package kiesim

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
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
func (s *Simulator) recordInfo(w http.ResponseWriter, r *http.Request) { s.recordOf(w, r, false) }

// recordOf answers with the record of a conversion, or of a separation.
func (s *Simulator) recordOf(w http.ResponseWriter, r *http.Request, wav bool) {
	id := r.URL.Query().Get("taskId")
	if id == "" {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, cannotBeEmpty))
		return
	}
	s.mu.Lock()
	t := s.tasks[id]
	isOther := t != nil && (t.request.Type == WAV) != wav
	s.mu.Unlock()
	if isOther {
		writeJSON(w, r, http.StatusOK, success(nil))
		return
	}
	fault, data := s.look(id, false)
	s.answer(w, r, fault, success(data))
}

// look shows the record of a task on a route. It is nil where there is none.
func (s *Simulator) look(id string, jobs bool) (Fault, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[id]
	if t == nil || t.request.Jobs != jobs && !t.scenario.Record.BothRoutes {
		return Fault{}, nil
	}
	t.recordCalls++
	fault := t.scenario.RecordInfo.due(t.recordCalls)
	if fault.Answer != "" {
		return fault, nil
	}
	t.looks++
	shown := t.scenario.Record
	if t.looks <= shown.NullLooks || time.Since(t.accepted) < time.Duration(shown.NullFor) {
		return fault, nil
	}
	return fault, t.shownRecord(time.Now(), jobs)
}

// shownRecord is the data of an answer: the record, or what the scenario makes of it.
func (t *task) shownRecord(now time.Time, jobs bool) object {
	shown := t.scenario.Record
	data := t.record(now)
	if t.request.Type == WAV {
		data = t.wavRecord(now)
	}
	if jobs {
		data = t.jobsRecord(now)
	}
	if others := shown.OtherTaskLooks; others < 0 || t.looks <= shown.NullLooks+others {
		data = data.with(member{"taskId", newTaskID()})
	}
	if shown.NoTaskID {
		data = data.without("taskId")
	}
	if shown.Links == LinksDoubled {
		data = object{{"data", data}}
	}
	return data
}

// lookedAt is what a look at a task finds.
type lookedAt struct {
	// flag is the documented word for the state.
	flag                               string
	completed, errorCode, errorMessage any
	// missing says in which form links are missing; nil: there is no result to have links.
	missing *Links
}

func (t *task) lookedAt(now time.Time) lookedAt {
	shown := t.scenario.Record
	l := lookedAt{flag: flagPending}
	settled := !t.settled.IsZero() && now.Sub(t.settled) >= time.Duration(shown.Lag)
	if t.looks <= shown.NullLooks+shown.UnknownFlagLooks {
		l.flag = cmp.Or(shown.UnknownFlag, "QUEUED")
		return l
	}
	if !settled {
		return l
	}
	l.completed = shown.Times.format(t.settled)
	switch failure := t.scenario.Outcome.Failure; {
	case failure != nil:
		l.flag = cmp.Or(failure.Flag, flagFailed)
		l.errorCode, l.errorMessage = cmp.Or(failure.Code, http.StatusInternalServerError), t.failureMessage()
	case t.undelivered && t.scenario.Callback.Exception != "":
		l.flag = flagCallbackException
		if t.scenario.Callback.Exception == ExceptionWithLinks {
			l.missing = t.missingLinks()
		}
	default:
		l.flag = flagSuccess
		l.missing = t.missingLinks()
	}
	return l
}

// record is the data of a record-info answer.
func (t *task) record(now time.Time) object {
	l := t.lookedAt(now)
	stateKey, state := t.scenario.Record.State.of(l.flag)
	members := object{
		{"taskId", t.id},
		{"musicId", cmp.Or(t.request.AudioID, t.id)}, // what it is for a song is not documented
		{"callbackUrl", t.request.CallBackURL},
		{"musicIndex", 0},
		{"completeTime", l.completed},
		{"response", nil},
		{stateKey, state},
		{"createTime", t.scenario.Record.Times.format(t.accepted)},
		{"errorCode", l.errorCode},
		{"errorMessage", l.errorMessage},
	}
	if l.missing != nil {
		members = members.with(t.linkMembers(t.scenario.Record.Links, *l.missing)...)
	}
	return members
}

// of is the member of a record that says its state, for one of the documented words.
func (f StateForm) of(flag string) (key string, value any) {
	number := map[string]int{flagPending: 0, flagSuccess: 1, "CREATE_TASK_FAILED": 2, flagFailed: 3}
	n, hasNumber := number[flag]
	switch {
	case f == StateNumber && hasNumber:
		return "successFlag", n
	case f == StateNumericString && hasNumber:
		return "successFlag", strconv.Itoa(n)
	case f == StateStatus:
		return "status", flag
	case f == StateState && hasNumber:
		return "state", []string{"generating", "success", "fail", "fail"}[n]
	case f == StateState:
		return "state", flag
	}
	return "successFlag", flag
}

// missingLinks counts a look at the result and says in which form links are missing. A look with
// links renews those that were tried after they had expired.
func (t *task) missingLinks() *Links {
	missing := t.scenario.Outcome.Links
	t.resultLooks++
	if after := t.scenario.Outcome.LinksAfter; after > 0 && t.resultLooks > after {
		missing = ""
	}
	if missing == "" {
		for _, stem := range t.stems {
			stem.file.renew()
		}
	}
	return &missing
}

// linkMembers are the members of a record that have the links.
func (t *task) linkMembers(form LinksForm, missing Links) []member {
	switch form {
	case LinksNested:
		return []member{{"response", object{{"vocal_removal_info", t.response(missing)}}}}
	case LinksString:
		return []member{{"response", string(encode(t.response(missing)))}}
	case LinksResultJSON:
		result := object{{"vocal_separation_info", t.response(missing)}}
		return []member{{"resultJson", string(encode(result))}}
	case LinksResultURLs:
		links := []string{}
		for _, stem := range t.stems {
			if link, ok := t.recordLink(stem, missing).(string); ok && link != "" {
				links = append(links, link)
			}
		}
		return []member{{"resultJson", string(encode(object{{"resultUrls", links}}))}}
	}
	return []member{{"response", t.response(missing)}}
}

// response is the record's list of links.
func (t *task) response(missing Links) object {
	members := object{
		{"id", nil},
		{"originUrl", orNull(t.scenario.Outcome.OriginURL)},
		{"originData", t.originData(cmp.Or(t.scenario.Outcome.OriginDataBase, t.base), missing)},
	}
	for _, instrument := range instruments {
		if instrument.recordKey != "" {
			members = append(members, member{instrument.recordKey, t.recordLinkByKey(instrument.recordKey, missing)})
		}
	}
	if name := t.scenario.Outcome.ExtraStem; name != "" {
		key := name + "Url"
		members = append(members, member{key, t.recordLinkByKey(key, missing)})
	}
	for _, key := range slices.Sorted(maps.Keys(t.scenario.Outcome.ExtraFields)) {
		members = append(members, member{key, t.scenario.Outcome.ExtraFields[key]})
	}
	return members
}

// recordLinkByKey is the link of the first stem with that key that has one, or what its last one
// has in place of it.
func (t *task) recordLinkByKey(key string, missing Links) (link any) {
	for _, stem := range t.stems {
		if stem.recordKey != key {
			continue
		}
		if link = t.recordLink(stem, missing); !stem.empty {
			break
		}
	}
	return link
}

// recordLink is the link of a stem as a record has it.
func (t *task) recordLink(stem *stem, missing Links) any {
	switch {
	case stem.empty:
		return orNull(t.scenario.Outcome.EmptyLink)
	case missing == LinksNull, !t.shown(stem):
		return nil
	case missing == LinksEmpty:
		return ""
	}
	return stem.link(t.base)
}

// shown reports whether the look at hand is one that shows the link of a stem.
func (t *task) shown(stem *stem) bool {
	if t.complete {
		return true
	}
	if stem.late(time.Now()) {
		return false
	}
	shown := t.scenario.Record
	if shown.PartialLooks == 0 || shown.PartialLooks > 0 && t.resultLooks > shown.PartialLooks {
		return true
	}
	return slices.Index(t.stems, stem) < shown.PartialStems
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
		case stem.empty, !t.shown(stem):
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
