package integration

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

const encrypted = "binary/strict"

// strict is a codec that refuses what it has not encoded.
type strict struct{}

func (strict) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		data, err := proto.Marshal(p)
		if err != nil {
			return nil, err
		}
		out[i] = &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte(encrypted)}, Data: flip(data)}
	}
	return out, nil
}

func (strict) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()["encoding"]) != encrypted {
			return nil, errors.New("not encrypted: " + string(p.GetData()))
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(flip(p.GetData()), out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func flip(data []byte) []byte {
	flipped := make([]byte, len(data))
	for i, b := range data {
		flipped[i] = b ^ 0x55
	}
	return flipped
}

// coded makes clients with the codec, which also encodes the messages of failures.
func coded(addr string) client.Options {
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), strict{})
	return client.Options{
		HostPort: addr, Logger: quiet(), DataConverter: data,
		FailureConverter: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
			DataConverter: data, EncodeCommonAttributes: true,
		}),
	}
}

// useCodec makes a stack whose own client encodes.
func (s *stack) useCodec() client.Options {
	s.t.Helper()
	options := coded(s.server)
	c, err := client.Dial(options)
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	s.client, s.cfg.Client = c, c
	return options
}

// requireEncrypted demands that nothing of a run can be read that came from stemflow.
func (s *stack) requireEncrypted(run client.WorkflowRun) {
	s.t.Helper()
	total := 0
	demand := func(where string, m proto.Message) {
		require.NoError(s.t, proxy.VisitPayloads(s.t.Context(), m, proxy.VisitPayloadsOptions{
			SkipSearchAttributes: true,
			Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
				for _, p := range payloads {
					total++
					require.Equal(s.t, encrypted, string(p.GetMetadata()["encoding"]), "%s: %s", where, p.GetData())
				}
				return payloads, nil
			},
		}))
	}
	for _, event := range s.history(run) {
		if marker := event.GetMarkerRecordedEventAttributes(); marker != nil {
			// The SDK itself notes which local activity this was, and when.
			for _, name := range []string{"data", "version", "change-id"} {
				delete(marker.Details, name)
			}
		}
		if details := event.GetActivityTaskCanceledEventAttributes().GetDetails(); details != nil {
			// The server itself notes that an activity was cancelled before a worker had it.
			details.Payloads = slices.DeleteFunc(details.Payloads, func(p *commonpb.Payload) bool {
				return string(p.GetData()) == `"ACTIVITY_ID_NOT_STARTED"`
			})
		}
		if event.UserMetadata != nil { // summaries, which the SDK encodes too
			demand("summary", event.UserMetadata)
		}
		demand(event.GetEventType().String(), event)
	}
	d, err := s.client.DescribeWorkflow(s.t.Context(), run.GetID(), run.GetRunID())
	require.NoError(s.t, err)
	demand("memo", d.RawResponse.GetWorkflowExecutionInfo().GetMemo())
	require.Greater(s.t, total, 10)
}

// A host with an encrypting data converter of its own: whatever stemflow encodes goes through it.
func TestAHostThatEncrypts(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	options := s.useCodec()
	s.serveBridge(callbackbridge.Config{Signaler: callbackbridge.NewSignaler(s.client, options)})
	s.startWorker()

	in := track(stemflow.SplitStem)
	in.CallbackGrace = stemflow.Duration(5 * time.Minute)
	run := s.start(in)
	result := s.result(run)
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	s.requireArchived(in, result)
	s.requireEncrypted(run)

	failing := track(stemflow.SeparateVocal)
	s.sim.SetScenario(failing.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Code: 531}}})
	run = s.start(failing)
	kind, _, details := s.failure(run)
	require.Equal(t, stemflow.ErrorSeparationFailed, kind)
	require.Equal(t, 531, details.ProviderCode)
	s.requireEncrypted(run)

	// A catalogue joins a run, whose result it decodes in an activity.
	joined := track(stemflow.SeparateVocal)
	s.sim.SetScenario(joined.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	single := s.start(joined)
	s.awaitPhase(single, stemflow.PhaseWaiting)
	catalog := s.startCatalog(stemflow.SeparateCatalogInput{
		Name: "c-" + newID(), Tracks: []stemflow.SeparateStemsInput{in, joined, track(stemflow.SeparateVocal)},
	})
	s.await("the run is joined", func() bool { return s.catalogProgress(catalog).Archived == 1 })
	s.settle(joined)
	require.Equal(t, stemflow.CatalogCounts{Found: 1, Archived: 2}, s.catalogResult(catalog, patience).CatalogCounts)
	s.requireEncrypted(catalog)
	require.Equal(t, 1, s.billed(in))

	// Nexus callers have the same codec.
	c := s.startCallers(coded(s.server))
	asked := track(stemflow.SeparateVocal)
	s.sim.SetScenario(asked.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	first := c.call(stemflow.WorkflowSeparateStems, asked)
	c.joined(stemflow.WorkflowID(asked), 1)
	second := c.call(stemflow.WorkflowSeparateStems, asked)
	c.joined(stemflow.WorkflowID(asked), 2)
	c.cancel(first)
	c.requireCancelled(first)
	s.settle(asked)
	var separated stemflow.SeparateStemsResult
	require.NoError(t, second.Get(t.Context(), &separated))
	require.Len(t, separated.Stems, 2)
	s.requireEncrypted(s.client.GetWorkflow(t.Context(), stemflow.WorkflowID(asked), ""))
}

// codecServer is a codec that programs reach by HTTP. It can be away.
type codecServer struct {
	*httptest.Server
	away atomic.Bool
}

func startCodecServer(t *testing.T) *codecServer {
	t.Helper()
	c := &codecServer{}
	codec := converter.NewPayloadCodecHTTPHandler(strict{})
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case c.away.Load():
			http.Error(w, "away", http.StatusServiceUnavailable)
		case r.Header.Get("Authorization") != "Bearer codec" || r.Header.Get("X-Namespace") != "default":
			http.Error(w, "who is that?", http.StatusBadRequest)
		default:
			codec.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *codecServer) environment() []string {
	return []string{"TEMPORAL_CODEC_ENDPOINT=" + c.URL, "TEMPORAL_CODEC_AUTH=Bearer codec"}
}

// The programs in an encrypted namespace, with the codec server of Temporal's profile.
func TestProgramsInAnEncryptedNamespace(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	s.useCodec()
	codec := startCodecServer(t)
	_, addr := startBridgeProcess(t, s.server, nil, codec.environment()...)
	s.cfg.CallbackBaseURL = "http://" + addr
	s.startProgram(buildWorker(t), codec.environment()...)
	starter := func(args ...string) ran {
		cmd := s.starterCommand(args...)
		cmd.Env = append(cmd.Env, codec.environment()...)
		return runStarter(t, cmd)
	}
	name := func(in stemflow.SeparateStemsInput) []string {
		return []string{"--task-id", in.TaskID, "--audio-id", in.AudioID, "--type", string(in.Type)}
	}

	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	started := starter(append([]string{"start", "--callback-grace", "15s"}, name(in)...)...)
	require.Zero(t, started.code, started.stderr)
	run := s.client.GetWorkflow(t.Context(), stemflow.WorkflowID(in), "")
	s.awaitPhase(run, stemflow.PhaseWaiting)

	// The codec is away while the callback comes and the run goes on. Nothing fails for that.
	codec.away.Store(true)
	s.settle(in)
	time.AfterFunc(8*time.Second, func() { codec.away.Store(false) })

	watched := starter(append([]string{"watch"}, name(in)...)...)
	require.Zero(t, watched.code, watched.stderr)
	require.Contains(t, watched.stdout, "instrumental")
	s.requireArchived(in, s.result(run))
	shown := starter(append([]string{"show"}, name(in)...)...)
	require.Zero(t, shown.code, shown.stderr)
	s.requireEncrypted(run)
	require.Equal(t, 1, s.billed(in))

	// The memo is decoded: it alone names what a terminated run has paid for.
	ended := track(stemflow.SeparateVocal)
	s.sim.SetScenario(ended.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	require.Zero(t, starter(append([]string{"start"}, name(ended)...)...).code)
	run = s.client.GetWorkflow(t.Context(), stemflow.WorkflowID(ended), "")
	s.awaitPhase(run, stemflow.PhaseWaiting)
	require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), "", "test"))
	watched = starter(append([]string{"watch"}, name(ended)...)...)
	require.NotZero(t, watched.code)
	require.Contains(t, watched.stderr, s.charges(ended)[0].TaskID)

	// A callback whose run is over starts another workflow, through the bridge's client.
	d, err := s.client.DescribeWorkflow(t.Context(), run.GetID(), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, d.Status)
	s.settle(ended)
	again := starter(append([]string{"start", "--wait"}, name(ended)...)...)
	require.Zero(t, again.code, again.stderr)
	require.Equal(t, 1, s.billed(ended))
}

// A program that cannot know the codec server says so by name.
func TestAProgramRefusesACodecThatItCannotUse(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	cmd := s.starterCommand("watch", "--task-id", "t", "--audio-id", "a")
	cmd.Env = append(cmd.Env, "TEMPORAL_CODEC_ENDPOINT=codec.example.com:8081")
	r := runStarter(t, cmd)
	require.NotZero(t, r.code)
	require.Contains(t, r.stderr, "TEMPORAL_CODEC_ENDPOINT")
}
