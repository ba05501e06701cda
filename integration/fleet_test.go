package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// Three workers and two bridges share what is to be done, knowing nothing of each other. One of
// either is killed in the middle, and nothing is lost but time.
func TestAFleetLosesAWorkerAndABridge(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	program := buildWorker(t)
	var bridges []*devservers.Process
	var addrs []string
	for range 2 {
		bridge, addr := startBridgeProcess(t, s.server, nil)
		bridges, addrs = append(bridges, bridge), append(addrs, addr)
	}
	s.cfg.CallbackBaseURL = balance(t, addrs).URL
	workers := []*devservers.Process{s.startProgram(program), s.startProgram(program), s.startProgram(program)}

	const tracks = 60
	runs := map[client.WorkflowRun]stemflow.SeparateStemsInput{}
	for range tracks {
		in := track(stemflow.SeparateVocal)
		in.CallbackGrace, in.Deadline = stemflow.Duration(10*time.Minute), stemflow.Duration(20*time.Minute)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Delay: kiesim.Duration(time.Second), Files: slowFiles()})
		runs[s.start(in)] = in
	}
	s.await("a third of the tracks is paid for", func() bool { return len(s.sim.Bill().Charges) >= tracks/3 })
	workers[0].Kill()
	bridges[0].Kill()

	done := map[string]int{}
	for run, in := range runs {
		result := s.result(run)
		require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
		s.requireArchived(in, result)
		require.Equal(t, 1, s.billed(in))
		for _, event := range s.history(run) {
			if started := event.GetActivityTaskStartedEventAttributes(); started != nil {
				done[started.GetIdentity()]++
			}
		}
	}
	for i, worker := range workers {
		n := 0
		for identity, activities := range done {
			if strings.HasPrefix(identity, fmt.Sprintf("%d@", worker.PID())) {
				n += activities
			}
		}
		require.NotZero(t, n, "worker %d took its share", i)
	}
}

// balance is what stands before a fleet of bridges: it passes each request on to the next one, and
// leaves out one that has not answered.
func balance(t *testing.T, bridges []string) *httptest.Server {
	var mu sync.Mutex
	next := 0
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			mu.Lock()
			defer mu.Unlock()
			next++
			r.SetURL(&url.URL{Scheme: "http", Host: bridges[next%len(bridges)]})
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			mu.Lock()
			defer mu.Unlock()
			bridges = slices.DeleteFunc(bridges, func(addr string) bool { return addr == r.URL.Host })
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server
}
