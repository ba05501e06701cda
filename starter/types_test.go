package main

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/ledger"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
)

// fakeTemporal knows some runs and whether they have ended.
type fakeTemporal struct {
	workflowservice.UnimplementedWorkflowServiceServer
	running map[string]bool
	// open is the status of runs that have not ended.
	open enumspb.WorkflowExecutionStatus
	// cancelled are those that were asked to stop, runs those that were named.
	cancelled, runs []string
	// started are the inputs of runs that were started.
	started []string
	// blind says that it does not search, and lost that it does not say what becomes of a run.
	blind bool
	lost  atomic.Bool
	// progress is the JSON of what runs answer; queried, where given, is called for each question.
	progress string
	queried  func()
	// refusal is what is said of namespaces.
	refusal string
}

func newFakeTemporal(t *testing.T, running map[string]bool) (*fakeTemporal, string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &fakeTemporal{running: running, open: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING}
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	return f, listener.Addr().String()
}

func (f *fakeTemporal) GetSystemInfo(
	context.Context, *workflowservice.GetSystemInfoRequest,
) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *fakeTemporal) DescribeNamespace(
	context.Context, *workflowservice.DescribeNamespaceRequest,
) (*workflowservice.DescribeNamespaceResponse, error) {
	return nil, serviceerror.ToStatus(serviceerror.NewPermissionDenied(f.refusal, "")).Err()
}

func (f *fakeTemporal) info(id string) *workflowpb.WorkflowExecutionInfo {
	state := enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	if f.running[id] {
		state = f.open
	}
	return &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "r"}, Status: state,
		SearchAttributes: &commonpb.SearchAttributes{}, // the SDK relies on it
	}
}

func (f *fakeTemporal) DescribeWorkflowExecution(
	_ context.Context, in *workflowservice.DescribeWorkflowExecutionRequest,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if f.lost.Load() {
		return nil, status.Error(codes.PermissionDenied, "the key has expired")
	}
	id := in.GetExecution().GetWorkflowId()
	if _, known := f.running[id]; !known {
		return nil, serviceerror.ToStatus(serviceerror.NewNotFound("no such workflow")).Err()
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: f.info(id)}, nil
}

// StartWorkflowExecution joins nothing: what was running has ended meanwhile.
func (f *fakeTemporal) StartWorkflowExecution(
	_ context.Context, in *workflowservice.StartWorkflowExecutionRequest,
) (*workflowservice.StartWorkflowExecutionResponse, error) {
	f.started = append(f.started, string(in.GetInput().GetPayloads()[0].GetData()))
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "new", Started: true}, nil
}

func (f *fakeTemporal) ListWorkflowExecutions(
	_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest,
) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if f.blind {
		return nil, status.Error(codes.InvalidArgument, "no such operator")
	}
	_, prefix, _ := strings.Cut(in.GetQuery(), `"`)
	prefix, _, _ = strings.Cut(prefix, `"`)
	found := &workflowservice.ListWorkflowExecutionsResponse{}
	for _, id := range slices.Sorted(maps.Keys(f.running)) {
		if strings.HasPrefix(id, prefix) {
			found.Executions = append(found.Executions, f.info(id), f.info(id)) // two runs
		}
	}
	return found, nil
}

func (f *fakeTemporal) RequestCancelWorkflowExecution(
	_ context.Context, in *workflowservice.RequestCancelWorkflowExecutionRequest,
) (*workflowservice.RequestCancelWorkflowExecutionResponse, error) {
	f.cancelled = append(f.cancelled, in.GetWorkflowExecution().GetWorkflowId())
	f.runs = append(f.runs, in.GetWorkflowExecution().GetRunId())
	return &workflowservice.RequestCancelWorkflowExecutionResponse{}, nil
}

func (f *fakeTemporal) QueryWorkflow(
	context.Context, *workflowservice.QueryWorkflowRequest,
) (*workflowservice.QueryWorkflowResponse, error) {
	if f.queried != nil {
		f.queried()
	}
	return &workflowservice.QueryWorkflowResponse{QueryResult: &commonpb.Payloads{Payloads: []*commonpb.Payload{{
		Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(f.progress),
	}}}}, nil
}

// GetWorkflowExecutionHistory waits for the end of a run that does not come.
func (f *fakeTemporal) GetWorkflowExecutionHistory(
	ctx context.Context, _ *workflowservice.GetWorkflowExecutionHistoryRequest,
) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestOtherTypesOfATrackAreNamed(t *testing.T) {
	f, address := newFakeTemporal(t, map[string]bool{
		"stems:split_stem:5c79:e231":                     true,
		"stems:split_stem_advanced:5c79:e231:lead_vocal": true,
		"stems:split_stem_advanced:5c79:e231:bass":       false,
		"stems:split_stem_advanced:5c79:e231x:drums":     true,
		"stems:split_stem:5c79:e232":                     false,
	})
	run := func(args ...string) (string, string) {
		code, stdout, stderr := starter(t, "", nil, append([]string{"--address", address}, args...)...)
		require.Equal(t, failure.ExitFailed, code, stderr)
		require.Equal(t, 1, strings.Count(stdout+stderr, "\n"), stderr)
		return stdout, stderr
	}
	const is = ". The type was not given, and separate_vocal is the default. Give --type split_stem"
	_, stderr := run("watch", "--task-id", "5c79", "--audio-id", "e231")
	require.Equal(t, "error: NotRunning: no separation stems:separate_vocal:5c79:e231 is running; of this track, "+
		"other types are there"+is+" or --type split_stem_advanced --stem-name bass"+
		" or --type split_stem_advanced --stem-name lead_vocal.\n", stderr)
	_, stderr = run("cancel", "--task-id", "5c79", "--audio-id", "e231")
	require.Equal(t, "error: NotRunning: no separation stems:separate_vocal:5c79:e231 is running; of this track, "+
		"other types are running"+is+" or --type split_stem_advanced --stem-name lead_vocal.\n", stderr)
	require.Empty(t, f.cancelled, "only what is named is cancelled")

	stdout, _ := run("cancel", "--task-id", "5c79", "--audio-id", "e231", "-o", "jsonl")
	require.Contains(t, stdout, "of this track, other types are running")

	const advice = `is running. "starter show" reports whether it is archived; "temporal workflow list" lists what is running.`
	for _, args := range [][]string{
		{"cancel", "--task-id", "5c79", "--audio-id", "e232"},
		{"watch", "--task-id", "5c79", "--audio-id", "e233"},
		{"watch", "--task-id", "5c79", "--audio-id", "e231", "--type", "separate_vocal"},
		{"cancel", "--task-id", "5c79", "--audio-id", "e231", "--type", "separate_vocal"},
		{"cancel", "--workflow-id", "stems:separate_vocal:5c79:e231"},
	} {
		_, stderr := run(args...)
		require.Contains(t, stderr, advice, args)
	}

	f.blind = true
	_, stderr = run("watch", "--task-id", "5c79", "--audio-id", "e231")
	require.Contains(t, stderr, "Give --type split_stem.\n", "what cannot be searched is left out")

	code, printed, stderr := starter(t, "", nil, "--address", address, "cancel", "--task-id", "5c79", "--audio-id", "e231",
		"--type", "split_stem", "--quiet")
	require.Zero(t, code, stderr)
	require.Equal(t, "Asked stems:split_stem:5c79:e231 to stop.\n", printed)
	require.Equal(t, []string{"stems:split_stem:5c79:e231"}, f.cancelled)
}

func TestPausedRunsAreOpen(t *testing.T) {
	f, address := newFakeTemporal(t, map[string]bool{
		"stems:separate_vocal:5c79:e231":                 true,
		"stems:split_stem:5c79:e232":                     true,
		"stems:split_stem_advanced:5c79:e232:lead_vocal": true,
		"stems:split_stem_advanced:5c79:e232:bass":       false,
		"catalog:june": true,
		"catalog:july": false,
	})
	f.open = enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED
	store := map[string]string{"MINIO_ENDPOINT": nowhere(t), "MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "secret"}

	_, _, stderr := starter(t, "", store, "--address", address, "delete", "5c79", "e231", "--yes")
	require.Contains(t, stderr, "error: Refused: the run stems:separate_vocal:5c79:e231 of this track is open")
	require.Contains(t, stderr, "cancel --workflow-id stems:separate_vocal:5c79:e231 --address "+address+`".`)

	_, _, stderr = starter(t, "", nil, "--address", address, "cancel", "5c79", "e232")
	require.Contains(t, stderr, "other types are running")
	require.Contains(t, stderr, "Give --type split_stem or --type split_stem_advanced --stem-name lead_vocal.\n")

	for _, args := range [][]string{{"cancel", "5c79", "e231"}, {"catalog", "cancel", "--name", "june"}} {
		code, _, stderr := starter(t, "", nil, append([]string{"--address", address}, args...)...)
		require.Zero(t, code, stderr)
	}
	code, _, stderr := starter(t, "", nil, "--address", address, "catalog", "cancel", "--name", "july")
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: NotRunning: no catalogue july is running")
	require.Equal(t, []string{"stems:separate_vocal:5c79:e231", "catalog:june"}, f.cancelled)
	require.Equal(t, []string{"r", "r"}, f.runs, "of a run that was looked at, never of the next one")
}

func TestArchivedTypesOfATrackAreNamed(t *testing.T) {
	a := newArchivedTrack(t)
	for _, other := range []stemflow.Track{
		{TaskID: "5c79", AudioID: "e777", Type: stemflow.SplitStem},
		{TaskID: "5c79", AudioID: "e777", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"},
		{TaskID: "5c79", AudioID: "e7", Type: stemflow.SplitStem},
	} {
		location := archive.Locate(a.bucket, "music", other)
		manifest := a.manifest
		manifest.Type = other.Type
		manifest.Source = stemflow.ManifestSource{
			TaskID: other.TaskID, AudioID: other.AudioID, StemName: other.StemName,
		}
		manifest.Stems = []stemflow.Stem{{
			Name: "vocals", Bucket: a.bucket, Key: archive.StemKey(location, "3e63", "vocals", "mp3"), Size: 1,
		}}
		require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, archive.ManifestKey(location), manifest))
	}
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, "music/5c79/e777/other/manifest.json", a.manifest))
	for _, command := range []string{"show", "listen"} {
		code, stdout, stderr := starter(t, "", a.variables, command, "--task-id", "5c79", "--audio-id", "e777")
		require.Equal(t, failure.ExitFailed, code)
		require.Empty(t, stdout)
		require.Equal(t, "error: NotArchived: there is no music/5c79/e777/separate_vocal/manifest.json in bucket "+a.bucket+
			"; of this track, other types are archived. The type was not given, and separate_vocal is the default. "+
			"Give --type split_stem or --type split_stem_advanced --stem-name lead_vocal.\n", stderr)
	}
	for _, args := range [][]string{
		{"show", "--task-id", "5c79", "--audio-id", "e777", "--type", "separate_vocal"},
		{"show", "--task-id", "5c79", "--audio-id", "e77"},
		{"show", "--manifest-key", "no/manifest.json"},
	} {
		_, _, stderr := starter(t, "", a.variables, args...)
		require.Contains(t, stderr, `Check bucket and prefix; "starter start" separates the track.`, args)
	}
	stdout := a.run(t, "show", "--task-id", "5c79", "--audio-id", "e777", "--type", "split_stem_advanced", "--stem-name", "lead_vocal")
	require.Contains(t, stdout, "vocals.mp3", "the name that is advised finds it")
}

func TestAPaymentWithoutAnArchiveIsNamed(t *testing.T) {
	a := newArchivedTrack(t)
	entry := func(state stemflow.SubmissionState, id string) stemflow.Submission {
		return stemflow.Submission{Version: 1, State: state, SeparationTaskID: id, RunID: "run of " + id}
	}
	paid, failed := entry(stemflow.SubmissionPaid, "3e63"), entry(stemflow.SubmissionFailed, "9f00")
	show := func(place activityapi.Location, l ledger.Ledger) (stderr string) {
		t.Helper()
		require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, archive.SubmissionKey(place), l))
		_, _, stderr = starter(t, "", a.variables, "show", "5c79", "e777")
		require.NoError(t, a.store.Remove(t.Context(), a.bucket, archive.SubmissionKey(place)))
		return stderr
	}
	track := stemflow.Track{TaskID: "5c79", AudioID: "e777", Type: stemflow.SeparateVocal}
	for name, place := range map[string]activityapi.Location{
		"the account's":         archive.Locate(a.bucket, "", track),
		"of an earlier release": archive.Locate(a.bucket, "music", track),
	} {
		t.Run(name, func(t *testing.T) {
			const isPaid = "(separation task id: 3e63). The separation is paid for and not archived yet: "
			require.Contains(t, show(place, ledger.Ledger{Entry: paid}), isPaid)
			require.Contains(t, show(place, ledger.Ledger{Entry: failed, Earlier: []ledger.Entry{paid}}), isPaid)
			for _, unpaid := range []ledger.Ledger{{Entry: failed}, {Entry: entry(stemflow.SubmissionIntended, "")}, {}} {
				stderr := show(place, unpaid)
				require.Contains(t, stderr, "error: NotArchived: ")
				require.NotContains(t, stderr, "paid for")
			}
		})
	}
}

func TestShowPrintsDocumentsOnALine(t *testing.T) {
	a := newArchivedTrack(t)
	for _, flags := range [][]string{{"-o", "jsonl"}, {"-o", "jsonl", "--links=false"}} {
		stdout := a.run(t, a.with("show", flags...)...)
		require.Equal(t, 1, strings.Count(stdout, "\n"))
		require.Equal(t, len(flags) == 2, strings.Contains(stdout, "X-Amz-"))
	}
	for line := range strings.Lines(a.run(t, a.with("show")...)) {
		require.LessOrEqual(t, len(line), 81, line)
	}
}

// What Temporal has forgotten, or does not say while it is away, is found in the bucket.
func TestTheLatestRunOfACatalogueIsFoundInTheBucket(t *testing.T) {
	a := newArchivedTrack(t)
	cfg := config.Starter{Bucket: a.bucket}
	_, found, err := archived.LatestCatalogFolder(t.Context(), a.store, cfg, "", "", "june")
	require.NoError(t, err)
	require.False(t, found)
	for _, prefix := range []string{"", "music"} {
		for _, run := range []string{"second", "first"} { // in the order of time, not of names
			folder := archived.CatalogFolder(cfg, "", prefix, "june", run)
			key := folder.Key + "tracks.jsonl"
			require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, key, run))
			latest, found, err := archived.LatestCatalogFolder(t.Context(), a.store, cfg, "", prefix, "june")
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, folder, latest)
		}
	}
}

// A list that was uploaded for it is no run, whatever the file is called.
func TestAnUploadedListIsNoRunOfACatalogue(t *testing.T) {
	a := newArchivedTrack(t)
	cfg := config.Starter{Bucket: a.bucket}
	folder := archived.CatalogFolder(cfg, "", "", "tracks", "run")
	sum := strings.Repeat("0", 64)
	for _, key := range []string{
		folder.Key + "tracks.jsonl", archive.CatalogUploadKey("", "tracks", sum, "tracks.jsonl"), // joined later
	} {
		require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, key, 1))
	}
	latest, found, err := archived.LatestCatalogFolder(t.Context(), a.store, cfg, "", "", "tracks")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, folder, latest)
}

// A report that breaks off must not be taken for one of fewer tracks, or of fewer failures.
func TestAReportThatBreaksOffIsNoReport(t *testing.T) {
	a := newArchivedTrack(t)
	folder := archived.CatalogFolder(config.Starter{Bucket: a.bucket}, "", "", "june", "run")
	put := func(name, text string) {
		body := strings.NewReader(text)
		_, err := a.store.Put(t.Context(), a.bucket, folder.Key+name, "application/json", body, body.Size())
		require.NoError(t, err)
	}
	put("tracks.jsonl", "{}\n")
	const whole = `{"version":1,"name":"june","tracks":2,"outcomes":[{"number":1,"status":"archived"},{"number":2,"status":"failed"}]}`
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	args := []string{"--address", nowhere(t), "catalog", "failures", "june", "-o", "jsonl", "--prefix", "/"}
	put("report.json", whole)
	code, stdout, stderr := starter(t, "", a.variables, args...)
	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, `"number":2`)
	for _, end := range []string{`,{"number":2`, `{"number":2`, "]}"} {
		half, _, _ := strings.Cut(whole, end)
		put("report.json", half)
		code, stdout, stderr = starter(t, "", a.variables, args...)
		require.Equal(t, failure.ExitFailed, code, half)
		require.Contains(t, stdout+stderr, "the report cannot be read", half)
	}
}
