package callbackbridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"stemflow/callbackbridge"
	"stemflow/internal/kie"
	"stemflow/internal/token"
)

// padded is the body with as much around it as the bridge accepts.
var padded = body + strings.Repeat(" ", 256<<10-len(body))

func TestARepeatedCallbackIsSignalledOnce(t *testing.T) {
	metrics := newSeen()
	b := start(t, func(cfg *callbackbridge.Config) {
		cfg.HMACKeys, cfg.Metrics = []string{hmacKey}, metrics
	})
	now := time.Now()
	for i := range 200 {
		timestamp, signature := kie.Sign(hmacKey, taskID, now.Add(time.Duration(i%3)*time.Second))
		response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, padded, map[string]string{
			"Content-Type":      "application/json",
			kie.HeaderTimestamp: timestamp,
			kie.HeaderSignature: signature,
		})
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	require.Len(t, b.signaler.sent, 1)
	signal, err := json.Marshal(b.signaler.sent[0].Callback)
	require.NoError(t, err)
	require.Less(t, len(signal), 4<<10)
	require.EqualValues(t, 199, metrics.all.counters["stemflow_callbacks_receivedmap[outcome:repeated reason:none]"])
	require.NotContains(t, b.log.String(), "repeated", "at the usual level")
}

// slowSignaler lets all repeats come in before the first one is delivered.
type slowSignaler struct {
	calls   atomic.Int32
	began   chan struct{}
	proceed chan struct{}
	err     error
}

func (s *slowSignaler) SignalWorkflow(context.Context, string, string, string, any) error {
	if s.calls.Add(1) == 1 {
		close(s.began)
	}
	<-s.proceed
	return s.err
}

// answerRepeatsAtOnce has repeats come in while the first callback is under way, which ends with an
// error if there is one, and demands that all have the same answer. It returns the signals.
func answerRepeatsAtOnce(t *testing.T, err error, want int) (signals int32) {
	t.Helper()
	signaler := &slowSignaler{began: make(chan struct{}), proceed: make(chan struct{}), err: err}
	b := start(t, func(cfg *callbackbridge.Config) { cfg.Signaler = signaler })
	var all sync.WaitGroup
	post := func() {
		answer := httptest.NewRecorder()
		b.bare.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/callbacks/"+b.good, strings.NewReader(body)))
		require.Equal(t, want, answer.Code)
	}
	all.Go(post)
	<-signaler.began
	for range 50 {
		all.Go(post)
	}
	close(signaler.proceed)
	all.Wait()
	return signaler.calls.Load()
}

func TestRepeatsAtOnceAreSignalledOnce(t *testing.T) {
	require.EqualValues(t, 1, answerRepeatsAtOnce(t, nil, http.StatusOK))
}

// What is under way for one run is no answer to the callback of another, nor to another callback.
func TestDifferentCallbacksAtOnceAreAllSignalled(t *testing.T) {
	signaler := &slowSignaler{began: make(chan struct{}), proceed: make(chan struct{})}
	b := start(t, func(cfg *callbackbridge.Config) { cfg.Signaler = signaler })
	other := mintClaims(t, func(c *token.Claims) { c.WorkflowID = "stems:other" })
	var all sync.WaitGroup
	for _, callback := range []struct{ token, body string }{
		{b.good, body}, {other, body}, {b.good, strings.ReplaceAll(body, taskID, "another")},
	} {
		all.Go(func() {
			answer := httptest.NewRecorder()
			b.bare.ServeHTTP(answer,
				httptest.NewRequest(http.MethodPost, "/callbacks/"+callback.token, strings.NewReader(callback.body)))
			if answer.Code != http.StatusOK {
				t.Errorf("the answer is %d", answer.Code)
			}
		})
	}
	require.Eventually(t, func() bool { return signaler.calls.Load() == 3 }, 10*time.Second, time.Millisecond)
	close(signaler.proceed)
	all.Wait()
}

// The repeats of a callback whose delivery fails are not answered as if it had been delivered: the
// provider would not send it again.
func TestRepeatsOfADeliveryThatFailsAreRefused(t *testing.T) {
	answerRepeatsAtOnce(t, serviceerror.NewUnavailable("away"), http.StatusServiceUnavailable)
}

// What Temporal did not take must be taken when it comes again.
func TestACallbackThatWasNotDeliveredIsNoRepeat(t *testing.T) {
	for name, failure := range map[string]error{
		"Temporal is away": serviceerror.NewUnavailable("away"),
		"too slow":         context.DeadlineExceeded,
		"odd":              errors.New("odd"),
		"the run is over":  serviceerror.NewNotFound("over"), // a reset may open another one under the token
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, nil)
			b.signaler.err = failure
			for range 40 {
				b.do(t, http.MethodPost, "/callbacks/"+b.good, body, isJSON)
			}
			b.signaler.err = nil
			response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, body, isJSON)
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Len(t, b.signaler.sent, 41)
		})
	}
}

func TestACallbackThatSaysMoreIsNoRepeat(t *testing.T) {
	b := start(t, nil)
	for _, body := range []string{
		`{"code":500,"msg":"failed","data":{"task_id":"` + taskID + `"}}`,
		`{"code":200,"data":{"task_id":"` + taskID + `","vocal_separation_info":null}}`,
		body,
		body, // a repeat
	} {
		response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, body, isJSON)
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	require.Len(t, b.signaler.sent, 3)
}

// Without a webhook key a stolen token can name any number of separations.
func TestOneTokenBringsABoundedNumberOfSignals(t *testing.T) {
	b := start(t, nil)
	other := mintClaims(t, func(c *token.Claims) { c.RunID = "another run" })
	status := map[int]int{}
	began := time.Now()
	for i := range 1000 {
		body := strings.Replace(body, taskID, fmt.Sprintf("%032x", i), 1)
		response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, body, isJSON)
		status[response.StatusCode]++
	}
	require.LessOrEqual(t, len(b.signaler.sent), 16)
	require.Equal(t, map[int]int{http.StatusOK: 16, http.StatusTooManyRequests: 984}, status)
	response, _ := b.do(t, http.MethodPost, "/callbacks/"+other, body, isJSON)
	require.Equal(t, http.StatusOK, response.StatusCode, "others are served")
	seconds := int(time.Since(began).Seconds()) + 2
	require.LessOrEqual(t, strings.Count(b.log.String(), "refused"), 5*seconds, "the log is sampled")
}

func TestReadinessIsAskedOnceForMany(t *testing.T) {
	var asked atomic.Int32
	b := start(t, func(cfg *callbackbridge.Config) {
		cfg.Ready = func(context.Context) error {
			asked.Add(1)
			return errors.New("away")
		}
	})
	began := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				answer := httptest.NewRecorder()
				request := httptest.NewRequest(http.MethodGet, "/readyz", nil)
				gone, cancel := context.WithCancel(t.Context())
				cancel() // hanging up does not make the answer
				b.bare.ServeHTTP(answer, request.WithContext(gone))
				require.Equal(t, http.StatusServiceUnavailable, answer.Code)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, int(asked.Load()), int(time.Since(began).Seconds())+1)
}

func TestStrangersDoNotFillTheLog(t *testing.T) {
	b := start(t, nil)
	began := time.Now()
	for range 500 {
		b.do(t, http.MethodPost, "/callbacks/stranger", body, isJSON)
	}
	seconds := int(time.Since(began).Seconds()) + 2
	require.LessOrEqual(t, strings.Count(b.log.String(), "callback refused"), 5*seconds)
}
