package integration

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
)

// A worker that is started before Temporal waits for it, says so, and works once it is there.
func TestWorkerWaitsForALateTemporal(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	var logged lines
	s.workerLog = &logged
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(logged.String())
		}
	})
	s.server = freeAddress(t)
	metrics := freeAddress(t)
	program := buildWorker(t)
	w := s.startProgram(program, "STEMFLOW_METRICS_ADDR="+metrics)
	tries := func() []string {
		var found []string
		for line := range strings.Lines(logged.String()) {
			if strings.Contains(line, "Temporal cannot be reached") {
				found = append(found, line)
			}
		}
		return found
	}
	s.await("two tries are logged", func() bool { return len(tries()) >= 2 })
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(tries()[0]), &line))
	require.Equal(t, s.server, line["address"])
	require.Equal(t, "default", line["namespace"])
	require.Equal(t, "1s", line["nextTryIn"])
	require.Contains(t, line["error"], "connection refused")
	status, body := asked(t, "http://"+metrics+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "connection refused")
	status, _ = asked(t, "http://"+metrics+"/healthz")
	require.Equal(t, http.StatusOK, status)
	_, body = asked(t, "http://"+metrics+"/metrics")
	require.NotContains(t, body, "temporal_worker_start")

	_, port, err := net.SplitHostPort(s.server)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	server, err := devservers.Temporal(t.Context(), devservers.TemporalOptions{Port: number})
	require.NoError(t, err)
	t.Cleanup(server.Kill)
	s.awaitWithin(patience, "the worker is ready", func() bool {
		status, _ := asked(t, "http://"+metrics+"/readyz")
		return status == http.StatusOK
	})
	require.Contains(t, logged.String(), "Temporal is reached")
	s.client, err = client.Dial(client.Options{HostPort: s.server, Logger: quiet()})
	require.NoError(t, err)
	t.Cleanup(s.client.Close)
	in := track(stemflow.SeparateVocal)
	in.CallbackGrace = stemflow.Duration(time.Second) // the bridge signals another server
	s.requireArchived(in, s.result(s.start(in)))
	w.Stop()
	require.NoError(t, w.Err())
}

// freeAddress is one that nothing listens at.
func freeAddress(t testing.TB) string {
	t.Helper()
	port, err := devservers.FreePort(0)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// asked is what an address answers; 0: nothing does.
func asked(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// A worker that waits for Temporal ends at once when it is told to, without an error.
func TestWorkerThatWaitsForTemporalStops(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	var logged lines
	s.workerLog = &logged
	s.server = freeAddress(t)
	w := s.startProgram(buildWorker(t))
	s.await("a try is logged", func() bool { return strings.Contains(logged.String(), "nextTryIn") })
	w.Stop()
	require.NoError(t, w.Err())
	require.Contains(t, logged.String(), "stopped before it has reached Temporal")
}

// What no waiting mends ends the worker, with what to do.
func TestWorkerEndsWhereWaitingForTemporalIsOfNoUse(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	away := freeAddress(t)
	program := buildWorker(t)
	for name, c := range map[string]struct {
		variables []string
		says      string
	}{
		"no namespace":            {[]string{"TEMPORAL_NAMESPACE=elsewhere"}, "temporal operator namespace create elsewhere"},
		"TLS where there is none": {[]string{"TEMPORAL_TLS=true"}, "set TEMPORAL_TLS=false"},
		"no such TLS file": {
			[]string{"TEMPORAL_ADDRESS=" + away, "TEMPORAL_TLS_SERVER_CA_CERT_PATH=/nowhere/ca.pem"}, "/nowhere/ca.pem",
		},
		"wrong elsewhere, and Temporal away": {
			[]string{"TEMPORAL_ADDRESS=" + away, "STEMFLOW_ALLOWED_BUCKETS=a//b"}, "STEMFLOW_ALLOWED_BUCKETS",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			var logged lines
			s.workerLog = &logged
			w := s.startProgram(program, c.variables...)
			s.await("the worker has ended", func() bool {
				select {
				case <-w.Done():
					return true
				default:
					return false
				}
			})
			require.Error(t, w.Err())
			require.Contains(t, logged.String(), c.says)
			require.NotContains(t, logged.String(), "nextTryIn")
		})
	}
}
