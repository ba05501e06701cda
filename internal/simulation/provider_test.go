package simulation

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"stemflow"
)

// The provider's requests, as steps.
const (
	opCall   = "paid call"
	opRecord = "record-info"
	opLink   = "download-url"
	opFile   = "file"
)

const (
	apiHost  = "api.provider.example"
	fileHost = "files.provider.example"
)

// provider is the provider in memory, with the forms of its documents. It carries what the
// product's own clients send.
type provider struct {
	sim       *sim
	awayUntil time.Time
	tasks     []*task
}

// task is one separation, or one WAV, that the provider accepted, and billed.
type task struct {
	id          string
	isWAV       bool
	run         *run
	step        int
	callbackURL string
	audioID     string
	acceptedAt  time.Time
	settlesAt   time.Time
	fails       bool
	// late is for how long after it settled the record has no link for the last stem. Meanwhile the
	// callback has one if inCallback, and the file is there if hasFile.
	late                time.Duration
	inCallback, hasFile bool
	// version counts the renewals of its links.
	version int
}

// linked reports whether a stem has its link in the record.
func (t *task) linked(key string) bool {
	keys := t.keys()
	return key != keys[len(keys)-1] || !time.Now().Before(t.settlesAt.Add(t.late))
}

func (t *task) settled() bool { return !time.Now().Before(t.settlesAt) }

// keys are what the task yields, by what the names of its links begin with; of a WAV by the name
// of its file.
func (t *task) keys() []string {
	if t.isWAV {
		return []string{stemflow.WAVName}
	}
	return []string{"vocal", "instrumental"}
}

// refusals are the answers with which a paid call surely is not accepted.
var refusals = []struct {
	status, code int
	message      string
}{
	{200, 429, "call frequency is too high"}, {429, 429, "too many requests"}, {200, 430, "too many requests"},
	{200, 455, "the website is being maintained"}, {200, 401, "unauthorized"}, {200, 402, "no credits"},
	{200, 422, "validation error"}, {200, 500, "Your balance isn't enough: credits insufficient"}, {404, 404,
		"not found"},
}

// RoundTrip implements http.RoundTripper for the provider's API and its file host.
func (p *provider) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		trace = &httptrace.ClientTrace{}
	}
	x := executionOf(ctx)
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	if trace.GetConn != nil {
		trace.GetConn(req.URL.Host)
	}
	connected := func() {
		if trace.GotConn != nil {
			trace.GotConn(httptrace.GotConnInfo{})
		}
	}
	var resp *http.Response
	var err error
	switch {
	case req.URL.Host == fileHost:
		err = p.file(x, req, &resp)
	case strings.HasSuffix(req.URL.Path, "/generate"):
		err = p.generate(x, req, body, &resp)
	case strings.HasSuffix(req.URL.Path, "/record-info"):
		err = x.effect(ctx, opRecord, func() error {
			isWAV := strings.Contains(req.URL.Path, "/wav/")
			resp = envelope(200, 200, "success", p.record(req.URL.Query().Get("taskId"), isWAV))
			return nil
		})
	case strings.HasSuffix(req.URL.Path, "/recordInfo"): // the jobs route, which knows nothing of the other's tasks
		resp = envelope(200, 422, "recordInfo is null", nil)
	case strings.HasSuffix(req.URL.Path, "/download-url"):
		err = x.effect(ctx, opLink, func() error {
			resp = envelope(200, 422, "not a link of ours", nil)
			return nil
		})
	default:
		err = fmt.Errorf("the simulated provider has no %s", req.URL)
	}
	if err != nil {
		if !errors.Is(err, errAway) {
			connected()
		}
		return nil, err
	}
	connected()
	resp.Request = req
	return resp, nil
}

func envelope(status, code int, message string, data any) *http.Response {
	body, err := json.Marshal(map[string]any{"code": code, "msg": message, "data": data})
	if err != nil {
		panic(err)
	}
	return response(status, body)
}

func response(status int, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

func (p *provider) generate(x *execution, req *http.Request, body []byte, resp **http.Response) error {
	ctx := req.Context()
	var in struct{ TaskID, AudioID, CallBackURL, Type string }
	if err := json.Unmarshal(body, &in); err != nil {
		panic(err)
	}
	isWAV := strings.Contains(req.URL.Path, "/wav/")
	accept := func(fails bool) {
		if isWAV && p.sim.chance(2, "one WAV a track") && p.hasWAV() {
			*resp = envelope(200, 409, "WAV record already exists", nil)
			return
		}
		t := p.accept(x, isWAV, in.AudioID, in.CallBackURL, fails)
		*resp = envelope(200, 200, "success", map[string]any{"taskId": t.id})
	}
	return x.effect(ctx, opCall, func() error {
		switch x.special.kind {
		case refuse:
			r := refusals[x.special.choice%len(refusals)]
			*resp = envelope(r.status, r.code, r.message, nil)
		case failTheTask:
			accept(true)
		case acceptAndLose:
			accept(false)
			return errLost
		case loseUnaccepted:
			return errLost
		case notConnected:
			return errAway
		default:
			accept(!p.sim.calm && p.sim.chance(12, "fails", len(p.tasks)))
		}
		return nil
	})
}

// accept bills.
func (p *provider) accept(x *execution, isWAV bool, audioID, callbackURL string, fails bool) *task {
	s := p.sim
	n := len(p.tasks) + 1
	t := &task{
		id: fmt.Sprintf("separation%04d", n), isWAV: isWAV, run: x.run, step: s.steps, callbackURL: callbackURL, audioID: audioID,
		acceptedAt: time.Now(), fails: fails,
		settlesAt: time.Now().Add(pick(s.dice, []time.Duration{1700 * time.Millisecond, 42 * time.Second,
			6*time.Minute + time.Second, 51 * time.Minute}, "settles", n)),
	}
	if isWAV {
		t.id = fmt.Sprintf("wav%04d", n)
	}
	if s.chance(3, "late stem", n) {
		t.late = pick(s.dice, []time.Duration{11 * time.Second, 97 * time.Second, 13 * time.Minute}, "late by", n)
		t.inCallback, t.hasFile = s.chance(2, "late stem in callback", n), s.chance(2, "late stem has a file", n)
	}
	p.tasks = append(p.tasks, t)
	s.note("    billed: %s of run %s, fails: %v, settles after %v, last stem %v later", t.id, x.run.id, fails,
		t.settlesAt.Sub(t.acceptedAt), t.late)
	s.spawn(func() { p.callBack(t, n) })
	return t
}

// callBack delivers the callback of a task: as a rule once it is settled; or before, late, twice,
// or never.
func (p *provider) callBack(t *task, n int) {
	s := p.sim
	after, times := t.settlesAt.Sub(t.acceptedAt)+2100*time.Millisecond, 1
	switch s.roll(12, "callback", n) {
	case 0:
		after = 0 // perhaps before the answer to the paid call is read
	case 1:
		// The token in the address lives on for an hour.
		after += pick(s.dice, []time.Duration{37*time.Minute + time.Second, 2*time.Hour + 3*time.Second}, "late", n)
	case 2:
		times = 2
	case 3, 4:
		return
	case 5:
		after += 8 * time.Minute
	}
	for i := range times {
		s.sleep(after)
		for try := range 4 {
			s.turn(fmt.Sprintf("callback/%s/%d/%d", t.id, i, try))
			if s.post(t, i) {
				break
			}
			s.sleep([]time.Duration{61 * time.Second, 5*time.Minute + time.Second, 15*time.Minute + time.Second,
				time.Second}[try])
		}
		after = 53 * time.Second
	}
}

// post makes one delivery, through the product's own bridge, and reports whether it was
// acknowledged.
func (s *sim) post(t *task, i int) bool {
	if s.bridge == nil || s.chance(9, "bridge away", t.id, i) && time.Since(t.settlesAt) < time.Minute {
		s.note("callback of %s is not delivered", t.id)
		return false
	}
	code, message, info := 200, "vocal separation generated successfully.", any(s.provider.links(t, "_url"))
	if t.fails {
		code, message, info = 500, "Vocal separation failed", nil
	}
	data := map[string]any{"task_id": t.id, "vocal_separation_info": info}
	if t.isWAV {
		data = map[string]any{"task_id": t.id, "audioWavUrl": nil}
		if links, ok := info.(map[string]any); ok {
			data["audioWavUrl"] = links[stemflow.WAVName+"_url"]
		}
	}
	body, err := json.Marshal(map[string]any{"code": code, "msg": message, "data": data})
	if err != nil {
		panic(err)
	}
	u, err := url.Parse(t.callbackURL)
	if err != nil {
		panic(err)
	}
	req := httptest.NewRequest(http.MethodPost, u.Path, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	s.bridge.ServeHTTP(recorder, req)
	s.note("callback of %s: %d", t.id, recorder.Code)
	return recorder.Code == http.StatusOK
}

func (p *provider) find(id string) *task {
	for _, t := range p.tasks {
		if t.id == id {
			return t
		}
	}
	return nil
}

// hasWAV reports whether there is a WAV that has not failed.
func (p *provider) hasWAV() bool {
	return slices.ContainsFunc(p.tasks, func(t *task) bool { return t.isWAV && !t.fails })
}

func (p *provider) links(t *task, suffix string) map[string]any {
	links := map[string]any{}
	for _, key := range t.keys() {
		if !t.linked(key) && (suffix == "Url" || !t.inCallback) {
			links[key+suffix] = ""
			continue
		}
		links[key+suffix] = fmt.Sprintf("https://%s/%s/%s.wav?v=%d", fileHost, t.id, key, t.version)
	}
	return links
}

func (p *provider) record(id string, isWAV bool) any {
	t := p.find(id)
	if t == nil || t.isWAV != isWAV || time.Since(t.acceptedAt) < 400*time.Millisecond && p.sim.chance(2, "no record yet", id) {
		return nil
	}
	record := map[string]any{
		"taskId": t.id, "musicId": t.audioID, "callbackUrl": t.callbackURL, "successFlag": "PENDING",
		"createTime": t.acceptedAt.UnixMilli(),
	}
	switch {
	case !t.settled():
	case t.fails:
		record["successFlag"] = "GENERATE_AUDIO_FAILED"
		record["errorCode"], record["errorMessage"] = 500, "Vocal separation failed"
	default:
		record["successFlag"], record["completeTime"] = "SUCCESS", t.settlesAt.UnixMilli()
		record["response"] = p.links(t, "Url")
	}
	if t.isWAV {
		p.asWAV(record)
	}
	return record
}

// asWAV gives a record the form that those of WAVs have: without the zone of its times.
func (p *provider) asWAV(record map[string]any) {
	for _, name := range []string{"createTime", "completeTime"} {
		if ms, ok := record[name].(int64); ok {
			record[name] = time.UnixMilli(ms).UTC().Add(8 * time.Hour).Format(time.DateTime)
		}
	}
	if record["successFlag"] == "GENERATE_AUDIO_FAILED" {
		record["successFlag"] = "GENERATE_WAV_FAILED"
	}
	if links, ok := record["response"].(map[string]any); ok {
		record["response"] = map[string]any{"audioWavUrl": links[stemflow.WAVName+"Url"]}
	}
}

// stemContent is the file of a stem.
func stemContent(taskID, key string) []byte {
	var samples [64]byte
	d := dice(0)
	for i := range samples {
		samples[i] = byte(d.roll(256, taskID, key, i))
	}
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+len(samples)))
	b.WriteString("WAVEfmt ")
	_ = binary.Write(&b, binary.LittleEndian, uint32(16))
	_ = binary.Write(&b, binary.LittleEndian, [2]uint16{1, 1})
	_ = binary.Write(&b, binary.LittleEndian, [2]uint32{8000, 8000})
	_ = binary.Write(&b, binary.LittleEndian, [2]uint16{1, 8})
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(len(samples)))
	b.Write(samples[:])
	return b.Bytes()
}

func (p *provider) file(x *execution, req *http.Request, resp **http.Response) error {
	return x.effect(req.Context(), opFile, func() error {
		taskID, file, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		t := p.find(taskID)
		if x.special.kind == expire && t != nil {
			t.version++
		}
		if t == nil || req.URL.Query().Get("v") != fmt.Sprint(t.version) {
			*resp = response(http.StatusForbidden, []byte("expired"))
			return nil
		}
		key := strings.TrimSuffix(file, ".wav")
		if !t.linked(key) && !t.hasFile {
			*resp = response(http.StatusForbidden, []byte("not yet"))
			return nil
		}
		content := stemContent(taskID, key)
		*resp = response(http.StatusOK, content)
		if x.special.kind == truncate {
			(*resp).Body = io.NopCloser(io.MultiReader(bytes.NewReader(content[:len(content)/2]), broken{}))
		}
		return nil
	})
}

// broken is where a file is cut off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
