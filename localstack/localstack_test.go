package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers"
)

func TestDemoTwice(t *testing.T) {
	songs := map[string]bool{}
	for range 2 {
		occupy(t, 7233)
		r := startLocalstack(t, os.Args[0], "demo")
		require.Zero(t, r.end(), r.stderr.String())
		out := r.output()
		require.Len(
			t,
			regexp.MustCompile(`(?m)\b[0-9a-f]{12}…$`).FindAllString(out, -1),
			len(stemflow.ExpectedStems(stemflow.SplitStem, "")),
			out,
		)
		require.Contains(t, out, "another program has port 7233")
		manifest := regexp.MustCompile(`s3://stems/(song-[0-9a-f]+)/track-1/split_stem/manifest\.json`).
			FindStringSubmatch(out)
		require.NotNil(t, manifest, out)
		songs[manifest[1]] = true
		r.requireAllGone()
	}
	require.Len(t, songs, 2, "each demo separates a track of its own")
}

func TestServe(t *testing.T) {
	r := startLocalstack(t, os.Args[0], "serve")
	r.await(allUp)

	second := startLocalstack(t, os.Args[0], "serve")
	require.Equal(t, 1, second.end())
	require.Contains(t, second.stderr.String(), "another localstack runs with "+testDir)

	// What it says to type into a shell does what it says.
	root, err := devservers.ModuleRoot()
	require.NoError(t, err)
	shell := func(pattern string) string {
		line := regexp.MustCompile(pattern).FindString(r.output())
		require.NotEmpty(t, line, r.output())
		cmd := exec.Command("sh", "-ec", line)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", line, out)
		return string(out)
	}
	require.Contains(t, shell(`export TEMPORAL_ADDRESS=(.*\n){3}`), "12 stems")
	shell(`\S.* workflow start (.*\\\n)+.*\n`)
	id := regexp.MustCompile(`--workflow-id (\S+)`).FindStringSubmatch(r.output())[1]
	c, err := client.Dial(
		client.Options{HostPort: regexp.MustCompile(`TEMPORAL_ADDRESS=(\S+)`).FindStringSubmatch(r.output())[1]},
	)
	require.NoError(t, err)
	defer c.Close()
	var result stemflow.SeparateStemsResult
	require.NoError(t, c.GetWorkflow(t.Context(), id, "").Get(t.Context(), &result))
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.Len(t, result.Stems, 12)

	// The file configures a worker that hosts stemflow, too.
	configure := regexp.MustCompile(`\. \S+/env\n`).FindString(r.output())
	require.Contains(t, shell(`\. \S+/env\n.*`), "vocals.mp3")
	cmd := exec.Command("sh", "-ec", configure+"go run ./examples/mediaworker demo")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "vocals.mp3")

	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Zero(t, r.end(), r.stderr.String())
	require.Empty(t, r.stderr.String())
	r.requireAllGone()
}

func TestSeparationGoesOnAfterARestart(t *testing.T) {
	address := regexp.MustCompile(`TEMPORAL_ADDRESS=(\S+)`)
	serve := func() (*running, client.Client) {
		r := startLocalstack(t, os.Args[0], "serve")
		r.await(allUp)
		c, err := client.Dial(client.Options{HostPort: address.FindStringSubmatch(r.output())[1]})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		return r, c
	}
	stop := func(r *running) {
		require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
		require.Zero(t, r.end(), r.stderr.String())
	}

	r, c := serve()
	in := newTrack()
	// Where another program has the bridge's port, the second bridge has another one than the
	// first.
	in.CallbackGrace, in.PollInterval = stemflow.Duration(time.Second), stemflow.Duration(time.Second)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: stemflow.WorkflowID(in), TaskQueue: stemflow.TaskQueue,
	}, stemflow.WorkflowSeparateStems, in)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		d, err := c.DescribeWorkflow(t.Context(), run.GetID(), run.GetRunID())
		return err == nil && d.Memo.GetFields()[stemflow.MemoSeparationTaskID] != nil
	}, patience, 50*time.Millisecond, "it is paid for")
	stop(r)

	r, c = serve()
	var result stemflow.SeparateStemsResult
	require.NoError(t, c.GetWorkflow(t.Context(), run.GetID(), run.GetRunID()).Get(t.Context(), &result))
	require.Len(t, result.Stems, 12)
	stop(r)
}

func TestCallbackSecretIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := (&stack{dir: dir}).keptSecret("callback-secret")
	require.NoError(t, err)
	require.NotEmpty(t, first)
	second, err := (&stack{dir: dir}).keptSecret("callback-secret")
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestInterruptedWhileStarting(t *testing.T) {
	for _, at := range []string{"stemflow on this machine", "Temporal's UI", "kiesim"} {
		r := startLocalstack(t, os.Args[0], "serve")
		r.await(at)
		require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, exitInterrupted, r.end(), r.stderr.String())
		require.Empty(t, r.stderr.String())
		if at != "stemflow on this machine" {
			r.requireAllGone()
		}
	}
}

func TestInterruptedDemo(t *testing.T) {
	r := startLocalstack(t, os.Args[0], "demo")
	r.await("Started split_stem")
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, exitInterrupted, r.end(), r.stderr.String())
	r.requireAllGone()
}

func TestEndsWithItsParent(t *testing.T) {
	r := startLocalstack(t, "sh", "-c", `"$0" serve & wait`, os.Args[0])
	r.await(allUp)
	require.NoError(t, r.cmd.Process.Kill())
	r.await("Stopping.")
	r.end()
	r.requireAllGone()
}

func TestLinks(t *testing.T) {
	s := &stack{temporalUI: "127.0.0.1:8233", console: "127.0.0.1:9001"}
	in := stemflow.SeparateStemsInput{TaskID: "song", AudioID: "track", Type: stemflow.SplitStem}
	require.Equal(
		t,
		"http://127.0.0.1:8233/namespaces/default/workflows/stems:split_stem:song:track",
		s.workflowURL(in),
	)
	require.Equal(t, "http://127.0.0.1:8233/namespaces/default/workflows/start-workflow?"+
		"taskQueue=stemflow&workflowId=stems%3Asplit_stem%3Asong%3Atrack&workflowType=SeparateStems", s.startFormURL(in))
	require.Equal(t, "http://127.0.0.1:9001/browser/stems/song%2Ftrack%2Fsplit_stem%2F", s.folderURL(in))
	require.Equal(t, "song/track/split_stem/manifest.json", archive.ManifestKey(location(in)))
}

func TestNewTracksAreValid(t *testing.T) {
	in := newTrack()
	require.NoError(t, in.Validate())
	require.NotEqual(t, in, newTrack())
}

func TestEnvironmentFileIsShell(t *testing.T) {
	s := &stack{dir: t.TempDir(), temporal: "127.0.0.1:7233", hosting: []string{"KIE_API_KEY=a b'c$d"}}
	require.NoError(t, s.writeEnvironment())
	script := `. "$0"; printf '%s %s' "$TEMPORAL_ADDRESS" "$KIE_API_KEY"`
	out, err := exec.Command("sh", "-ec", script, s.environmentFile()).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "127.0.0.1:7233 a b'c$d", string(out))
}

func TestEnvironmentIsTheStacksOwn(t *testing.T) {
	t.Setenv("KIE_API_KEY", "of another stack")
	t.Setenv("STEMFLOW_PREFIX", "of another stack")
	t.Setenv("TEMPORAL_NAMESPACE", "of another stack")
	s := &stack{temporal: "127.0.0.1:7233"}
	all := strings.Join(s.environment("STEMFLOW_BRIDGE_ADDR=x"), "\n")
	require.NotContains(t, all, "of another stack")
	require.Contains(t, all, "TEMPORAL_ADDRESS=127.0.0.1:7233\n")
	require.Contains(t, all, "STEMFLOW_BRIDGE_ADDR=x")
	require.Contains(t, all, "PATH=")
}
