package callbackbridge_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/kie"
	"stemflow/internal/token"
)

const (
	secret    = "a-callback-secret-of-32-bytes..."
	hmacKey   = "test-webhook-hmac-key"
	taskID    = "3e63b4cc88d52611159371f6af5571e7"
	namespace = "music"
	workflow  = "stems:separate_vocal:5c79:e231"
)

const body = `{"code":200,"msg":"vocal separation generated successfully.","data":{"task_id":"` + taskID + `",
"vocal_separation_info":{"instrumental_url":"https://file.aiquickdraw.com/s/d92a_Instrumental.mp3","origin_url":"",
"vocal_url":"https://file.aiquickdraw.com/s/3d70_Vocals.mp3"}}}`

// sent is a signal that a recorder was given.
type sent struct {
	Namespace, WorkflowID, Signal string
	Callback                      stemflow.Callback
}

// recorder is a Signaler that notes what it is given and answers with err.
type recorder struct {
	mu   sync.Mutex
	sent []sent
	err  error
}

func (r *recorder) SignalWorkflow(ctx context.Context, namespace, workflowID, signal string, arg any) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("the signal has no time limit")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, sent{namespace, workflowID, signal, arg.(stemflow.Callback)})
	return r.err
}

func mint(t testing.TB, secret string, expires time.Time) string {
	keyring, err := token.NewKeyring([]string{secret})
	require.NoError(t, err)
	return keyring.Mint(token.Claims{Namespace: namespace, WorkflowID: workflow, Expires: expires})
}

// bridge is a running bridge, with what it signals and logs.
type bridge struct {
	*httptest.Server
	signaler *recorder
	log      *bytes.Buffer
	good     string
	// serving are the requests in the handler: it goes on for a moment after the answer.
	serving sync.WaitGroup
	// bare is the handler without that count, for requests that stay in it.
	bare http.Handler
}

func start(t *testing.T, adapt func(*callbackbridge.Config)) *bridge {
	b := &bridge{signaler: &recorder{}, log: &bytes.Buffer{}, good: mint(t, secret, time.Now().Add(time.Hour))}
	cfg := callbackbridge.Config{
		Signaler: b.signaler, Secrets: []string{"the-secret-that-comes-next.......", secret},
		Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	if adapt != nil {
		adapt(&cfg)
	}
	handler, err := callbackbridge.New(cfg)
	require.NoError(t, err)
	b.bare = handler
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.serving.Add(1)
		defer b.serving.Done()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bridge) do(t *testing.T, method, path, body string, header map[string]string) (*http.Response, string) {
	request, err := http.NewRequest(method, b.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	b.serving.Wait()
	return response, string(answer)
}

var isJSON = map[string]string{"Content-Type": "application/json"}

func TestCallbackBecomesASignal(t *testing.T) {
	for _, header := range []map[string]string{isJSON, {"Content-Type": "application/json;charset=UTF-8"}, nil} {
		b := start(t, nil)
		response, answer := b.do(t, http.MethodPost, "/callbacks/"+b.good, body, header)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, "application/json", response.Header.Get("Content-Type"))
		require.JSONEq(t, `{"status":"ok"}`, answer)

		read, err := kie.ReadCallback([]byte(body))
		require.NoError(t, err)
		callback, err := read.Decode()
		require.NoError(t, err)
		require.Equal(t, []sent{{namespace, workflow, stemflow.SignalSeparationCallback, callback}}, b.signaler.sent)
		require.Len(t, callback.Stems, 2)
		require.Contains(t, b.log.String(), "callback delivered")
		require.NotContains(t, b.log.String(), b.good)
	}
}

func TestFailureCallbackBecomesASignal(t *testing.T) {
	b := start(t, nil)
	response, _ := b.do(
		t,
		http.MethodPost,
		"/callbacks/"+b.good,
		`{"code":500,"msg":"Vocal separation failed","data":{"task_id":"`+taskID+`","vocal_separation_info":null}}`,
		isJSON,
	)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(
		t,
		stemflow.Callback{TaskID: taskID, Code: 500, Message: "Vocal separation failed"},
		b.signaler.sent[0].Callback,
	)
}

func TestRefusals(t *testing.T) {
	expired := mint(t, secret, time.Now().Add(-time.Second))
	foreign := mint(t, "a-secret-of-another-owner", time.Now().Add(time.Hour))
	good := mint(t, secret, time.Now().Add(time.Hour))
	for _, c := range []struct {
		name, method, token, contentType, body string
		status                                 int
		answer, logged                         string
	}{
		{
			name: "no token at all", method: "POST", token: "x", contentType: "application/json", body: body,
			status: 401, answer: "unauthorized\n", logged: token.ErrMalformed.Error(),
		},
		{
			name: "cut token", method: "POST", token: good[:len(good)-1], contentType: "application/json", body: body,
			status: 401, answer: "unauthorized\n", logged: "callback token",
		},
		{
			name: "another's token", method: "POST", token: foreign, contentType: "application/json", body: body,
			status: 401, answer: "unauthorized\n", logged: token.ErrSignature.Error(),
		},
		{
			name: "expired token", method: "POST", token: expired, contentType: "application/json", body: body,
			status: 401, answer: "unauthorized\n", logged: token.ErrExpired.Error(),
		},
		{
			name: "token before method", method: "GET", token: expired, contentType: "", body: "",
			status: 401, answer: "unauthorized\n", logged: token.ErrExpired.Error(),
		},
		{
			name: "token before size", method: "POST", token: expired, contentType: "application/json", body: strings.Repeat(" ", 2<<20),
			status: 401, answer: "unauthorized\n", logged: token.ErrExpired.Error(),
		},
		{
			name: "method", method: "PUT", token: good, contentType: "application/json", body: body,
			status: 405, answer: "a callback is a POST\n", logged: "status=405",
		},
		{
			name: "content type", method: "POST", token: good, contentType: "text/html", body: body,
			status: 415, answer: "a callback has the content type application/json\n", logged: "status=415",
		},
		{
			name: "malformed content type", method: "POST", token: good, contentType: "json;;", body: body,
			status: 415, answer: "a callback has the content type application/json\n", logged: "status=415",
		},
		{
			name: "size", method: "POST", token: good, contentType: "application/json", body: strings.Repeat(" ", 256<<10+1),
			status: 413, answer: "the callback's body is larger than 262144 bytes\n", logged: "status=413",
		},
		{
			name: "no JSON", method: "POST", token: good, contentType: "application/json", body: "<html>",
			status: 400, answer: "the callback's body is not a JSON object\n", logged: "status=400",
		},
		{
			name: "no body", method: "POST", token: good, contentType: "application/json", body: "",
			status: 400, answer: "the callback's body is not a JSON object\n", logged: "status=400",
		},
		{
			name: "no task", method: "POST", token: good, contentType: "application/json", body: `{"code":200,"data":{}}`,
			status: 400, answer: "the callback names no task: data.task_id is missing or empty\n", logged: "status=400",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, nil)
			response, answer := b.do(
				t,
				c.method,
				"/callbacks/"+c.token,
				c.body,
				map[string]string{"Content-Type": c.contentType},
			)
			require.Equal(t, c.status, response.StatusCode)
			require.Equal(t, c.answer, answer)
			require.Empty(t, b.signaler.sent)
			require.Contains(t, b.log.String(), c.logged)
			if len(c.token) > 1 {
				require.NotContains(t, b.log.String(), c.token)
			}
			if c.status == http.StatusMethodNotAllowed {
				require.Equal(t, "POST", response.Header.Get("Allow"))
			}
		})
	}
}

func TestLargestBody(t *testing.T) {
	padding := strings.Repeat(" ", 256<<10-len(body))
	for name, largest := range map[string]string{"padded after": body + padding, "padded before": padding + body} {
		t.Run(name, func(t *testing.T) {
			b := start(t, nil)
			response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, largest, isJSON)
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Len(t, b.signaler.sent, 1)
			require.Equal(t, taskID, b.signaler.sent[0].Callback.TaskID)
		})
	}
}

// A signal is in the run's history, which more people read than may call the bridge.
func TestSecretsOfTheBridgeStayOutOfSignals(t *testing.T) {
	const hidden = "another-secret-of-the-operator"
	b := start(t, func(cfg *callbackbridge.Config) { cfg.Hidden = []string{hidden} })
	for _, known := range []string{b.good, secret, hidden} {
		text := strings.NewReplacer(
			"vocal separation generated", known, "/s/3d70_", "/s/"+known+"_").Replace(body)
		response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, text, isJSON)
		require.Equal(t, http.StatusOK, response.StatusCode)
		callback := b.signaler.sent[len(b.signaler.sent)-1].Callback
		require.NotContains(t, callback.Message, known)
		for _, stem := range callback.Stems {
			require.NotContains(t, stem.SourceID, known)
		}
	}
}

// A caller that fills the bridge with large bodies has to try again, and callbacks are delivered
// meanwhile.
func TestOnlySoManyLargeBodies(t *testing.T) {
	b := start(t, nil)
	large := body + strings.Repeat(" ", 20<<10)
	var slow []*io.PipeWriter
	answers := make(chan int)
	for range 32 {
		read, write := io.Pipe()
		slow = append(slow, write)
		go func() {
			answer := httptest.NewRecorder()
			b.bare.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/callbacks/"+b.good, read))
			answers <- answer.Code
		}()
		_, err := io.WriteString(write, large) // all of it is taken, and the end is still to come
		require.NoError(t, err)
	}
	response, answer := b.do(t, http.MethodPost, "/callbacks/"+b.good, large, isJSON)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "too many large callbacks at once, try again\n", answer)
	response, _ = b.do(t, http.MethodPost, "/callbacks/"+b.good, body, isJSON)
	require.Equal(t, http.StatusOK, response.StatusCode)
	for _, write := range slow {
		_ = write.Close()
		require.Equal(t, http.StatusOK, <-answers)
	}
}

// The provider tries again after 1, 5 and 15 minutes, perhaps with the timestamp of its first try,
// and a proxy may hold a callback back for longer.
func TestRetryWithItsFirstTimestampIsTaken(t *testing.T) {
	for _, age := range []time.Duration{6 * time.Minute, 21 * time.Minute, 5 * time.Hour, 3 * 24 * time.Hour} {
		b := start(t, func(cfg *callbackbridge.Config) { cfg.HMACKeys = []string{hmacKey} })
		timestamp, signature := kie.Sign(hmacKey, taskID, time.Now().Add(-age))
		response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, body, map[string]string{
			"Content-Type": "application/json", kie.HeaderTimestamp: timestamp, kie.HeaderSignature: signature,
		})
		require.Equal(t, http.StatusOK, response.StatusCode, age)
		require.Len(t, b.signaler.sent, 1)
	}
}

func TestSignature(t *testing.T) {
	signed := func(key, task string, at time.Time) map[string]string {
		timestamp, signature := kie.Sign(key, task, at)
		return map[string]string{
			"Content-Type":      "application/json",
			kie.HeaderTimestamp: timestamp,
			kie.HeaderSignature: signature,
		}
	}
	now := time.Now()
	for _, c := range []struct {
		name   string
		header map[string]string
		status int
		logged string
	}{
		{"right", signed(hmacKey, taskID, now), 200, "callback delivered"},
		{"right, by the key before", signed("the-key-before", taskID, now), 200, "callback delivered"},
		{"within the tolerance", signed(hmacKey, taskID, now.Add(-50*time.Second)), 200, "callback delivered"},
		{"missing", isJSON, 401, kie.ErrUnsigned.Error()},
		{"another key", signed("another", taskID, now), 401, kie.ErrSignature.Error()},
		{"another task", signed(hmacKey, "e649edb7abfd759285bd41a47a634b10", now), 401, kie.ErrSignature.Error()},
		{"too old", signed(hmacKey, taskID, now.Add(-2*time.Minute)), 401, kie.ErrStale.Error()},
		{"too early", signed(hmacKey, taskID, now.Add(2*time.Minute)), 401, kie.ErrStale.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(cfg *callbackbridge.Config) {
				cfg.HMACKeys, cfg.Tolerance = []string{hmacKey, "the-key-before"}, time.Minute
			})
			response, answer := b.do(t, http.MethodPost, "/callbacks/"+b.good, body, c.header)
			require.Equal(t, c.status, response.StatusCode)
			require.Contains(t, b.log.String(), c.logged)
			if c.status == http.StatusOK {
				require.Len(t, b.signaler.sent, 1)
				return
			}
			require.Equal(t, "unauthorized\n", answer)
			require.Empty(t, b.signaler.sent)
		})
	}
}

func TestWhatTemporalAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		status int
		logged []string
	}{
		{"the run is over", serviceerror.NewNotFound("workflow execution already completed"), 200,
			[]string{"level=WARN", "not running", workflow, taskID}},
		{"no such namespace", serviceerror.NewNamespaceNotFound(namespace), 503, []string{"Namespace music is not found", taskID}},
		{"down", serviceerror.NewUnavailable("connection refused"), 503, []string{"connection refused"}},
		{"too slow", context.DeadlineExceeded, 503, []string{"deadline exceeded"}},
		{"not permitted", serviceerror.NewPermissionDenied("no", ""), 503, []string{"level=WARN"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, nil)
			b.signaler.err = c.err
			response, answer := b.do(t, http.MethodPost, "/callbacks/"+b.good, body, isJSON)
			require.Equal(t, c.status, response.StatusCode)
			if c.status != http.StatusOK {
				require.Equal(t, "the callback cannot be delivered right now, try again\n", answer)
			}
			for _, text := range c.logged {
				require.Contains(t, b.log.String(), text)
			}
		})
	}
}

// waiting is a Signaler that waits for the caller to hang up, and reports whether its own context
// has then ended.
type waiting struct {
	entered, gone chan struct{}
	ended         chan error
}

func (s *waiting) SignalWorkflow(ctx context.Context, _, _, _ string, _ any) error {
	close(s.entered)
	<-s.gone
	s.ended <- ctx.Err()
	return nil
}

func TestDeliveryOutlivesTheCaller(t *testing.T) {
	signaler := &waiting{entered: make(chan struct{}), gone: make(chan struct{}), ended: make(chan error, 1)}
	handler, err := callbackbridge.New(callbackbridge.Config{
		Signaler: signaler, Secrets: []string{secret}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		go func() {
			<-r.Context().Done()
			close(signaler.gone)
		}()
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		server.URL+"/callbacks/"+mint(t, secret, time.Now().Add(time.Hour)), strings.NewReader(body))
	require.NoError(t, err)
	go func() {
		<-signaler.entered
		hangUp()
	}()
	_, err = http.DefaultClient.Do(request)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, <-signaler.ended)
}

func TestHealth(t *testing.T) {
	down := errors.New("connection refused by temporal:7233")
	for _, c := range []struct {
		name   string
		ready  func(context.Context) error
		status int
		answer string
	}{
		{"up", func(context.Context) error { return nil }, 200, `{"status":"ok"}` + "\n"},
		{"nothing to ask", nil, 200, `{"status":"ok"}` + "\n"},
		{"down", func(context.Context) error { return down }, 503, "Temporal cannot be reached\n"},
		{"bounded", func(ctx context.Context) error {
			if _, limited := ctx.Deadline(); !limited {
				return nil
			}
			return context.DeadlineExceeded
		}, 503, "Temporal cannot be reached\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, func(cfg *callbackbridge.Config) { cfg.Ready = c.ready })
			response, answer := b.do(t, http.MethodGet, "/readyz", "", nil)
			require.Equal(t, c.status, response.StatusCode)
			require.Equal(t, c.answer, answer)
			response, _ = b.do(t, http.MethodGet, "/healthz", "", nil)
			require.Equal(t, http.StatusOK, response.StatusCode)
		})
	}
}

func TestNothingElseIsServed(t *testing.T) {
	b := start(t, nil)
	for _, path := range []string{"/", "/callbacks", "/callbacks/", "/callbacks/" + b.good + "/more", "/metrics"} {
		response, _ := b.do(t, http.MethodGet, path, "", nil)
		require.Equal(t, http.StatusNotFound, response.StatusCode, path)
	}
	response, _ := b.do(t, http.MethodPost, "/healthz", "", nil)
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

// Bridges of different secrets live in one server, under any prefix, and know nothing of each
// other.
func TestMountedTwiceInAServer(t *testing.T) {
	mux := http.NewServeMux()
	signalers := map[string]*recorder{"/one": {}, "/two": {}}
	for prefix, signaler := range signalers {
		handler, err := callbackbridge.New(callbackbridge.Config{
			Signaler: signaler, Secrets: []string{secret + prefix}, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		mux.Handle(prefix+"/", http.StripPrefix(prefix, handler))
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	address := mint(t, secret+"/one", time.Now().Add(time.Hour))
	for prefix, status := range map[string]int{"/one": http.StatusOK, "/two": http.StatusUnauthorized} {
		response, err := http.Post(server.URL+prefix+"/callbacks/"+address, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode)
	}
	require.Len(t, signalers["/one"].sent, 1)
	require.Empty(t, signalers["/two"].sent)
}

func TestNewRefuses(t *testing.T) {
	for problem, cfg := range map[string]callbackbridge.Config{
		"no Signaler is given":        {Secrets: []string{secret}},
		"no callback secret is given": {Signaler: &recorder{}},
		"5 bytes long":                {Signaler: &recorder{}, Secrets: []string{"short"}},
		"would refuse every":          {Signaler: &recorder{}, Secrets: []string{secret}, Tolerance: -time.Second},
		"signatures are required and": {Signaler: &recorder{}, Secrets: []string{secret}, RequireSignature: true},
		"webhook key 2 is 0 bytes":    {Signaler: &recorder{}, Secrets: []string{secret}, HMACKeys: []string{"webhook-key", ""}},
	} {
		_, err := callbackbridge.New(cfg)
		require.ErrorContains(t, err, problem)
	}
}

// FuzzCallback sends anything to an address that is good and to one that is not.
func FuzzCallback(f *testing.F) {
	f.Add("POST", "application/json", []byte(body), "", true)
	f.Add("POST", "application/json", []byte(body), "", false)
	f.Add("POST", "", []byte(`{"code":"531","data":{"taskId":"`+taskID+`"}}`), "1769670760", true)
	f.Add("GET", "text/html; x", []byte(`[]`), "x", true)
	good := mint(f, secret, time.Now().Add(24*time.Hour))
	f.Fuzz(func(t *testing.T, method, contentType string, body []byte, timestamp string, authorized bool) {
		address := good
		if !authorized {
			address = good[1:]
		}
		request := httptest.NewRequest("POST", "/callbacks/"+address, bytes.NewReader(body))
		request.Method = method
		request.Header.Set("Content-Type", contentType)
		request.Header.Set(kie.HeaderTimestamp, timestamp)
		answer := httptest.NewRecorder()
		signaler := &recorder{}
		handler, err := callbackbridge.New(callbackbridge.Config{ // one that remembers nothing
			Signaler: signaler, Secrets: []string{secret}, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		handler.ServeHTTP(answer, request)

		delivered := answer.Code == http.StatusOK
		require.Equal(t, delivered, len(signaler.sent) == 1, "200 is answered if and only if a signal was sent")
		if !authorized {
			require.Equal(t, http.StatusUnauthorized, answer.Code)
		}
		if delivered {
			require.Equal(t, workflow, signaler.sent[0].WorkflowID)
			require.NotEmpty(t, signaler.sent[0].Callback.TaskID)
		}
	})
}
