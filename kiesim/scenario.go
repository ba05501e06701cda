package kiesim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"stemflow/internal/tune"
)

// Scenario says how the provider behaves towards one separation: from the submit over record and
// callback to the files. The zero value is a provider in perfect health. The README has a table of
// them all.
type Scenario struct {
	// Dialect is that of the callbacks. Empty is as in the defaults, and DialectAuto there.
	Dialect Dialect `json:"dialect,omitempty"`
	// Delay is the time from acceptance until the task is settled. 0 is as in the defaults, and at
	// once there.
	Delay Duration `json:"delay,omitzero"`

	// Submit, RecordInfo, MusicInfo and DownloadURL spoil the answers of the four endpoints.
	Submit      Fault `json:"submit,omitzero"`
	RecordInfo  Fault `json:"recordInfo,omitzero"`
	MusicInfo   Fault `json:"musicInfo,omitzero"`
	DownloadURL Fault `json:"downloadUrl,omitzero"`

	// Music is what the record of the music task says of the track.
	Music    Music    `json:"music,omitzero"`
	Outcome  Outcome  `json:"outcome,omitzero"`
	Record   Record   `json:"record,omitzero"`
	Callback Callback `json:"callback,omitzero"`

	// Files are by the name of the stem, "extract" and "remove" for those of split_stem_advanced;
	// AllStems is for those that have no entry of their own.
	Files map[string]File `json:"files,omitempty"`
	// LinkLifetime is how long a link from download-url works. 0 is the documented 20 minutes.
	LinkLifetime Duration `json:"linkLifetime,omitzero"`
	// MIDI is how stems are transcribed.
	MIDI MIDI `json:"midi,omitzero"`
}

// AllStems is the key in Scenario.Files for every stem without an entry of its own.
const AllStems = "*"

// Dialect is one of the documented forms of the callback body.
type Dialect string

const (
	// DialectAuto is DialectEN, and for split_stem_advanced DialectCN, which is the one its
	// callback is documented in.
	DialectAuto    Dialect = "auto"
	DialectEN      Dialect = "en"
	DialectCN      Dialect = "cn"
	DialectSunoAPI Dialect = "sunoapi"
)

// Fault spoils the answer of an endpoint.
type Fault struct {
	// Answer replaces the honest answer. Empty leaves it as it is.
	Answer Answer `json:"answer,omitempty"`
	// Code and Message are the verdict of AnswerRefuse. An empty message is the provider's usual
	// one for the code.
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Status is the real HTTP status of AnswerRefuse (default 200) and of AnswerHTML (default 502).
	Status int `json:"status,omitempty"`
	// Delay is a pause before the answer, honest or not.
	Delay Duration `json:"delay,omitzero"`
	// Times is how many calls are spoiled before the endpoint recovers; 0 is all.
	Times int `json:"times,omitempty"`
	// Accept makes generate accept and bill the call before the answer is spoiled. Without it a
	// spoiled call was not accepted.
	Accept bool `json:"accept,omitempty"`
}

// Answer is what an endpoint answers in place of the truth.
type Answer string

const (
	// AnswerRefuse is an envelope with Code and Message.
	AnswerRefuse Answer = "refuse"
	// AnswerHTML is an error page of the edge.
	AnswerHTML Answer = "html"
	// AnswerBlocked is the edge's HTTP 403 with the text "error code: 1010".
	AnswerBlocked Answer = "blocked"
	// AnswerHang never comes: the client times out.
	AnswerHang Answer = "hang"
	// AnswerCut closes the connection without a word.
	AnswerCut Answer = "cut"
	// AnswerUnreadable breaks off in the middle of the JSON, with a proper end of the HTTP body.
	AnswerUnreadable Answer = "unreadable"
	// AnswerCutGzip breaks off in the middle of the compressed body, with a proper end of the HTTP
	// body.
	AnswerCutGzip Answer = "cutGzip"
	// AnswerNoData is success with "data":null.
	AnswerNoData Answer = "noData"
)

// Outcome is what becomes of the task.
type Outcome struct {
	// Pending keeps the record PENDING until Settle.
	Pending bool `json:"pending,omitempty"`
	// Failure fails the task.
	Failure *Failure `json:"failure,omitempty"`
	// Links takes the links out of a successful task, in record and callback.
	Links Links `json:"links,omitempty"`
	// LinksAfter is how many looks at the record it takes until the links are there; 0 is that they
	// never are.
	LinksAfter int `json:"linksAfter,omitempty"`
	// EmptyStems are the stems that the provider found nothing for: null in the record, "" in the
	// callback.
	EmptyStems []string `json:"emptyStems,omitempty"`
	// LateStems are those whose links the record shows only this long after the task was settled; 0
	// is never. The callback has them all.
	LateStems []string `json:"lateStems,omitempty"`
	LateBy    Duration `json:"lateBy,omitzero"`
	// ExtraStem is an instrument that the documents do not know, like "kazoo".
	ExtraStem string `json:"extraStem,omitempty"`
	// EmptyLink is what a stem with nothing in it has for a link: "None", "null", "/None.mp3".
	EmptyLink string `json:"emptyLink,omitempty"`
	// ExtraFields stand beside the links: "imageUrl" in the record, image_url in the callback.
	ExtraFields map[string]any `json:"extraFields,omitempty"`
	// OpaqueLinks name neither the stem nor its id.
	OpaqueLinks bool `json:"opaqueLinks,omitempty"`
	// OriginDataBase is the scheme and host of the links in originData, which then lead elsewhere
	// than those beside it; that they lead anywhere is not said.
	OriginDataBase string `json:"originDataBase,omitempty"`
	// OriginURL is the link to the unseparated track.
	OriginURL string `json:"originUrl,omitempty"`
	// Candidates is how many sets of stems originData has; 0 is one.
	Candidates int `json:"candidates,omitempty"`
}

// Failure is how a task fails.
type Failure struct {
	// Code is 500 in the record and as documented for the dialect in the callback, unless given.
	// 531 refunds the credits.
	Code int `json:"code,omitempty"`
	// Message is the dialect's, unless given.
	Message string `json:"message,omitempty"`
	// Flag is the record's successFlag, GENERATE_AUDIO_FAILED unless given.
	Flag string `json:"flag,omitempty"`
}

// Links says in which form links are missing.
type Links string

const (
	LinksNull  Links = "null"
	LinksEmpty Links = "empty"
)

// Record is how record-info shows the task.
type Record struct {
	// NullLooks and NullFor keep the record invisible ("data":null) for that many looks or that
	// long after acceptance.
	NullLooks int      `json:"nullLooks,omitempty"`
	NullFor   Duration `json:"nullFor,omitzero"`
	// UnknownFlagLooks is how many looks, after those, show UnknownFlag ("QUEUED" unless given),
	// whatever the task's state.
	UnknownFlagLooks int    `json:"unknownFlagLooks,omitempty"`
	UnknownFlag      string `json:"unknownFlag,omitempty"`
	// Lag is how long a settled task still shows as PENDING.
	Lag Duration `json:"lag,omitzero"`
	// Times is the form of createTime and completeTime; empty is milliseconds as a number.
	Times TimeFormat `json:"times,omitempty"`
	// State is how the record says its state; empty is as documented for the route.
	State StateForm `json:"state,omitempty"`
	// Links is where the record keeps the links; empty is as documented for the route.
	Links LinksForm `json:"links,omitempty"`
	// OtherTaskLooks is how many looks, after those without a record, show the record of another
	// task; -1 is all.
	OtherTaskLooks int `json:"otherTaskLooks,omitempty"`
	// NoTaskID leaves the task's id out.
	NoTaskID bool `json:"noTaskId,omitempty"`
	// PartialLooks is how many looks at a successful record show the links of the first
	// PartialStems stems only; -1 is all. The callback names all stems.
	PartialLooks int `json:"partialLooks,omitempty"`
	PartialStems int `json:"partialStems,omitempty"`
	// BothRoutes lets each route show the tasks that were submitted by the other.
	BothRoutes bool `json:"bothRoutes,omitempty"`
}

// StateForm is a way in which a record says its state.
type StateForm string

const (
	// StateNumber and StateNumericString are successFlag as 0 to 3 and as "0" to "3".
	StateNumber        StateForm = "number"
	StateNumericString StateForm = "numericString"
	// StateStatus is the same words in status.
	StateStatus StateForm = "status"
	// StateState is the words of the jobs route in state.
	StateState StateForm = "state"
)

// LinksForm is a place of a record's links.
type LinksForm string

const (
	// LinksNested is the response one level deeper, in "vocal_removal_info".
	LinksNested LinksForm = "nested"
	// LinksDoubled is the whole record one level deeper, in "data".
	LinksDoubled LinksForm = "doubled"
	// LinksString is the response as a JSON string.
	LinksString LinksForm = "string"
	// LinksResultJSON is the container of a callback, in resultJson as a JSON string.
	LinksResultJSON LinksForm = "resultJson"
	// LinksResultURLs is a bare list, in resultJson as a JSON string.
	LinksResultURLs LinksForm = "resultUrls"
)

// TimeFormat is a form of a record's times.
type TimeFormat string

const (
	TimesNumericString TimeFormat = "numericString"
	TimesDateTime      TimeFormat = "dateTime"
)

// Callback is how the callback travels.
type Callback struct {
	// Delay is the time from settling until the callback. A negative one is early: the callback
	// comes before the answer to the submit.
	Delay Duration `json:"delay,omitzero"`
	// Lost sends none.
	Lost bool `json:"lost,omitempty"`
	// Duplicates is how many more of the same follow.
	Duplicates int `json:"duplicates,omitempty"`
	// ForOtherTask sends one for a task that nobody started ahead of it.
	ForOtherTask bool `json:"forOtherTask,omitempty"`
	// Signature spoils the signature headers; empty leaves them right.
	Signature Signature `json:"signature,omitempty"`
	// Failure makes it a failure callback, whatever the record says.
	Failure bool `json:"failure,omitempty"`
	// Form is where its members stand; empty is as documented for the route.
	Form CallbackForm `json:"form,omitempty"`
	// IDField is the name by which a callback calls the task's id; empty is task_id, and taskId in
	// the form of a record.
	IDField string `json:"idField,omitempty"`
	// NoCode leaves the code out.
	NoCode bool `json:"noCode,omitempty"`
	// Exception makes the record CALLBACK_EXCEPTION once delivery is given up, or at once when the
	// callback is lost.
	Exception Exception `json:"exception,omitempty"`
}

// CallbackForm is a form of a callback, beside the documented ones that [Dialect] picks from.
type CallbackForm string

const (
	// CallbackRecord has the task's record for data.
	CallbackRecord CallbackForm = "record"
	// CallbackFlat has the links beside data.task_id, CallbackBare beside a task_id at the top.
	CallbackFlat CallbackForm = "flat"
	CallbackBare CallbackForm = "bare"
)

// Signature is a way to spoil the signature of a callback.
type Signature string

const (
	SignatureMissing Signature = "missing"
	// SignatureWrong is made with another key.
	SignatureWrong Signature = "wrong"
	// SignatureStale is right for its timestamp, which is an hour old.
	SignatureStale Signature = "stale"
	// SignatureEarly is right for its timestamp, which is an hour ahead.
	SignatureEarly Signature = "early"
)

// Exception is a form of CALLBACK_EXCEPTION.
type Exception string

const (
	ExceptionWithLinks    Exception = "withLinks"
	ExceptionWithoutLinks Exception = "withoutLinks"
)

// File is how the file host serves a stem.
type File struct {
	// Size is in bytes, at least 1024: the tune is cut or repeated to it. 0 is the tune as it is.
	Size int64 `json:"size,omitempty"`
	// AnnouncedSeconds is the stem's duration in originData; 0 is the true one.
	AnnouncedSeconds float64 `json:"announcedSeconds,omitempty"`
	// Silent serves a stem in which nothing plays.
	Silent bool `json:"silent,omitempty"`
	// Content is what the file has in it other than the tune alone.
	Content FileContent `json:"content,omitempty"`
	// ContentType replaces audio/mpeg.
	ContentType string `json:"contentType,omitempty"`
	// Chunked leaves Content-Length out.
	Chunked bool `json:"chunked,omitempty"`
	// BytesPerSecond slows the file down.
	BytesPerSecond int `json:"bytesPerSecond,omitempty"`
	// Redirect is the scheme and host that every request is sent on to, unless it came in under
	// that host.
	Redirect string `json:"redirect,omitempty"`
	// Fault spoils the first Times requests of the file, or all if Times is 0.
	Fault FileFault `json:"fault,omitempty"`
	// Status is that of FileStatus.
	Status int `json:"status,omitempty"`
	Times  int `json:"times,omitempty"`
	// Expired is when the link stops working, ExpiredStatus (default 403) what it answers then: 400
	// and 401 with an object store's error.
	Expired       Expiry `json:"expired,omitempty"`
	ExpiredStatus int    `json:"expiredStatus,omitempty"`
	// RenewedBy is where a link that works can be had after the expired one has been tried; empty
	// is both.
	RenewedBy Renewal `json:"renewedBy,omitempty"`
}

// FileFault is a way to spoil a file.
type FileFault string

const (
	// FileTruncated ends in the middle, short of its Content-Length.
	FileTruncated FileFault = "truncated"
	// FileShort is the first third of the file, with that third's length.
	FileShort FileFault = "short"
	// FileStall stops in the middle and keeps the connection open.
	FileStall FileFault = "stall"
	// FileEmpty is HTTP 200 without a byte, FileHTML HTTP 200 with an error page.
	FileEmpty FileFault = "empty"
	FileHTML  FileFault = "html"
	// FileStatus is an HTTP error with File.Status.
	FileStatus FileFault = "status"
	// FileBlocked is the edge's HTTP 403 with the text "error code: 1010".
	FileBlocked FileFault = "blocked"
)

// Expiry is a time at which a link expires.
type Expiry string

const (
	ExpiredAtOnce Expiry = "atOnce"
	// ExpiredMidRead breaks the first read off in the middle.
	ExpiredMidRead Expiry = "midRead"
)

// Renewal is where an expired link can be renewed.
type Renewal string

const (
	RenewedByRecordInfo  Renewal = "recordInfo"
	RenewedByDownloadURL Renewal = "downloadUrl"
	RenewedNever         Renewal = "never"
)

// Validate reports every field with a value that it cannot have.
func (s Scenario) Validate() error {
	var errs []error
	errs = append(errs,
		s.MIDI.validate(),
		oneOf("dialect", s.Dialect, DialectAuto, DialectEN, DialectCN, DialectSunoAPI),
		s.Submit.validate("submit"), s.RecordInfo.validate("recordInfo"), s.MusicInfo.validate("musicInfo"),
		s.DownloadURL.validate("downloadUrl"),
		oneOf("outcome.links", s.Outcome.Links, LinksNull, LinksEmpty),
		oneOf("record.times", s.Record.Times, TimesNumericString, TimesDateTime),
		oneOf("record.state", s.Record.State, StateNumber, StateNumericString, StateStatus, StateState),
		oneOf("record.links", s.Record.Links,
			LinksNested, LinksDoubled, LinksString, LinksResultJSON, LinksResultURLs),
		oneOf("callback.form", s.Callback.Form, CallbackRecord, CallbackFlat, CallbackBare),
		oneOf("callback.signature", s.Callback.Signature,
			SignatureMissing, SignatureWrong, SignatureStale, SignatureEarly),
		oneOf("callback.exception", s.Callback.Exception, ExceptionWithLinks, ExceptionWithoutLinks),
	)
	if s.RecordInfo.Accept || s.MusicInfo.Accept || s.DownloadURL.Accept {
		errs = append(errs, errors.New("accept: only submit has it"))
	}
	for _, name := range s.Outcome.EmptyStems {
		errs = append(errs, s.validateStem("outcome.emptyStems", name))
	}
	for _, name := range s.Outcome.LateStems {
		errs = append(errs, s.validateStem("outcome.lateStems", name))
	}
	for name, file := range s.Files {
		if name != AllStems {
			errs = append(errs, s.validateStem("files", name))
		}
		errs = append(errs, file.validate("files."+name))
	}
	return errors.Join(errs...)
}

func (s Scenario) validateStem(field, name string) error {
	if name == s.Outcome.ExtraStem ||
		slices.ContainsFunc(instruments, func(i instrument) bool { return i.name == name }) {
		return nil
	}
	return fmt.Errorf("%s: there is no stem %q", field, name)
}

func (f Fault) validate(field string) error {
	if f.Answer == AnswerRefuse && f.Code == 0 {
		return fmt.Errorf("%s.code: it takes a code to refuse", field)
	}
	return oneOf(
		field+".answer",
		f.Answer,
		AnswerRefuse,
		AnswerHTML,
		AnswerBlocked,
		AnswerHang,
		AnswerCut,
		AnswerUnreadable,
		AnswerCutGzip,
		AnswerNoData,
	)
}

func (f File) validate(field string) error {
	var errs []error
	if f.Size != 0 && f.Size < tune.MinSize {
		errs = append(errs, fmt.Errorf("%s.size: at least %d bytes", field, tune.MinSize))
	}
	if f.Fault == FileStatus && f.Status == 0 {
		errs = append(errs, fmt.Errorf("%s.status: the fault %q takes one", field, FileStatus))
	}
	errs = append(errs,
		oneOf(field+".fault", f.Fault,
			FileTruncated, FileShort, FileStall, FileEmpty, FileHTML, FileStatus, FileBlocked),
		oneOf(field+".content", f.Content, ContentZeros, ContentTagOnly, ContentWAV, ContentMP3),
		oneOf(field+".expired", f.Expired, ExpiredAtOnce, ExpiredMidRead),
		oneOf(field+".renewedBy", f.RenewedBy, RenewedByRecordInfo, RenewedByDownloadURL, RenewedNever),
	)
	return errors.Join(errs...)
}

// oneOf accepts the empty value, which leaves a field alone, and the given ones.
func oneOf[T ~string](field string, value T, allowed ...T) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, p := range allowed {
		names[i] = string(p)
	}
	return fmt.Errorf("%s: %q is none of %s", field, value, strings.Join(names, ", "))
}
