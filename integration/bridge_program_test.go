package integration

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
	"stemflow/internal/kie"
	"stemflow/internal/token"
)

// bridgeProgram is the bridge as it runs in production, before workflows that nobody works on: a
// signal stands in a history all the same.
type bridgeProgram struct {
	keyring *token.Keyring
	t       testing.TB
	process *devservers.Process
	addr    string
	client  client.Client
	runs    []client.WorkflowRun
	tokens  []string
}

func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }

// ourVariables are the beginnings of the names of all variables that stemflow's programs read: a
// test's programs are not configured by the shell that runs the test.
var ourVariables = []string{
	"TEMPORAL_", "KIE_", "MINIO_", "STEMFLOW_", "OTEL_",
	"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
}

// startBridgeProcess starts the program for a Temporal, with more variables, and returns it with
// its address. Its log goes to log, where given.
func startBridgeProcess(
	t testing.TB,
	temporalAddr string,
	log io.Writer,
	more ...string,
) (*devservers.Process, string) {
	t.Helper()
	command, addr := bridgeCommand(t, temporalAddr, more...)
	command.Ready, command.Log = devservers.HTTPReady("http://"+addr+"/readyz"), log
	process, err := devservers.Start(t.Context(), command)
	require.NoError(t, err)
	t.Cleanup(process.Kill)
	return process, addr
}

// bridgeCommand is the program on a free port, and its address.
func bridgeCommand(t testing.TB, temporalAddr string, more ...string) (devservers.Command, string) {
	t.Helper()
	addr := freeAddress(t)
	return devservers.Command{
		Name: "callbackbridge", Path: build(t, "../callbackbridge/cmd/callbackbridge"),
		Env: devtools.Environment(ourVariables, append([]string{
			"TEMPORAL_ADDRESS=" + temporalAddr, "STEMFLOW_BRIDGE_ADDR=" + addr, "STEMFLOW_METRICS_ADDR=127.0.0.1:0",
			"STEMFLOW_CALLBACK_SECRETS=" + callbackSecret, "KIE_WEBHOOK_HMAC_KEY=" + webhookKey,
		}, more...)...),
		StopWithin: 30 * time.Second,
	}, addr
}

// startBridge starts the program for a Temporal, and the workflows.
func startBridge(t testing.TB, temporalAddr string, workflows int) *bridgeProgram {
	t.Helper()
	b := &bridgeProgram{t: t}
	var err error
	// Without compression, as the bridge's own client: the benchmark compares the two.
	b.client, err = client.Dial(client.Options{
		HostPort: temporalAddr, Logger: quiet(),
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
	})
	require.NoError(t, err)
	t.Cleanup(b.client.Close)
	b.keyring, err = token.NewKeyring([]string{callbackSecret})
	require.NoError(t, err)
	for i := range workflows {
		run, err := b.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: fmt.Sprintf("bridge-%s-%d", newID(), i), TaskQueue: "nobody",
		}, "nobody's")
		require.NoError(t, err)
		b.runs = append(b.runs, run)
		b.tokens = append(b.tokens, b.keyring.Mint(token.Claims{
			Namespace: "default", WorkflowID: run.GetID(), RunID: run.GetRunID(), Expires: time.Now().Add(time.Hour),
		}))
	}
	b.process, b.addr = startBridgeProcess(t, temporalAddr, nil)
	t.Cleanup(func() { b.process.Kill() }) // the one that runs then
	return b
}

// restart starts the program again after it was killed or stopped.
func (b *bridgeProgram) restart() {
	b.t.Helper()
	again, err := b.process.Restart(b.t.Context())
	require.NoError(b.t, err)
	b.process = again
}

// request is a callback about a task to one of the workflows. By the token, each task is that of a
// run of its own: a run hears a bounded number of callbacks.
func (b *bridgeProgram) request(workflow int, taskID string) []byte {
	return callbackRequest(b.addr, b.keyring.Mint(token.Claims{
		Namespace: "default", WorkflowID: b.runs[workflow].GetID(), RunID: taskID, Expires: time.Now().Add(time.Hour),
	}), taskID)
}

// callbackRequest is a signed callback about a task, in the bytes of HTTP.
func callbackRequest(addr, token, taskID string) []byte {
	body := fmt.Sprintf(`{"code":200,"msg":"success","data":{"task_id":%q,"vocal_separation_info":`+
		`{"vocal_url":"https://file.aiquickdraw.com/s/v.mp3","instrumental_url":"https://file.aiquickdraw.com/s/i.mp3"}}}`, taskID)
	timestamp, signature := kie.Sign(webhookKey, taskID, time.Now())
	var request bytes.Buffer
	fmt.Fprintf(
		&request,
		"POST /callbacks/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s: %s\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s",
		token,
		addr,
		kie.HeaderTimestamp,
		timestamp,
		kie.HeaderSignature,
		signature,
		len(body),
		body,
	)
	return request.Bytes()
}

// sender is one persistent connection to the bridge.
type sender struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

// send returns the status of the answer, or an error when there was none.
func (s *sender) send(request []byte) (int, error) {
	if s.conn == nil {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			return 0, err
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
	}
	status, err := s.exchange(request)
	if err != nil {
		s.close()
	}
	return status, err
}

func (s *sender) exchange(request []byte) (int, error) {
	if _, err := s.conn.Write(request); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func (s *sender) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// signalled counts, by task, the callbacks that stand in the histories.
func (b *bridgeProgram) signalled() map[string]int {
	b.t.Helper()
	count := map[string]int{}
	for _, run := range b.runs {
		events := b.client.GetWorkflowHistory(
			context.Background(),
			run.GetID(),
			run.GetRunID(),
			false,
			enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT,
		)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(b.t, err)
			if signal := event.GetWorkflowExecutionSignaledEventAttributes(); signal != nil {
				var callback stemflow.Callback
				require.NoError(b.t, converter.GetDefaultDataConverter().FromPayloads(signal.Input, &callback))
				count[callback.TaskID]++
			}
		}
	}
	return count
}

// memory is a line of a process's status, in KiB: "VmRSS" or "VmHWM".
func memory(t testing.TB, pid int, line string) (kib int) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("resident memory is read from /proc")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for l := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(l, line+":"); found {
			_, err := fmt.Sscan(value, &kib)
			require.NoError(t, err)
		}
	}
	return kib
}
