package kie

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// record asks for a record from a server that answers with body.
func record(t *testing.T, status int, body string) (*Record, error) {
	t.Helper()
	p := serve(t, reply(status, body))
	return newClient(t, Options{BaseURL: p.URL}).Record(t.Context(), taskOf(body))
}

// taskOf is the task that a record says it is about, and else one that is documented.
func taskOf(body string) string {
	if found := regexp.MustCompile(`"taskId": ?"([0-9a-f]{32})"`).FindStringSubmatch(body); found != nil {
		return found[1]
	}
	return "3e63b4cc88d52611159371f6af5571e7"
}

func stem(name, sourceID, file string, seconds float64) stemflow.SourceStem {
	return stemflow.SourceStem{
		Name: name, URL: "https://file.aiquickdraw.com/s/" + file, SourceID: sourceID, DurationSeconds: seconds,
	}
}

// The twelve stems of the documented split_stem task, without what only a record adds.
var twelveStems = []stemflow.SourceStem{
	stem("vocals", "", "07420749-29a2-4054-9b62-e6a6f8b90ccb_Vocals.mp3", 0),
	stem("backing_vocals", "", "aadc51a3-4c88-4c8e-a4c8-e867c539673d_Backing_Vocals.mp3", 0),
	stem("drums", "", "ac75c5ea-ac77-4ad2-b7d9-66e140b78e44_Drums.mp3", 0),
	stem("bass", "", "a3c2da5a-b364-4422-adb5-2692b9c26d33_Bass.mp3", 0),
	stem("guitar", "", "064dd08e-d5d2-4201-9058-c5c40fb695b4_Guitar.mp3", 0),
	stem("keyboard", "", "adc934e0-df7d-45da-8220-1dba160d74e0_Keyboard.mp3", 0),
	stem("percussion", "", "0f70884d-047c-41f1-a6d0-7044618b7dc6_Percussion.mp3", 0),
	stem("strings", "", "49829425-a5b0-424e-857a-75d4c63a426b_Strings.mp3", 0),
	stem("synth", "", "56b2d94a-eb92-4d21-bc43-3460de0c8348_Synth.mp3", 0),
	stem("fx", "", "a8822c73-6629-4089-8f2a-d19f41f0007d_FX.mp3", 0),
	stem("brass", "", "334b2d23-0c65-4a04-92c7-22f828afdd44_Brass.mp3", 0),
	stem("woodwinds", "", "d81545b1-6f94-4388-9785-1aaa6ecabb02_Woodwinds.mp3", 0),
}

var advancedStems = []stemflow.SourceStem{
	{
		Name: "lead_vocal", SourceID: "eb7d0f18-8349-4735-a65e-1812705d5ddf", DurationSeconds: 194.92,
		URL: "https://tempfile.aiquickdraw.com/r/eb7d0f18-8349-4735-a65e-1812705d5ddf_Lead Vocal.mp3",
	},
	{
		Name: "lead_vocal_removed", SourceID: "706d32df-e988-412e-bce4-42c9302e5478", DurationSeconds: 194.92,
		URL: "https://tempfile.aiquickdraw.com/r/706d32df-e988-412e-bce4-42c9302e5478_Lead Vocal.mp3",
	},
}

func TestRecordsAsDocumented(t *testing.T) {
	const ngrok = "https://57312fc2e366.ngrok-free.app/api/v1/vocal-removal/test"
	const music = "376c687e-d439-42c1-b1e4-bcb43b095ec2"
	splitStems := append([]stemflow.SourceStem(nil), twelveStems...)
	for i, s := range splitStems {
		switch s.Name {
		case "keyboard", "percussion", "strings", "synth":
			file := s.URL[strings.LastIndex(s.URL, "/")+1:]
			splitStems[i].SourceID, _, _ = strings.Cut(file, "_")
			splitStems[i].DurationSeconds = 312.4
		}
	}
	tests := map[string]Record{
		"record_separate_vocal.json": {
			TaskID: "3e63b4cc88d52611159371f6af5571e7", AudioID: music, CallbackURL: ngrok, State: Succeeded, Flag: "SUCCESS",
			Stems: []stemflow.SourceStem{
				stem(
					"vocals",
					"3d7021c9-fa8b-4eda-91d1-3b9297ddb172",
					"3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3",
					245.6,
				),
				stem(
					"instrumental",
					"d92a13bf-c6f4-4ade-bb47-f69738435528",
					"d92a13bf-c6f4-4ade-bb47-f69738435528_Instrumental.mp3",
					245.6,
				),
			},
			CreatedAt:   time.Date(2025, 7, 29, 9, 54, 14, 0, time.UTC),
			CompletedAt: time.Date(2025, 7, 29, 9, 55, 37, 0, time.UTC),
		},
		"record_split_stem.json": {
			TaskID: "e649edb7abfd759285bd41a47a634b10", AudioID: music, CallbackURL: ngrok, State: Succeeded, Flag: "SUCCESS",
			Stems:       splitStems,
			CreatedAt:   time.UnixMilli(1753782327000).UTC(),
			CompletedAt: time.UnixMilli(1753782459000).UTC(),
		},
		"record_advanced.json": {
			TaskID: "7220be2955295dda60de46ec6e4ead4c", AudioID: "e231aaaa-0000-4000-8000-00008cadc7dc",
			CallbackURL: "https://api.example.com/callback", State: Succeeded, Flag: "SUCCESS", ErrorCode: 200,
			Stems:       advancedStems,
			CreatedAt:   time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC),
			CompletedAt: time.Date(2026, 8, 1, 12, 1, 40, 0, time.UTC),
		},
		"record_pending.json": {
			TaskID: "3e63b4cc88d52611159371f6af5571e7", AudioID: music, CallbackURL: "https://api.example.com/callback",
			State: Pending, Flag: "PENDING", CreatedAt: time.UnixMilli(1753782854000).UTC(),
		},
		"record_failed.json": {
			TaskID: "3e63b4cc88d52611159371f6af5571e7", AudioID: music, CallbackURL: "https://api.example.com/callback",
			State: Failed, Flag: "GENERATE_AUDIO_FAILED", CreatedAt: time.UnixMilli(1753782854000).UTC(),
			ErrorCode: 500, ErrorMessage: "Internal Error, Please try again later.",
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := record(t, 200, string(file(t, name)))
			require.NoError(t, err)
			require.Equal(t, &want, got)
		})
	}
}

func TestRecordSendsTheDocumentedRequest(t *testing.T) {
	var got *http.Request
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = io.WriteString(w, `{"code":200,"data":{"successFlag":"PENDING"}}`)
	})
	_, err := newClient(t, Options{BaseURL: p.URL}).Record(t.Context(), "a&b c")
	require.NoError(t, err)
	require.Equal(t, http.MethodGet, got.Method)
	require.Equal(t, "/api/v1/vocal-removal/record-info?taskId=a%26b+c", got.URL.String())
	require.Equal(t, "Bearer "+apiKey, got.Header.Get("Authorization"))
}

func TestNoRecord(t *testing.T) {
	for name, body := range map[string]string{
		"as recorded in the sibling service": string(file(t, "record_unknown.json")),
		"no data at all":                     `{"code":200,"msg":"success"}`,
		"null":                               `{"code":200,"msg":"success","data":null}`,
		"refused":                            `{"code":422,"msg":"Record does not exist","data":null}`,
		"refused by another family":          `{"code":422,"msg":"The record does not exist"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := record(t, 200, body)
			require.ErrorIs(t, err, ErrNoRecord)
		})
	}
}

func TestRecordErrors(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   Verdict
	}{
		"other validation":   {200, `{"code":422,"msg":"taskId is required","data":null}`, Rejected},
		"other code":         {200, `{"code":500,"msg":"Record does not exist"}`, Unknown},
		"key":                {200, `{"code":401,"msg":"You do not have access permissions"}`, Unauthorized},
		"limited":            {429, `{"code":429,"msg":"slow down"}`, Busy},
		"page":               {502, "<html>bad gateway</html>", Unknown},
		"data is a list":     {200, `{"code":200,"data":[]}`, Unknown},
		"data is a string":   {200, `{"code":200,"data":"x"}`, Unknown},
		"nested beyond JSON": {200, strings.Repeat("[", 20000), Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := record(t, tt.status, tt.body)
			require.NotErrorIs(t, err, ErrNoRecord)
			require.Equal(t, tt.want, refusedBy(t, err).Verdict)
			require.NotContains(t, err.Error(), "repeat", "a look-up may be repeated")
		})
	}
}

func TestRecordHidesLinksInItsMessage(t *testing.T) {
	got, err := record(
		t,
		200,
		`{"code":200,"data":{"successFlag":"CALLBACK_EXCEPTION","errorMessage":"POST https://h.example/callbacks/AQtoken failed"}}`,
	)
	require.NoError(t, err)
	require.Equal(t, "POST [link] failed", got.ErrorMessage)
}

func TestRecordStates(t *testing.T) {
	tests := []struct {
		flag     string
		want     State
		wantFlag string
	}{
		{`"SUCCESS"`, Succeeded, "SUCCESS"},
		{`"success"`, Succeeded, "success"},
		{`"PENDING"`, Pending, "PENDING"},
		{`"CREATE_TASK_FAILED"`, Failed, "CREATE_TASK_FAILED"},
		{`"GENERATE_AUDIO_FAILED"`, Failed, "GENERATE_AUDIO_FAILED"},
		{`"CALLBACK_EXCEPTION"`, CallbackException, "CALLBACK_EXCEPTION"},
		{`"SENSITIVE_WORD_ERROR"`, Failed, "SENSITIVE_WORD_ERROR"},
		{`"FAIL"`, Failed, "FAIL"},
		{`"FAILED"`, Failed, "FAILED"},
		{`"FIRST_SUCCESS"`, Pending, "FIRST_SUCCESS"},
		{`"GENERATE_WAV_FAILED"`, Failed, "GENERATE_WAV_FAILED"},
		{`"generateStemsFailed"`, Failed, "generateStemsFailed"},
		{`"fail"`, Failed, "fail"},
		{`"Failed to separate"`, Failed, "Failed to separate"},
		{`"生成失败"`, Failed, "生成失败"},
		{`0`, Pending, "0"},
		{`1`, Succeeded, "1"},
		{`2`, Failed, "2"},
		{`3`, Failed, "3"},
		{`"1"`, Succeeded, "1"},
		{`" 3 "`, Failed, "3"},
		{`true`, Succeeded, "true"},
		{`"queuing"`, Pending, "queuing"},
		{`"success"`, Succeeded, "success"},
		{`"complete"`, Succeeded, "complete"},
		// What is not known, and does not evidently say failure.
		{`4`, Pending, "4"},
		{`-1`, Pending, "-1"},
		{`200`, Pending, "200"},
		{`1.5`, Pending, "1.5"},
		{`false`, Pending, "false"},
		{`"NO_ERROR"`, Pending, "NO_ERROR"},
		{`"NOT_FAILED"`, Pending, "NOT_FAILED"},
		{`"RETRY_FAILED"`, Pending, "RETRY_FAILED"},
		{`"ERROR_CHECK"`, Pending, "ERROR_CHECK"},
		{`"UNFAILED"`, Pending, "UNFAILED"},
		{`"PARTIAL_SUCCESS"`, Pending, "PARTIAL_SUCCESS"},
		{`"unsuccessful"`, Pending, "unsuccessful"},
		{`"—"`, Pending, "—"},
		{`{"state":"SUCCESS"}`, Pending, ""},
		{`null`, Pending, ""},
		{`""`, Pending, ""},
		// The callback's failure says nothing of the audio.
		{`"CALLBACK_FAILED"`, CallbackException, "CALLBACK_FAILED"},
		{`"WEBHOOK_NOTIFY_FAIL"`, CallbackException, "WEBHOOK_NOTIFY_FAIL"},
	}
	for _, key := range []string{"successFlag", "success_flag", "status", "state"} {
		for _, tt := range tests {
			t.Run(key+" "+tt.flag, func(t *testing.T) {
				got, err := Separation.decodeRecord(json.RawMessage(`{"` + key + `":` + tt.flag + `}`))
				require.NoError(t, err)
				require.Equal(t, tt.want, got.State)
				require.Equal(t, tt.wantFlag, got.Flag)
			})
		}
	}
}

func TestFirstStateThatIsKnownCounts(t *testing.T) {
	for body, want := range map[string]State{
		`{"successFlag":"PENDING","status":"SUCCESS"}`:               Pending,
		`{"successFlag":"FIRST_SUCCESS","status":"SUCCESS"}`:         Pending,
		`{"successFlag":null,"status":"SUCCESS"}`:                    Succeeded,
		`{"successFlag":["SUCCESS"],"status":"fail"}`:                Failed,
		`{"successFlag":{"is":"SUCCESS"},"status":"fail"}`:           Failed,
		`{"successFlag":"","status":null,"state":"fail"}`:            Failed,
		`{"status":200,"state":"success"}`:                           Succeeded,
		`{"state":"success","successFlag":0}`:                        Pending,
		`{"successFlag":"SUCCESS","status":"GENERATE_AUDIO_FAILED"}`: Succeeded,
	} {
		got, err := Separation.decodeRecord(json.RawMessage(body))
		require.NoError(t, err)
		require.Equal(t, want, got.State, body)
	}
}

// A record without a word on its state that has links has ended.
func TestStateOfARecordThatSaysNone(t *testing.T) {
	got, err := Separation.decodeRecord(json.RawMessage(`{"response":{"vocalUrl":"https://x.example/v.mp3"}}`))
	require.NoError(t, err)
	require.Equal(t, Succeeded, got.State)
	got, err = Separation.decodeRecord(json.RawMessage(`{"successFlag":"MIXING","response":{"vocalUrl":"https://x.example/v.mp3"}}`))
	require.NoError(t, err)
	require.Equal(t, Pending, got.State)
}

func TestRecordTimes(t *testing.T) {
	day := time.Date(2025, 7, 29, 9, 54, 14, 0, time.UTC)
	tests := map[string]time.Time{
		`1753782854000`:               day,
		`1.753782854e12`:              day,
		`"1753782854000"`:             day,
		`1753782854250`:               day.Add(250 * time.Millisecond),
		`"2025-07-29T09:54:14Z"`:      day,
		`"2025-07-29T11:54:14+02:00"`: day,
		`"2025-07-29 09:54:14"`:       day,
		`" 2025-07-29 09:54:14 "`:     day,
		`null`:                        {},
		`""`:                          {},
		`0`:                           {},
		`-1`:                          {},
		`1e300`:                       {},
		`9007199254740991`:            {},
		`"soon"`:                      {},
		`{}`:                          {},
		`true`:                        {},
		`"9999-12-31T23:59:59-01:00"`: {},
	}
	for raw, want := range tests {
		t.Run(raw, func(t *testing.T) {
			got, err := Separation.decodeRecord(json.RawMessage(`{"createTime":` + raw + `}`))
			require.NoError(t, err)
			require.Equal(t, want, got.CreatedAt)
			_, err = json.Marshal(got.CreatedAt)
			require.NoError(t, err)
		})
	}
}

func TestRecordErrorCodes(t *testing.T) {
	for raw, want := range map[string]int{`500`: 500, `"531"`: 531, `null`: 0, `"x"`: 0, `1.5`: 0, `[]`: 0} {
		got, err := Separation.decodeRecord(json.RawMessage(`{"errorCode":` + raw + `}`))
		require.NoError(t, err)
		require.Equal(t, want, got.ErrorCode, raw)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, name := range []string{
		"record_separate_vocal.json", "record_split_stem.json", "record_advanced.json", "record_pending.json", "record_failed.json",
	} {
		a := decodeAnswer(200, file(f, name))
		f.Add([]byte(a.data))
	}
	f.Add([]byte(`null`))
	f.Add(
		[]byte(
			`{"response":{"originData":[{},{"extract":{"audio_url":"https://x.example/u"}},null,7],"kazooUrl":" https://x.example/u ","kazoo_url":null}}`,
		),
	)
	for seed := range uint64(20) {
		w := writer{rand.New(rand.NewPCG(seed, 4))}
		f.Add(w.record(w.meaning()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a := decodeAnswer(200, fmt.Appendf(nil, `{"code":200,"data":%s}`, data))
		if !a.success() {
			return
		}
		got, err := Separation.decodeRecord(a.data)
		if err != nil {
			require.Nil(t, got)
			return
		}
		require.Contains(t, []State{Pending, Succeeded, Failed, CallbackException}, got.State)
		requireSoundStems(t, got.Stems)
		_, err = json.Marshal(got)
		require.NoError(t, err, "a record goes into a history")
	})
}
