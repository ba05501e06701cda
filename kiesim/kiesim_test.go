package kiesim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

const (
	apiKey  = "test-api-key"
	musicID = "5c79aaaaaaaaaaaaaaaaaaaaaaaabe8e"
	trackID = "e2311111-2222-4333-8444-55558cadc7dc"
)

// provider is a simulator that listens, with what it takes to be its client.
type provider struct {
	*kiesim.Simulator
	t   *testing.T
	url string
}

func start(t *testing.T, options kiesim.Options) *provider {
	t.Helper()
	options.APIKey = apiKey
	options.Logger = slog.New(slog.DiscardHandler)
	simulator := kiesim.New(options)
	url, err := simulator.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, simulator.Close()) })
	return &provider{simulator, t, url}
}

// call makes an API request and returns the answer's status and body; an error is one of the
// connection or of its decoding.
func (p *provider) call(ctx context.Context, method, path, body string) (*http.Response, string, error) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader([]byte(body)))
	require.NoError(p.t, err)
	request.Header.Set("Authorization", "Bearer "+apiKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, string(answer), err
}

// answer is call for an endpoint that is expected to answer.
func (p *provider) answer(method, path, body string) string {
	p.t.Helper()
	_, answer, err := p.call(p.t.Context(), method, path, body)
	require.NoError(p.t, err)
	return answer
}

// submission is the body of a well-made generate request.
func submission(kind, callbackURL string) string {
	fields := map[string]string{"taskId": musicID, "audioId": trackID, "type": kind, "callBackUrl": callbackURL}
	if kind == kiesim.SplitStemAdvanced {
		fields["stemName"] = "Lead Vocal"
	}
	body, _ := json.Marshal(fields)
	return string(body)
}

const generatePath = "/api/v1/vocal-removal/generate"

// generate submits the track and returns the id of its separation.
func (p *provider) generate(kind, callbackURL string) string {
	p.t.Helper()
	var answer struct {
		Code int
		Data struct{ TaskID string }
	}
	require.NoError(
		p.t,
		json.Unmarshal([]byte(p.answer(http.MethodPost, generatePath, submission(kind, callbackURL))), &answer),
	)
	require.Equal(p.t, 200, answer.Code)
	require.Regexp(p.t, "^[0-9a-f]{32}$", answer.Data.TaskID)
	return answer.Data.TaskID
}

// separation is a record as a tolerant client reads it.
type separation struct {
	TaskID, MusicID, CallbackURL string
	CompleteTime, CreateTime     any
	Response                     map[string]any
	SuccessFlag                  string
	ErrorCode, ErrorMessage      any
}

func (p *provider) recordText(taskID string) string {
	p.t.Helper()
	return p.answer(http.MethodGet, "/api/v1/vocal-removal/record-info?taskId="+taskID, "")
}

// record looks at a separation; nil if the provider shows none.
func (p *provider) record(taskID string) *separation {
	p.t.Helper()
	var answer struct {
		Code int
		Data *separation
	}
	require.NoError(p.t, json.Unmarshal([]byte(p.recordText(taskID)), &answer))
	require.Equal(p.t, 200, answer.Code)
	return answer.Data
}

// received is a callback as it arrived.
type received struct {
	header http.Header
	body   string
}

// receiver takes callbacks and answers them with the given statuses in turn, the last one for ever.
type receiver struct {
	url       string
	callbacks chan received
}

func receive(t *testing.T, statuses ...int) *receiver {
	callbacks := make(chan received, 100)
	var count atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n := int(count.Add(1)) - 1
		if len(statuses) > 0 {
			if status := statuses[min(n, len(statuses)-1)]; status >= 300 && status < 400 {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			} else {
				w.WriteHeader(status)
			}
		}
		callbacks <- received{r.Header.Clone(), string(body)}
	}))
	t.Cleanup(server.Close)
	return &receiver{server.URL + "/callbacks/token", callbacks}
}

// next waits for a callback.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case c := <-r.callbacks:
		return c
	case <-time.After(time.Minute):
		t.Fatal("no callback came")
		return received{}
	}
}

// callbackData is a callback as a tolerant client reads it.
type callbackData struct {
	Code int
	Msg  string
	Data struct {
		TaskID string         `json:"task_id"`
		Info   map[string]any `json:"vocal_separation_info"`
	}
}

func (r received) decode(t *testing.T) callbackData {
	t.Helper()
	var c callbackData
	require.NoError(t, json.Unmarshal([]byte(r.body), &c))
	return c
}

// settled runs a separation to its callback and returns both.
func (p *provider) settled(kind string, r *receiver) (string, received) {
	p.t.Helper()
	id := p.generate(kind, r.url)
	return id, r.next(p.t)
}

// nowhere is a callback URL for tests that want none.
const nowhere = "http://127.0.0.1:1/callbacks/token"

// noCallback keeps the simulator from calling nowhere.
var noCallback = kiesim.Callback{Lost: true}
