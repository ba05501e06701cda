package kiesim_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

// wavSim is a simulator that is asked for conversions, and a receiver of callbacks.
type wavSim struct {
	*testing.T
	*kiesim.Simulator
	base      string
	callback  string
	callbacks chan map[string]any
}

func newWAVSim(t *testing.T) *wavSim {
	s := &wavSim{
		T: t, callbacks: make(chan map[string]any, 10),
		Simulator: kiesim.New(kiesim.Options{Logger: slog.New(slog.DiscardHandler), RetrySchedule: []time.Duration{}}),
	}
	server := httptest.NewServer(s.Simulator)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.callbacks <- body
	}))
	t.Cleanup(func() { _ = s.Close(); server.Close(); receiver.Close() })
	s.base, s.callback = server.URL, receiver.URL
	return s
}

func (s *wavSim) do(method, path, body string) map[string]any {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.base+path, strings.NewReader(body))
	require.NoError(s, err)
	req.Header.Set("Authorization", "Bearer key")
	req.Header.Set("User-Agent", "test")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s, err)
	defer resp.Body.Close()
	var answer map[string]any
	require.NoError(s, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

func (s *wavSim) convert(audioID string) map[string]any {
	s.Helper()
	return s.do(http.MethodPost, "/api/v1/wav/generate",
		`{"taskId":"5c79","audioId":"`+audioID+`","callBackUrl":"`+s.callback+`"}`)
}

func (s *wavSim) record(path, id string) map[string]any {
	s.Helper()
	answer := s.do(http.MethodGet, path+"?taskId="+id, "")
	data, _ := answer["data"].(map[string]any)
	return data
}

const wavRecords = "/api/v1/wav/record-info"

func TestAConversionToWAV(t *testing.T) {
	s := newWAVSim(t)
	s.SetScenario(kiesim.WAVKey("e231"), kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	id := s.convert("e231")["data"].(map[string]any)["taskId"].(string)
	pending := s.record(wavRecords, id)
	require.Equal(t, "PENDING", pending["successFlag"])
	require.Nil(t, pending["response"])
	require.Nil(t, s.record("/api/v1/vocal-removal/record-info", id), "it is no separation")

	require.NoError(t, s.Settle(id))
	called := <-s.callbacks
	data := called["data"].(map[string]any)
	require.Equal(t, id, data["task_id"])
	done := s.record(wavRecords, id)
	require.Equal(t, "SUCCESS", done["successFlag"])
	require.Equal(t, "e231", done["musicId"])
	require.Equal(t, data["audioWavUrl"], done["response"].(map[string]any)["audioWavUrl"])
	for _, name := range []string{"createTime", "completeTime"} {
		at, err := time.Parse(time.DateTime, done[name].(string))
		require.NoError(t, err, "a time has no zone")
		require.Greater(t, time.Until(at), 7*time.Hour, "and is not UTC")
	}
	resp, err := http.Get(data["audioWavUrl"].(string))
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "RIFF", string(content[:4]))
	require.Equal(t, "WAVE", string(content[8:12]))

	charges := s.Bill().Charges
	require.Len(t, charges, 1)
	require.Equal(t, kiesim.WAV, charges[0].Type)
	require.InDelta(t, 0.4, charges[0].Credits, 0)
}

func TestASecondConversionOfATrackIsRefused(t *testing.T) {
	s := newWAVSim(t)
	require.EqualValues(t, 200, s.convert("e231")["code"])
	again := s.convert("e231")
	require.EqualValues(t, 409, again["code"])
	require.Equal(t, "WAV record already exists", again["msg"])
	require.Nil(t, again["data"])
	require.EqualValues(t, 200, s.convert("other")["code"])
	require.Len(t, s.Bill().Charges, 2)

	s.SetScenario(kiesim.WAVKey("failing"), kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
	id := s.convert("failing")["data"].(map[string]any)["taskId"].(string)
	require.NoError(t, s.Settle(id))
	require.Equal(t, "GENERATE_WAV_FAILED", s.record(wavRecords, id)["successFlag"])
	require.EqualValues(t, 200, s.convert("failing")["code"], "one that failed may be made again")
}

// The two kinds of task have their own scenarios, endpoints and prices.
func TestWAVAndSeparationsOfATrackAreApart(t *testing.T) {
	s := newWAVSim(t)
	s.SetScenario("e231", kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 500}})
	require.EqualValues(t, 200, s.convert("e231")["code"])
	separate := func(kind string) map[string]any {
		return s.do(http.MethodPost, "/api/v1/vocal-removal/generate",
			`{"taskId":"5c79","audioId":"e232","type":"`+kind+`","callBackUrl":"`+s.callback+`"}`)
	}
	require.EqualValues(t, 422, separate("wav")["code"], "it is no type of a separation")
	id := separate("separate_vocal")["data"].(map[string]any)["taskId"].(string)
	require.Nil(t, s.record(wavRecords, id))
	refused := s.do(http.MethodPost, "/api/v1/wav/generate", `{"taskId":"5c79","audioId":"e233"}`)
	require.EqualValues(t, 422, refused["code"])
}

func TestAConversionOnTheJobsRoute(t *testing.T) {
	s := newWAVSim(t)
	answer := s.do(http.MethodPost, "/api/v1/jobs/createTask", `{"model":"ai-music-api/convert-to-wav-format",
		"callBackUrl":"`+s.callback+`","input":{"task_id":"5c79","audio_id":"e231"}}`)
	id := answer["data"].(map[string]any)["taskId"].(string)
	called := <-s.callbacks
	require.Equal(t, id, called["data"].(map[string]any)["taskId"])
	record := s.record("/api/v1/jobs/recordInfo", id)
	require.Equal(t, "ai-music-api/convert-to-wav-format", record["model"])
	require.Equal(t, "success", record["state"])
	var result struct{ ResultURLs []string }
	require.NoError(t, json.Unmarshal([]byte(record["resultJson"].(string)), &result))
	require.Len(t, result.ResultURLs, 1)
	require.Nil(t, s.record(wavRecords, id), "each route knows its own tasks")
}

// A callback of a failure says so in all of it, on either route.
func TestAFalseFailureOfAConversion(t *testing.T) {
	s := newWAVSim(t)
	s.SetScenario(kiesim.WAVKey("e231"), kiesim.Scenario{Callback: kiesim.Callback{Failure: true}})
	s.do(http.MethodPost, "/api/v1/jobs/createTask", `{"model":"ai-music-api/convert-to-wav-format",
		"callBackUrl":"`+s.callback+`","input":{"task_id":"5c79","audio_id":"e231"}}`)
	called := <-s.callbacks
	require.EqualValues(t, 500, called["code"])
	data := called["data"].(map[string]any)
	require.Equal(t, "fail", data["state"])
	require.Empty(t, data["resultJson"])
	id := data["taskId"].(string)
	require.Equal(t, "success", s.record("/api/v1/jobs/recordInfo", id)["state"])

	s.SetScenario(kiesim.WAVKey("e232"), kiesim.Scenario{
		Callback: kiesim.Callback{Failure: true, Form: kiesim.CallbackRecord, IDField: "id"},
	})
	s.convert("e232")
	called = <-s.callbacks
	data = called["data"].(map[string]any)
	require.Equal(t, "GENERATE_WAV_FAILED", data["successFlag"])
	require.NotEmpty(t, data["id"])
	require.NotContains(t, data, "taskId")
}

// Whatever else was made of a track, its music task's record says what the track's scenario says.
func TestAConversionDoesNotHideTheMusic(t *testing.T) {
	s := newWAVSim(t)
	s.SetScenario("e231", kiesim.Scenario{Music: kiesim.Music{Title: "Nocturne"}})
	s.convert("e231")
	for range 8 {
		data := s.record("/api/v1/generate/record-info", "5c79")
		track := data["response"].(map[string]any)["sunoData"].([]any)[0].(map[string]any)
		require.Equal(t, "Nocturne", track["title"])
		s.do(http.MethodPost, "/api/v1/vocal-removal/generate",
			`{"taskId":"5c79","audioId":"e231","callBackUrl":"`+s.callback+`"}`)
	}
}
