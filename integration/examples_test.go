package integration

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"stemflow"
	"stemflow/examples/byname/remix"
	"stemflow/examples/nexuscaller/backing"
	"stemflow/examples/pipeline/media"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
	"stemflow/plugin"
)

// startHost starts the worker of another product with stemflow in it, as examples/mediaworker does.
func (s *stack) startHost() {
	s.t.Helper()
	stems, err := plugin.New(s.cfg)
	require.NoError(s.t, err)
	w := worker.New(
		s.client,
		s.queue,
		worker.Options{Plugins: []worker.Plugin{stems}, WorkerStopTimeout: 5 * time.Second},
	)
	w.RegisterWorkflow(media.Karaoke)
	w.RegisterWorkflow(remix.Drums)
	require.NoError(s.t, w.Start())
	s.t.Cleanup(w.Stop)
}

func (s *stack) execute(workflow any, args ...any) client.WorkflowRun {
	s.t.Helper()
	run, err := s.client.ExecuteWorkflow(
		s.t.Context(),
		client.StartWorkflowOptions{TaskQueue: s.queue},
		workflow,
		args...)
	require.NoError(s.t, err)
	return run
}

func TestAPipelineHostsAndCallsStemflow(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	s.startHost()

	in := track(stemflow.SplitStem)
	var release media.Release
	require.NoError(
		t,
		s.execute(media.Karaoke, media.Track{TaskID: in.TaskID, AudioID: in.AudioID}).Get(t.Context(), &release),
	)
	require.Equal(t, "vocals", release.Guide.Name)
	require.NotEmpty(t, release.Backing)

	var key string
	require.NoError(t, s.execute(remix.Drums, in.TaskID, in.AudioID, "").Get(t.Context(), &key))
	require.Contains(t, s.keys(in), key)
	require.Equal(t, 1, s.billed(in), "the second pipeline finds what the first one archived")
}

// Each example is a program that needs no more than a running stemflow.
func TestExamplePrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	s := newStack(t)
	env := s.workerCommand("").Env
	run := func(t *testing.T, folder string, args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, build(t, "../examples/"+folder), args...)
		cmd.Env = env
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		return string(out)
	}
	in, vocal := track(stemflow.SplitStem), track(stemflow.SeparateVocal)
	ids := func(in stemflow.SeparateStemsInput) []string {
		return []string{"-task-id", in.TaskID, "-audio-id", in.AudioID, "-stems-task-queue", s.queue}
	}

	t.Run("pipeline", func(t *testing.T) {
		out := run(t, "pipeline", ids(in)...)
		require.Regexp(t, `(?m)^guide    s3://`+s.bucket+`/\S+/vocals\.mp3$`, out)
		require.Regexp(t, `(?m)^backing  s3://`+s.bucket+`/\S+/drums\.mp3$`, out)
	})
	t.Run("byname", func(t *testing.T) {
		require.Contains(t, s.keys(in), strings.TrimSpace(run(t, "byname", ids(in)...)))
		require.Equal(t, 1, s.billed(in), "it finds what the pipeline archived")
	})
	t.Run("typescript", func(t *testing.T) {
		const main = "../examples/typescript/dist/main.js"
		if _, err := exec.LookPath("node"); err != nil {
			t.Skip("there is no node")
		}
		if _, err := os.Stat(main); err != nil {
			t.Skip("it is not built, run npm ci and npm run build in examples/typescript")
		}
		caller := func(args ...string) (out, said string, exitCode int) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", append([]string{main, "--stems-task-queue", s.queue}, args...)...)
			cmd.Env = env
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run() // the exit code says how it ended
			return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
		}
		out, said, exitCode := caller("--task-id", in.TaskID, "--audio-id", in.AudioID)
		require.Zero(t, exitCode, said)
		require.Regexp(t, `(?m)^drums +\d+  s3://`+s.bucket+`/\S+/drums\.mp3$`, out)
		require.Equal(t, 1, s.billed(in), "it finds what the pipeline archived")

		_, said, exitCode = caller("--audio-id", "no id")
		require.Equal(t, 2, exitCode, said)
		require.Contains(t, said, "Not started:\n  audioId: ")
		_, said, exitCode = caller("--audio-id", "no id", "--unchecked")
		require.Equal(t, 1, exitCode, said)
		require.Regexp(t, `(?m)^InvalidInput: .*audioId`, said)
		require.Contains(t, said, "What to do: correct each field that the message names.")
		_, said, exitCode = caller("--audio", "track-1")
		require.Equal(t, 1, exitCode, said)
		require.Regexp(t, `^Unknown option '--audio'.*\n$`, said, "a line, and no stack")
	})
	t.Run("nexuscaller", func(t *testing.T) {
		for range 2 { // the second time, namespace and endpoint are there
			require.Regexp(t, `^s3://`+s.bucket+`/\S+/instrumental\.mp3\n$`, run(t, "nexuscaller", ids(vocal)...))
		}
		require.Equal(t, 1, s.billed(vocal))
	})
	t.Run("mediaworker demo", func(t *testing.T) {
		require.Regexp(t, `(?m)^guide    s3://`+s.bucket+`/\S+/vocals\.mp3$`, run(t, "mediaworker", "demo"))
	})
	t.Run("mediaworker", func(t *testing.T) {
		host := exec.Command(build(t, "../examples/mediaworker"))
		host.Env = env
		require.NoError(t, host.Start())
		t.Cleanup(func() { _ = host.Process.Kill() })
		var release media.Release
		karaoke, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "media"},
			media.Karaoke, media.Track{TaskID: in.TaskID, AudioID: in.AudioID})
		require.NoError(t, err)
		require.NoError(t, karaoke.Get(t.Context(), &release))
		require.Equal(t, "vocals", release.Guide.Name)
		require.NoError(t, host.Process.Signal(os.Interrupt))
		require.NoError(t, host.Wait())
	})
}

// A pipeline that is cancelled waits until the separation has written down what was paid for; one
// that is terminated lets it do so alone.
func TestAPipelineThatEndsEarly(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*stack, client.WorkflowRun) error{
		"cancelled": func(s *stack, run client.WorkflowRun) error {
			return s.client.CancelWorkflow(s.t.Context(), run.GetID(), run.GetRunID())
		},
		"terminated": func(s *stack, run client.WorkflowRun) error {
			return s.client.TerminateWorkflow(s.t.Context(), run.GetID(), run.GetRunID(), "on purpose")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStackAt(t, serverstest.Temporal(t).Addr)
			s.startHost()
			in := track(stemflow.SplitStem)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
			run := s.execute(media.Karaoke, media.Track{TaskID: in.TaskID, AudioID: in.AudioID})
			child := s.client.GetWorkflow(t.Context(), stemflow.WorkflowID(in), "")
			s.await("the separation is paid for", func() bool {
				d, err := s.client.DescribeWorkflow(t.Context(), child.GetID(), "")
				return err == nil && d.Memo.GetFields()[stemflow.MemoSeparationTaskID] != nil
			})
			require.NoError(t, end(s, run))
			require.Error(t, run.Get(t.Context(), nil))
			s.await("the separation has ended", func() bool {
				d, err := s.client.DescribeWorkflow(t.Context(), child.GetID(), "")
				return err == nil && d.Status == enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED
			})
			require.Equal(t, stemflow.SubmissionPaid, s.ledger(in).State)
		})
	}
}

// A caller in another namespace, through an endpoint.
func TestNexus(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	server, err := devservers.Temporal(t.Context(), devservers.TemporalOptions{})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	s := newStackAt(t, server.Addr)
	s.startWorker()
	const namespace = "callers"
	_, err = s.client.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	_, err = s.client.OperatorService().CreateNexusEndpoint(t.Context(), &operatorservice.CreateNexusEndpointRequest{
		Spec: &nexuspb.EndpointSpec{
			Name: backing.Endpoint,
			Target: &nexuspb.EndpointTarget{Variant: &nexuspb.EndpointTarget_Worker_{
				Worker: &nexuspb.EndpointTarget_Worker{Namespace: "default", TaskQueue: s.queue},
			}},
		},
	})
	require.NoError(t, err)
	caller, err := client.Dial(client.Options{HostPort: server.Addr, Namespace: namespace, Logger: quiet()})
	require.NoError(t, err)
	t.Cleanup(caller.Close)
	w := worker.New(caller, "callers", worker.Options{})
	w.RegisterWorkflow(backing.Instrumental)
	w.RegisterWorkflowWithOptions(
		func(ctx workflow.Context, in stemflow.SeparateCatalogInput) (result stemflow.SeparateCatalogResult,
			err error) {
			err = workflow.NewNexusClient(backing.Endpoint, stemflow.NexusService).
				ExecuteOperation(ctx, stemflow.WorkflowSeparateCatalog, in,
					workflow.NexusOperationOptions{}).
				Get(ctx, &result)
			return result, err
		},
		workflow.RegisterOptions{Name: "Catalog"},
	)
	s.await("the new namespace has workers", func() bool { return w.Start() == nil })
	t.Cleanup(w.Stop)
	call := func(taskID, audioID string) client.WorkflowRun {
		run, err := caller.ExecuteWorkflow(
			t.Context(),
			client.StartWorkflowOptions{TaskQueue: "callers"},
			backing.Instrumental,
			taskID,
			audioID,
		)
		require.NoError(t, err)
		return run
	}

	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	first, second := call(in.TaskID, in.AudioID), call(in.TaskID, in.AudioID)
	for _, run := range []client.WorkflowRun{first, second} {
		s.await("its operation has started", func() bool {
			d, err := caller.DescribeWorkflow(t.Context(), run.GetID(), run.GetRunID())
			return err == nil && len(d.RawResponse.PendingNexusOperations) == 1 &&
				d.RawResponse.PendingNexusOperations[0].State == enumspb.PENDING_NEXUS_OPERATION_STATE_STARTED
		})
	}
	s.settle(in)
	for _, run := range []client.WorkflowRun{first, second} {
		var stem stemflow.Stem
		require.NoError(t, run.Get(t.Context(), &stem))
		require.Equal(t, "instrumental", stem.Name)
	}
	require.Equal(t, 1, s.billed(in), "all who ask for one track share one run")

	var failure *temporal.ApplicationError
	require.ErrorAs(t, call("", "audio").Get(t.Context(), nil), &failure)
	require.Equal(t, stemflow.ErrorInvalidInput, failure.Type())
	require.Contains(t, failure.Message(), "taskId")

	// A whole catalogue is an operation like a track.
	for name, list := range map[string][]stemflow.SeparateStemsInput{"right": {in, track(stemflow.SeparateVocal)}, "wrong": {in, in}} {
		run, err := caller.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "callers"}, "Catalog",
			stemflow.SeparateCatalogInput{Tracks: list})
		require.NoError(t, err)
		var result stemflow.SeparateCatalogResult
		err = run.Get(t.Context(), &result)
		if name == "wrong" {
			require.ErrorContains(t, err, "tracks[1]: is the same separation as tracks[0]")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, stemflow.CatalogCounts{Found: 1, Archived: 1}, result.CatalogCounts)
	}

	pending := track(stemflow.SeparateVocal)
	s.sim.SetScenario(pending.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := call(pending.TaskID, pending.AudioID)
	s.await("the separation is under way", func() bool { return s.billed(pending) == 1 })
	require.NoError(t, caller.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()))
	require.Error(t, run.Get(t.Context(), nil))
	s.await("the separation is cancelled", func() bool {
		d, err := s.client.DescribeWorkflow(t.Context(), stemflow.WorkflowID(pending), "")
		return err == nil && d.Status == enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED
	})
}
