package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/devtools"
	"stemflow/internal/telemetry/telemetrytest"
	"stemflow/kiesim"
)

// programs are stemflow as it runs in production: bridge, worker and starter, each with the same
// variables on top of its own.
type programs struct {
	*stack
	common         []string
	bridge, worker *devservers.Process
	starterPath    string
	// bridgeLog and workerLog may be read when the programs have stopped.
	bridgeLog, workerLog bytes.Buffer
}

// startPrograms starts bridge and worker on a new stack.
func startPrograms(t *testing.T, common ...string) *programs {
	t.Helper()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	p := &programs{stack: s, common: common, starterPath: build(t, "../starter")}
	var addr string
	p.bridge, addr = startBridgeProcess(t, s.server, &p.bridgeLog, common...)
	s.workerLog = &p.workerLog
	s.cfg.CallbackBaseURL = "http://" + addr
	p.worker = s.startProgram(buildWorker(t), common...)
	return p
}

// separate has the starter start a separation and wait for its result.
func (p *programs) separate(in stemflow.SeparateStemsInput) stemflow.SeparateStemsResult {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), p.starterPath,
		"start", "--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type), "--wait", "--json")
	cmd.Env = devtools.Environment(
		ourVariables,
		append([]string{"TEMPORAL_ADDRESS=" + p.server, "STEMFLOW_TASK_QUEUE=" + p.queue}, p.common...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(p.t, err, "%s%s", out, &stderr)
	var result stemflow.SeparateStemsResult
	require.NoError(p.t, json.Unmarshal(out, &result))
	return result
}

// stop stops worker and bridge, which then have exported all that they traced.
func (p *programs) stop() {
	p.worker.Stop()
	p.bridge.Stop()
}

func TestOneTraceFromStarterToManifest(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.NewCollector(t)
	p := startPrograms(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	in := track(stemflow.SplitStem)
	p.sim.SetScenario(in.AudioID, kiesim.Scenario{Delay: kiesim.Duration(time.Second)})
	result := p.separate(in)
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	p.stop()

	spans := collector.Spans()
	root := spans.RequireOneTree(t)
	require.Equal(t, "StartWorkflow:SeparateStems by stemflow-starter", root.Name+" by "+root.Service())
	run := spans.Below(root).One(t)
	require.Equal(t, "RunWorkflow:SeparateStems by stemflow-worker", run.Name+" by "+run.Service())
	require.Equal(t, stemflow.WorkflowID(in), run.Attribute("temporalWorkflowID"))

	activity := func(name string) telemetrytest.Spans {
		var found telemetrytest.Spans
		for _, started := range spans.Below(run).Named("StartActivity:" + name) {
			attempts := spans.Below(started) // more than one where the machine is busy
			require.NotEmpty(t, attempts, started.Name)
			found = append(found, attempts[len(attempts)-1])
		}
		return found
	}
	submit := activity(activityapi.ActivitySubmitSeparation).One(t)
	require.Equal(t, result.SeparationTaskID, submit.Attribute("stemflow.separation_task_id"))
	require.Equal(t, string(in.Type), submit.Attribute("stemflow.type"))
	paid := spans.Below(submit).Named("POST /api/v1/vocal-removal/generate").One(t)
	require.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, paid.Kind)
	require.Equal(
		t,
		"200 200",
		paid.Attribute("http.response.status_code")+" "+paid.Attribute("stemflow.provider.code"),
	)
	require.GreaterOrEqual(t, len(spans.Below(submit).Named("PUT store")), 2,
		"the intent and the receipt, and what tests a store that this process has not paid on yet")

	callback := spans.Below(submit).Named("POST /callbacks/{token}").One(t)
	require.Equal(t, "stemflow-bridge", callback.Service())
	require.Equal(t, tracepb.Span_SPAN_KIND_SERVER, callback.Kind)
	require.Equal(t, "200", callback.Attribute("http.response.status_code"))
	require.Equal(t, result.SeparationTaskID, callback.Attribute("stemflow.separation_task_id"))
	signal := spans.Below(callback).One(t)
	require.Equal(t, "SignalWorkflow:separation-callback by stemflow-bridge", signal.Name+" by "+signal.Service())
	handled := spans.Below(signal).One(t)
	require.Equal(t, "HandleSignal:separation-callback by stemflow-worker", handled.Name+" by "+handled.Service())

	archived := map[string]int64{}
	for _, stem := range activity(activityapi.ActivityArchiveStem) {
		require.Equal(t, result.SeparationTaskID, stem.Attribute("stemflow.separation_task_id"))
		fetched, put := spans.Below(stem).Named("GET source").One(t), spans.Below(stem).Named("PUT store").One(t)
		require.Equal(t, "127.0.0.1", fetched.Attribute("server.address"))
		require.Equal(t, fetched.Attribute("http.response.body.size"), put.Attribute("http.request.body.size"))
		size, err := strconv.ParseInt(fetched.Attribute("http.response.body.size"), 10, 64)
		require.NoError(t, err)
		archived[stem.Attribute("stemflow.stem")] = size
	}
	require.Len(t, archived, len(result.Stems))
	for _, stem := range result.Stems {
		require.Equal(t, stem.Size, archived[stem.Name], stem.Name)
	}
	manifest := activity(activityapi.ActivityWriteManifest).One(t)
	require.Equal(t, "200", spans.Below(manifest).Named("PUT store").One(t).Attribute("http.response.status_code"))
	require.Empty(t, spans.Named("QueryWorkflow"), "watching does not fill the trace")

	history := p.history(p.client.GetWorkflow(t.Context(), stemflow.WorkflowID(in), ""))
	p.replay("traced", history) // by a worker that does not trace
	total, headers := 0, 0
	for _, event := range history {
		total += event.Size()
		for _, header := range []*commonpb.Header{
			event.GetWorkflowExecutionStartedEventAttributes().GetHeader(),
			event.GetActivityTaskScheduledEventAttributes().GetHeader(),
			event.GetWorkflowExecutionSignaledEventAttributes().GetHeader(),
		} {
			if payload := header.GetFields()["_tracer-data"]; payload != nil {
				headers += payload.Size()
			}
		}
	}
	require.Positive(t, headers)
	t.Logf(
		"%d spans; history of %d events and %d bytes, of which %d lead from span to span",
		len(spans),
		len(history),
		total,
		headers,
	)

	text := spans.Text()
	require.Contains(t, text, result.SeparationTaskID)
	for _, secret := range append(p.secrets(result.SeparationTaskID), "Bearer", "Signature=") {
		require.NotContains(t, text, secret)
	}
}

// A collector that takes connections and never answers changes nothing for a separation, and does
// not keep a program from ending.
func TestASilentCollectorHoldsNothingUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	p := startPrograms(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+silent.Addr().String(), "OTEL_BSP_SCHEDULE_DELAY=10")
	in := track(stemflow.SplitStem)
	p.requireArchived(in, p.separate(in))
	stopped := make(chan struct{})
	go func() {
		p.stop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(50 * time.Second): // below what they are given before they are killed
		require.Fail(t, "a program waits for the collector")
	}
}

// secrets are all that give access: those of the configuration, and the callback's token and the
// links in the provider's record.
func (p *programs) secrets(separationTaskID string) []string {
	p.t.Helper()
	request, err := http.NewRequestWithContext(
		p.t.Context(),
		http.MethodGet,
		p.cfg.BaseURL+"/api/v1/vocal-removal/record-info?taskId="+separationTaskID,
		nil,
	)
	require.NoError(p.t, err)
	request.Header.Set("Authorization", "Bearer "+apiKey)
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	record, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)

	secrets := []string{apiKey, callbackSecret, webhookKey, p.cfg.MinIO.SecretKey, p.root.SecretKey}
	for _, link := range regexp.MustCompile(`http://[^"]+`).FindAllString(string(record), -1) {
		secrets = append(secrets, link, path.Base(link)) // a token, or a name that nobody can guess
	}
	require.Greater(p.t, len(secrets), 20, "%s", record)
	return secrets
}

// What is not ended by its own process is ended by another: a worker is killed in the middle of a
// run, and a query of one that has ended makes a worker replay all
// of it.
func TestReplaysAndKilledWorkersLeaveOneTree(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.NewCollector(t)
	p := startPrograms(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_BSP_SCHEDULE_DELAY=50")
	in := track(stemflow.SeparateVocal)
	p.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := p.start(in) // by a client that nobody traces
	p.await("it waits", func() bool { return p.memo(run) != "" })
	p.await(
		"the submit is exported",
		func() bool { return len(collector.Spans().Named("RunActivity:SubmitSeparation")) == 1 },
	)
	p.worker.Kill()
	p.worker = p.startProgram(buildWorker(t), p.common...)
	_, err := p.client.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: stemflow.UpdatePollNow, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	p.worker.Stop() // it lets go of the run
	p.worker = p.startProgram(buildWorker(t), p.common...)
	p.settle(in)
	require.Equal(t, stemflow.SettledByCallback, p.result(run).SettledBy)
	p.stop()
	spans := collector.Spans()

	ended := spans.Named("RunWorkflow").One(t)
	ofRun := spans.WithTrace(ended)
	require.Equal(t, ended, ofRun.RequireOneTree(t))
	ofRun.Named("POST /callbacks").One(t)
	ofRun.Named("HandleSignal").One(t)
	spans.Named("HandleUpdate:" + stemflow.UpdatePollNow).
		One(t)
		// in the trace of who asks, and of a trace of its own if nobody traces that

	p.worker = p.startProgram(buildWorker(t), p.common...)
	p.awaitPhase(run, stemflow.PhaseDone)
	p.worker.Stop()
	require.Len(
		t,
		collector.Spans(),
		len(spans),
		"a replay of the whole run adds no span\n%s",
		collector.Spans().Tree(),
	)
}
