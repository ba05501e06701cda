package kiesim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

// restored is a simulator that keeps its state in the file.
func restored(t *testing.T, file string, options kiesim.Options) *provider {
	t.Helper()
	options.APIKey = apiKey
	s := kiesim.New(options)
	require.NoError(t, s.Restore(file))
	url, err := s.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return &provider{s, t, url}
}

type callbackLog chan string

func (c callbackLog) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c <- string(body)
}

func TestTasksAndBillOutliveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	callbacks := make(callbackLog, 4)
	receiver := httptest.NewServer(callbacks)
	defer receiver.Close()
	generate := `{"taskId":"` + musicID + `","audioId":"` + trackID + `","type":"split_stem","callBackUrl":"` + receiver.URL + `"}`
	id := func(answer string) string {
		var a struct{ Data struct{ TaskID string } }
		require.NoError(t, json.Unmarshal([]byte(answer), &a), answer)
		require.NotEmpty(t, a.Data.TaskID)
		return a.Data.TaskID
	}
	link := func(record string) string {
		var r struct {
			Data struct{ Response struct{ DrumsURL string } }
		}
		require.NoError(t, json.Unmarshal([]byte(record), &r))
		return r.Data.Response.DrumsURL
	}

	first := restored(t, file, kiesim.Options{PublicURL: "http://files"})
	done := id(first.answer(http.MethodPost, "/api/v1/vocal-removal/generate", generate))
	require.Contains(t, <-callbacks, done)
	require.Eventually(
		t,
		func() bool { return first.Bill().Callbacks.Acknowledged == 1 },
		time.Minute,
		10*time.Millisecond,
	)
	first.SetScenario(trackID, kiesim.Scenario{Delay: kiesim.Duration(300 * time.Millisecond)})
	underWay := id(first.answer(http.MethodPost, "/api/v1/vocal-removal/generate", generate))
	before := link(first.answer(http.MethodGet, "/api/v1/vocal-removal/record-info?taskId="+done, ""))
	require.NotEmpty(t, before)
	bill := first.Bill()
	require.NoError(t, first.Close())

	second := restored(t, file, kiesim.Options{PublicURL: "http://files"})
	require.Equal(t, before, link(second.answer(http.MethodGet, "/api/v1/vocal-removal/record-info?taskId="+done, "")))
	response, err := http.Get(second.url + before[len("http://files"):])
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, <-callbacks, underWay, "what was under way goes on")
	after := second.Bill()
	require.Len(t, after.Charges, 2)
	require.Equal(t, bill.Balance, after.Balance)
	for i, charge := range after.Charges {
		require.Equal(t, bill.Charges[i].TaskID, charge.TaskID)
	}
	require.NoError(t, second.Close())
	require.Empty(t, callbacks, "a callback that was acknowledged is not sent again")
}

// refuseCallbacks is a receiver that says when it has refused a callback. It returns a request for
// a separation whose callbacks it gets.
func refuseCallbacks(t *testing.T) (request string, refused <-chan struct{}) {
	t.Helper()
	said := make(chan struct{}, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		select {
		case said <- struct{}{}:
		default: // it was said
		}
	}))
	t.Cleanup(receiver.Close)
	return `{"taskId":"` + musicID + `","audioId":"` + trackID + `","callBackUrl":"` + receiver.URL + `"}`, said
}

func TestACallbackThatWasNotAcknowledgedIsSentAfterARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	request, refused := refuseCallbacks(t)
	first := restored(t, file, kiesim.Options{})
	first.answer(http.MethodPost, "/api/v1/vocal-removal/generate", request)
	<-refused
	require.Eventually(
		t,
		func() bool { return first.Bill().Callbacks.Refused == 1 },
		time.Minute,
		10*time.Millisecond,
	)
	require.NoError(t, first.Close())

	restored(t, file, kiesim.Options{})
	<-refused
}

// An early one comes before its task is settled.
func TestAnEarlyCallbackIsSentAfterARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	request, refused := refuseCallbacks(t)
	first := restored(t, file, kiesim.Options{})
	first.SetScenario(trackID, kiesim.Scenario{
		Outcome: kiesim.Outcome{Pending: true}, Callback: kiesim.Callback{Delay: -1},
	})
	first.answer(http.MethodPost, "/api/v1/vocal-removal/generate", request)
	<-refused
	require.NoError(t, first.Close())

	restored(t, file, kiesim.Options{})
	select {
	case <-refused:
	case <-time.After(20 * time.Second):
		t.Fatal("no callback came")
	}
}

func TestAForeignStateFileIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(file, []byte("something else"), 0o600))
	require.ErrorContains(t, kiesim.New(kiesim.Options{}).Restore(file), "is no state of a simulator, remove it")
	require.Error(
		t,
		kiesim.New(kiesim.Options{}).Restore(filepath.Join(file, "below")),
		"a place that cannot be written is told at once",
	)
}

func TestLinksLeadToTheNewAddressAfterARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	first := restored(t, file, kiesim.Options{PublicURL: "http://former"})
	answer := first.answer(http.MethodPost, "/api/v1/vocal-removal/generate",
		`{"taskId":"`+musicID+`","audioId":"`+trackID+`","callBackUrl":"http://127.0.0.1:1"}`)
	var accepted struct{ Data struct{ TaskID string } }
	require.NoError(t, json.Unmarshal([]byte(answer), &accepted))
	require.NoError(t, first.Close())

	second := restored(t, file, kiesim.Options{PublicURL: "http://now"})
	require.Eventually(t, func() bool {
		record := second.answer(http.MethodGet, "/api/v1/vocal-removal/record-info?taskId="+accepted.Data.TaskID, "")
		require.NotContains(t, record, "http://former")
		return strings.Contains(record, "http://now/")
	}, time.Minute, 10*time.Millisecond)
}
