package kie

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// meaning is what a record or callback says, in whatever dialect it is written.
type meaning struct {
	taskID string
	state  State
	// stems are by canonical name; there may be others of the documented ones, which are empty.
	stems map[string]string
}

// The words, numbers and strings for each state.
var stateSpellings = map[State][]string{
	Pending: {
		`"PENDING"`, `0`, `"0"`, `"waiting"`, `"queuing"`, `"generating"`, `"TEXT_SUCCESS"`, `"FIRST_SUCCESS"`,
		`"SOMETHING_NEW"`, `17`, `"MIXING_DOWN"`,
	},
	Succeeded: {`"SUCCESS"`, `"success"`, `1`, `"1"`, `"Success"`, `1.0`},
	Failed: {
		`2`, `3`, `"2"`, `"3"`, `"CREATE_TASK_FAILED"`, `"GENERATE_AUDIO_FAILED"`, `"GENERATE_WAV_FAILED"`,
		`"GENERATE_STEMS_FAILED"`, `"fail"`, `"FAIL"`, `"failed"`, `"SENSITIVE_WORD_ERROR"`,
	},
	CallbackException: {`"CALLBACK_EXCEPTION"`, `"callback_exception"`},
}

// The field of each stem in camel case, without "Url".
var stemFields = map[string]string{
	"vocals": "vocal", "instrumental": "instrumental", "backing_vocals": "backingVocals", "drums": "drums", "bass": "bass",
	"guitar": "guitar", "piano": "piano", "keyboard": "keyboard", "percussion": "percussion", "strings": "strings",
	"synth": "synth", "fx": "fx", "brass": "brass", "woodwinds": "woodwinds", "kazoo": "kazoo",
	"lead_guitar": "leadGuitar",
}

var noLinks = []string{
	`null`, `""`, `" "`, `"None"`, `"null"`, `"undefined"`, `"N/A"`, `"n/a"`, `"-"`, `"NULL"`, `"none "`, `"nan"`,
	`"https://cdn1.suno.ai/None.mp3"`, `"https://cdn1.suno.ai/None"`, `"https://cdn1.suno.ai/undefined.mp3?a=1"`,
	`"https://cdn1.suno.ai/"`, `"https://"`, `"https://file.aiquickdraw.com/s/None_Drums.mp3"`, `"/None"`, `0`, `false`,
	`"https://file.aiquickdraw.com/null/Drums.mp3"`, `{}`, `[]`, `"https://None/x.mp3"`, `"about:blank"`,
}

// noise are members that hold nothing of the result.
var noise = []string{
	`"imageUrl":"https://cdn1.suno.ai/image_1.jpeg"`, `"image_large_url":"https://cdn1.suno.ai/a"`,
	`"videoUrl":"https://cdn1.suno.ai/a.mp4"`, `"cover_url":"https://cdn1.suno.ai/c"`, `"callbackUrl":"https://h.example/cb/x"`,
	`"streamAudioUrl":"https://cdn1.suno.ai/s"`, `"waveformUrl":"https://cdn1.suno.ai/w"`, `"musicIndex":0`,
	`"sourceAudioUrl":"https://cdn1.suno.ai/o.mp3"`, `"audioUrl":"https://cdn1.suno.ai/o.mp3"`,
	`"images":["https://cdn1.suno.ai/a.png"]`, `"imageUrls":["https://cdn1.suno.ai/a"]`, `"waveformData":[0.1,0.2]`,
	`"param":"{\"input\":{\"audio_url\":\"https://x.example/in.mp3\",\"vocalUrl\":\"https://x.example/in.mp3\"}}"`,
	`"prompt":"[Verse] {and so on}"`, `"unknown":{"deep":[[{"x":null}]]}`, `"midiUrl":"https://cdn1.suno.ai/a.mid"`,
	`"coverimageUrl":"https://cdn1.suno.ai/c"`, `"previewUrl":"https://cdn1.suno.ai/p.webp"`,
}

var wordStart = regexp.MustCompile("[A-Z]")

// writer writes a meaning in a dialect that its dice choose.
type writer struct{ *rand.Rand }

func pick[T any](w writer, of ...T) T { return of[w.IntN(len(of))] }

func (w writer) one(in int) bool { return w.IntN(in) == 0 }

// key spells a name in camel case in one of the provider's ways.
func (w writer) key(camel string) string {
	snake := strings.ToLower(wordStart.ReplaceAllString(camel, "_$0"))
	return pick(w, camel, camel, snake, snake, strings.ToUpper(snake), strings.ToUpper(camel[:1])+camel[1:])
}

func quoted(text []byte) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(text)); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// object writes members in any order, with white space where it may be.
func (w writer) object(members []string) []byte {
	w.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return []byte("{" + strings.Join(members, pick(w, ",", ", ", ",\n  ")) + "}")
}

// links writes the object with the links.
func (w writer) links(m meaning) []byte {
	var members, details []string
	names := make([]string, 0, len(stemFields))
	for name := range stemFields {
		names = append(names, name)
	}
	slices.Sort(names)
	detailed := pick(w, "none", "none", "same", "elsewhere")
	for i, name := range names {
		link, ok := m.stems[name]
		key := w.key(stemFields[name] + "Url")
		switch {
		case ok:
			members = append(members, fmt.Sprintf("%q:%q", key, link))
			if detailed == "elsewhere" {
				link = fmt.Sprintf("https://elsewhere.example/%d.mp3", i)
			}
			details = append(details, fmt.Sprintf(
				`{"duration":245.6,"audio_url":%q,"stem_type_group_name":%q,"id":"id-%d"}`, link, name, i))
		case w.one(2):
			members = append(members, fmt.Sprintf("%q:%s", key, pick(w, noLinks...)))
		}
	}
	if detailed != "none" {
		members = append(members, fmt.Sprintf(`"%s":[%s]`, pick(w, "originData", "origin_data"), strings.Join(details, ",")))
	} else if w.one(2) {
		members = append(members, `"originData":`+pick(w, "null", "[]"))
	}
	for range w.IntN(3) {
		members = append(members, pick(w, noise...))
	}
	return w.object(members)
}

// result writes the member with the links, as deep as the provider has had them, or flat.
func (w writer) result(m meaning) []string {
	links := w.links(m)
	if w.one(6) {
		return []string{string(links[1 : len(links)-1])}
	}
	key := pick(w, "response", "vocal_separation_info", "vocal_removal_info", "vocalRemovalInfo", "resultJson")
	for range w.IntN(3) {
		inner := pick(w, "vocal_separation_info", "vocalRemovalInfo", "response", "data", "links", "resultObject")
		if w.one(4) {
			links = quoted(links)
		}
		links = w.object([]string{fmt.Sprintf("%q:%s", inner, links)})
	}
	if key == "resultJson" || w.one(4) {
		links = quoted(links)
	}
	return []string{fmt.Sprintf("%q:%s", key, links)}
}

// record writes the data of a record.
func (w writer) record(m meaning) []byte {
	stateKey := pick(w, "successFlag", "success_flag", "status", "state")
	members := []string{
		fmt.Sprintf("%q:%q", pick(w, "taskId", "task_id"), m.taskID),
		fmt.Sprintf("%q:%s", stateKey, pick(w, stateSpellings[m.state]...)),
	}
	for _, key := range []string{"successFlag", "status", "state"} {
		if fold(key) != fold(stateKey) && w.one(2) {
			members = append(members, fmt.Sprintf("%q:%s", key, pick(w, "null", `""`)))
		}
	}
	if len(m.stems) > 0 || w.one(2) {
		members = append(members, w.result(m)...)
	} else {
		members = append(members, `"response":`+pick(w, "null", `""`, `"{}"`, "{}"))
	}
	for range w.IntN(3) {
		members = append(members, pick(w, noise...))
	}
	data := w.object(members)
	if w.one(5) {
		data = w.object([]string{`"data":` + string(data)})
	}
	return data
}

// callback writes a whole callback.
func (w writer) callback(m meaning) []byte {
	task := fmt.Sprintf("%q:%q", pick(w, "taskId", "task_id"), m.taskID)
	var envelope []string
	switch code := pick(w, "200", `"200"`, ""); {
	case m.state == Failed:
		envelope = append(envelope, `"code":`+pick(w, "500", "501", `"400"`))
	case code != "" && m.state != Pending:
		envelope = append(envelope, `"code":`+code)
	}
	if w.one(2) {
		envelope = append(envelope, `"msg":"as it is"`)
	}
	switch {
	case w.one(3) || m.state == Pending: // the record's shape
		record := w.record(m)
		if w.one(4) {
			record = quoted(record)
		}
		envelope = append(envelope, `"data":`+string(record))
	case w.one(4): // flat, with no data
		links := w.links(m)
		envelope = append(envelope, task, string(links[1:len(links)-1]))
	default:
		envelope = append(envelope, `"data":`+string(w.object(append(w.result(m), task))))
	}
	return w.object(envelope)
}

// randomMeaning is one that a provider can have.
func (w writer) meaning() meaning {
	m := meaning{taskID: fmt.Sprintf("%032x", w.Uint64()), state: pick(w, Pending, Succeeded, Failed, CallbackException)}
	if m.state == Pending || m.state == Failed {
		return m
	}
	m.stems = map[string]string{}
	host := pick(w, "https://file.aiquickdraw.com/s/", "https://musicfile.kie.ai/", "http://tempfile.aiquickdraw.com/r/")
	i := 0
	for _, name := range stemOrder {
		if i++; w.one(2) {
			m.stems[name] = fmt.Sprintf("%s%016x%d%s", host, w.Uint64(), i, pick(w, ".mp3", "", "_Stem Name.mp3", ".WAV?sig=a%2Fb"))
		}
	}
	for _, name := range []string{"kazoo", "lead_guitar"} {
		if w.one(4) {
			m.stems[name] = fmt.Sprintf("%s%016x.mp3", host, w.Uint64())
		}
	}
	return m
}

func byName(stems []stemflow.SourceStem) map[string]string {
	if len(stems) == 0 {
		return nil
	}
	links := map[string]string{}
	for _, s := range stems {
		links[s.Name] = s.URL
	}
	return links
}

func orNil(links map[string]string) map[string]string {
	if len(links) == 0 {
		return nil
	}
	return links
}

func checkRecordDialect(t *testing.T, seed uint64) {
	t.Helper()
	w := writer{rand.New(rand.NewPCG(seed, 1))}
	m := w.meaning()
	text := w.record(m)
	require.True(t, json.Valid(text), "the test's own JSON: %s", text)
	got, err := Separation.decodeRecord(text)
	require.NoError(t, err, "%s", text)
	require.Equal(t, m.taskID, got.TaskID, "%s", text)
	require.Equal(t, m.state, got.State, "%s", text)
	require.Equal(t, orNil(m.stems), byName(got.Stems), "%s", text)
}

func checkCallbackDialect(t *testing.T, seed uint64) {
	t.Helper()
	w := writer{rand.New(rand.NewPCG(seed, 2))}
	m := w.meaning()
	text := w.callback(m)
	require.True(t, json.Valid(text), "the test's own JSON: %s", text)
	got, err := decodeCallback(text)
	require.NoError(t, err, "%s", text)
	require.Equal(t, m.taskID, got.TaskID, "%s", text)
	require.Equal(t, orNil(m.stems), byName(got.Stems), "%s", text)
	switch {
	case m.state == Failed:
		require.NotContains(t, []int{0, stemflow.CodeOK}, got.Code, "%s", text)
	case len(m.stems) > 0:
		require.Equal(t, stemflow.CodeOK, got.Code, "%s", text)
	default:
		require.Contains(t, []int{0, stemflow.CodeOK}, got.Code, "%s", text)
	}
}

// Whatever the dialect, the reader returns the meaning.
func TestRecordsInEveryDialect(t *testing.T) {
	for seed := range uint64(2500) {
		checkRecordDialect(t, seed)
	}
}

func TestCallbacksInEveryDialect(t *testing.T) {
	for seed := range uint64(2500) {
		checkCallbackDialect(t, seed)
	}
}

func FuzzDialects(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		checkRecordDialect(t, seed)
		checkCallbackDialect(t, seed)
	})
}
