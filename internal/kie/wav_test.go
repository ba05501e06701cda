package kie

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// answering is a client whose provider gives one answer to everything, and keeps what was asked.
func answering(t *testing.T, route Route, status int, body string) (c *Client, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		*asked = append(*asked, r.Method+" "+r.URL.RequestURI()+" "+string(sent))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := New(Options{BaseURL: server.URL, APIKey: "key", Route: route})
	require.NoError(t, err)
	return c, asked
}

var wavRequest = GenerateRequest{TaskID: "5c79", AudioID: "e231", Type: "wav", CallbackURL: "https://b.example/x"}

func TestWAVIsSubmittedByItsOwnEndpoint(t *testing.T) {
	const accepted = `{"code":200,"msg":"success","data":{"taskId":"988ec8d3"}}`
	for route, want := range map[Route]string{
		RouteDedicated: `POST /api/v1/wav/generate {"taskId":"5c79","audioId":"e231","callBackUrl":"https://b.example/x"}`,
		RouteJobs: `POST /api/v1/jobs/createTask {"model":"ai-music-api/convert-to-wav-format",` +
			`"callBackUrl":"https://b.example/x","input":{"task_id":"5c79","audio_id":"e231"}}`,
	} {
		c, asked := answering(t, route, 200, accepted)
		id, err := c.Generate(t.Context(), wavRequest)
		require.NoError(t, err)
		require.Equal(t, "988ec8d3", id)
		require.Equal(t, []string{want}, *asked)
	}
}

// Only the provider itself can say that there is a WAV already, and only of kinds that it makes
// once. Whatever else is a conflict leaves open whether the call was accepted.
func TestAConflictIsARefusalOnlyWhereItIsDocumented(t *testing.T) {
	separation := GenerateRequest{TaskID: "5c79", AudioID: "e231", Type: "separate_vocal", CallbackURL: "https://b.example"}
	for name, tt := range map[string]struct {
		request GenerateRequest
		status  int
		body    string
		want    Verdict
		task    string
	}{
		"documented": {wavRequest, 200, `{"code":409,"msg":"WAV record already exists"}`, Exists, ""},
		"null":       {wavRequest, 200, `{"code":409,"msg":"WAV record already exists","data":null}`, Exists, ""},
		"by HTTP":    {wavRequest, 409, `{"code":409,"msg":"WAV record already exists"}`, Exists, ""},
		"as text":    {wavRequest, 200, `{"code":"409","msg":"exists"}`, Exists, ""},
		"with the task": {
			wavRequest, 200, `{"code":409,"msg":"exists","data":{"taskId":"988ec8d3"}}`, Exists, "988ec8d3",
		},
		"no id":            {wavRequest, 200, `{"code":409,"msg":"exists","data":{"taskId":"a/b"}}`, Exists, ""},
		"of a proxy":       {wavRequest, 409, `<html>conflict</html>`, Unknown, ""},
		"of a proxy, JSON": {wavRequest, 409, `{"error":"conflict"}`, Unknown, ""},
		"behind an error":  {wavRequest, 502, `{"code":409,"msg":"WAV record already exists"}`, Unknown, ""},
		"no credits":       {wavRequest, 200, `{"code":402,"msg":"no"}`, InsufficientCredits, ""},
		"unknown track":    {wavRequest, 200, `{"code":422,"msg":"Record does not exist"}`, NotYet, ""},
		"server error":     {wavRequest, 200, `{"code":500,"msg":"Internal Error"}`, Unknown, ""},
		"separation":       {separation, 200, `{"code":409,"msg":"record already exists"}`, Unknown, ""},
	} {
		c, _ := answering(t, RouteDedicated, tt.status, tt.body)
		_, err := c.Generate(t.Context(), tt.request)
		var refused *Error
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, tt.want, refused.Verdict, name)
		require.Equal(t, tt.task, refused.TaskID, name)
		require.Equal(t, tt.want == Unknown, strings.Contains(err.Error(), "do not repeat it"), name)
	}
}

func wavRecord(t *testing.T, route Route, data string) (*Record, error) {
	t.Helper()
	c, _ := answering(t, route, 200, `{"code":200,"msg":"success","data":`+data+`}`)
	return c.RecordOf(t.Context(), WAV, "988ec8d3")
}

func TestWAVRecords(t *testing.T) {
	const link = "https://files.example/s/04e6.wav"
	for name, tt := range map[string]struct {
		data   string
		state  State
		linked bool
	}{
		"documented": {`{"taskId":"988ec8d3","musicId":"e231","callbackUrl":"https://b.example/x","musicIndex":0,
			"completeTime":"2025-01-01 00:10:00","createTime":"2025-01-01 00:00:00",
			"response":{"audioWavUrl":"` + link + `"},"successFlag":"SUCCESS","errorCode":null}`, Succeeded, true},
		"pending": {`{"taskId":"988ec8d3","musicId":"e231","response":null,"successFlag":"PENDING"}`, Pending, false},
		"without a link": {
			`{"taskId":"988ec8d3","response":{"audioWavUrl":null},"successFlag":"SUCCESS"}`, Succeeded, false,
		},
		"failed":  {`{"taskId":"988ec8d3","successFlag":"GENERATE_WAV_FAILED","errorCode":500}`, Failed, false},
		"refused": {`{"taskId":"988ec8d3","successFlag":"CREATE_TASK_FAILED","errorCode":400}`, Failed, false},
		"callback not delivered": {
			`{"taskId":"988ec8d3","response":{"audioWavUrl":"` + link + `"},"successFlag":"CALLBACK_EXCEPTION"}`,
			CallbackException, true,
		},
		"wrapped": {
			`{"data":{"taskId":"988ec8d3","response":{"audio_wav_url":"` + link + `"},"successFlag":"SUCCESS"}}`,
			Succeeded, true,
		},
		"of the jobs route": {`{"taskId":"988ec8d3","model":"ai-music-api/convert-to-wav-format","state":"success",
			"resultJson":"{\"resultUrls\":[\"` + link + `\"]}"}`, Succeeded, true},
	} {
		record, err := wavRecord(t, RouteDedicated, tt.data)
		require.NoError(t, err, name)
		require.Equal(t, tt.state, record.State, name)
		if tt.linked {
			require.Len(t, record.Stems, 1, name)
			require.Equal(t, link, record.Stems[0].URL, name)
		} else {
			require.Empty(t, record.Stems, name)
		}
		require.Zero(t, record.CreatedAt, name)
		require.Zero(t, record.CompletedAt, name)
	}
}

// Nobody knows the zone of 2025-01-01 00:10:00. A time that says its zone, or is a number, counts.
func TestWAVTimesWithoutAZoneAreNone(t *testing.T) {
	for text, known := range map[string]bool{
		`"2025-01-01 00:10:00"`: false, `"2025-01-01 00:10:00.250"`: false, `"2025-01-01T00:10:00"`: false,
		`"2025-01-01T00:10:00Z"`: true, `1735689000000`: true, `"1735689000000"`: true,
	} {
		record, err := wavRecord(t, RouteDedicated, `{"taskId":"988ec8d3","successFlag":"PENDING","createTime":`+text+`}`)
		require.NoError(t, err)
		require.Equal(t, known, !record.CreatedAt.IsZero(), text)
	}
	separation, err := Separation.decodeRecord(json.RawMessage(`{"taskId":"1","createTime":"2025-01-01 00:10:00"}`))
	require.NoError(t, err)
	require.False(t, separation.CreatedAt.IsZero())
}

// The jobs route has the records of every model: that of one kind is none of another.
func TestARecordOfAnotherKindIsNone(t *testing.T) {
	record := func(model string) string {
		return `{"taskId":"988ec8d3","model":"` + model + `","state":"success",
			"resultJson":"{\"resultUrls\":[\"https://files.example/s/1.wav\"]}"}`
	}
	_, err := wavRecord(t, RouteJobs, record(Separation.model))
	require.ErrorIs(t, err, ErrNoRecord)
	_, err = Separation.decodeRecord(json.RawMessage(record(WAV.model)))
	require.ErrorIs(t, err, ErrNoRecord)
	_, err = wavRecord(t, RouteJobs, record("ai-music-api/a-later-name"))
	require.NoError(t, err, "names of models change")
}

func TestWAVCallbacks(t *testing.T) {
	const link = "https://files.example/s/04e6.wav"
	for name, tt := range map[string]struct {
		body string
		code int
		link bool
	}{
		"documented": {`{"code":200,"msg":"success","data":{"audioWavUrl":"` + link + `","task_id":"988e"}}`, 200, true},
		"failed":     {`{"code":500,"msg":"failed","data":{"audioWavUrl":null,"task_id":"988e"}}`, 500, false},
		"as a record": {
			`{"code":200,"data":{"taskId":"988e","response":{"audioWavUrl":"` + link + `"},"successFlag":"SUCCESS"}}`,
			200, true,
		},
		"without a code": {`{"data":{"audioWavUrl":"` + link + `","task_id":"988e"}}`, 200, true},
		"pending": {
			`{"code":200,"data":{"task_id":"988e","audioWavUrl":"` + link + `","successFlag":"PENDING"}}`, 200, false,
		},
	} {
		read, err := ReadCallback([]byte(tt.body))
		require.NoError(t, err, name)
		require.Equal(t, "988e", read.TaskID, name)
		callback, err := read.Decode()
		require.NoError(t, err, name)
		require.Equal(t, tt.code, callback.Code, name)
		var want []stemflow.SourceStem
		if tt.link {
			want = []stemflow.SourceStem{{Name: wavName, URL: link}}
		}
		require.Equal(t, want, callback.Stems, name)
	}
}
