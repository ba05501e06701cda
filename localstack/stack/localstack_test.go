package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
	"stemflow/internal/devtools"
)

// TestOnOneMachine does what one person may do on one machine, one after the other: all of it with
// the same folder.
func TestOnOneMachine(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	t.Run("demo", func(t *testing.T) { demoLeavesAPage(t, dir) })
	t.Run("interrupted while starting", func(t *testing.T) { interruptedWhileStarting(t, dir) })
	t.Run("interrupted demo", func(t *testing.T) { interruptedDemo(t, dir) })
	var underWay stemflow.SeparateStemsInput
	t.Run("serve", func(t *testing.T) { underWay = serves(t, dir) })
	t.Run("goes on after a restart", func(t *testing.T) { goesOnAfterARestart(t, dir, underWay) })
	t.Run("ends with its parent", func(t *testing.T) { endsWithItsParent(t, dir) })
	t.Run("children die with localstack", func(t *testing.T) { childrenDieWithLocalstack(t, dir) })
}

func demoLeavesAPage(t *testing.T, dir string) {
	r := startLocalstack(t, dir, os.Args[0], "demo")
	require.Zero(t, r.end(), r.stderr.String())
	out := r.output()
	require.Contains(t, out, "another program has port 7233")
	require.Len(t, regexp.MustCompile(`(?m)\b[0-9a-f]{12}…$`).FindAllString(out, -1), 14, out)
	require.Contains(t, out, "MIDI")
	require.Regexp(t, `s3://stems/song-[0-9a-f]+/track-1/split_stem/manifest\.json`, out)
	r.requireAllGone()
	r.requirePage()
	r.requireSession()
}

// requireSession demands that the session is there, with all stems and what was heard in them.
func (r *running) requireSession() {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.dir, "demo", "*", "session.dawproject"))
	require.NoError(r.t, err)
	require.Len(r.t, found, 1)
	require.Contains(r.t, r.output(), filepath.Base(found[0]))
	session, err := zip.OpenReader(found[0])
	require.NoError(r.t, err)
	defer session.Close()
	project, err := session.Open("project.xml")
	require.NoError(r.t, err)
	text, err := io.ReadAll(project)
	require.NoError(r.t, err)
	require.Equal(r.t, 12, strings.Count(string(text), "<Audio "))
	require.Equal(r.t, 12, strings.Count(string(text), "<Notes "))
}

// requirePage demands that the page is there, with the stems in it, once nothing runs any more, and
// that no link leads to what has ended.
func (r *running) requirePage() {
	r.t.Helper()
	_, end, found := strings.Cut(r.output(), "The demo ends here")
	require.True(r.t, found, r.output())
	require.NotContains(r.t, end, "http:")
	link := regexp.MustCompile(`file://\S+`).FindString(end)
	page, err := os.ReadFile(strings.TrimPrefix(link, "file://"))
	require.NoError(r.t, err, end)
	require.Len(r.t, regexp.MustCompile(`href="data:`).FindAllString(string(page), -1), 12)
	stems, err := filepath.Glob(filepath.Join(r.dir, "demo", "*", "*.mp3"))
	require.NoError(r.t, err)
	require.Len(r.t, stems, 12)
}

func TestKilledWorkerCostsNothing(t *testing.T) {
	t.Parallel()
	r := startLocalstack(t, newDir(t), os.Args[0], "kill-worker")
	require.Zero(t, r.end(), r.stderr.String())
	out := r.output()
	require.Contains(t, out, "localstack: killed the worker, process ")
	require.Contains(t, out, "localstack: worker is up again")
	require.Len(t, regexp.MustCompile(`separation \w+  50 credits`).FindAllString(out, -1), 1, out)
	require.Contains(t, out, "One crash, one charge, all stems")
	r.requirePage()
}

// serves returns a separation that is paid for and under way when the stack was stopped.
func serves(t *testing.T, dir string) stemflow.SeparateStemsInput {
	r := startLocalstack(t, dir, os.Args[0], "serve")
	r.await(allUp)

	second := startLocalstack(t, dir, os.Args[0], "serve")
	require.Equal(t, 1, second.end())
	require.Contains(t, second.stderr.String(), "another localstack runs with "+dir)

	// What it says to type into a shell does what it says.
	root, err := devtools.ModuleRoot()
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
	c := r.client()
	var result stemflow.SeparateStemsResult
	require.NoError(t, c.GetWorkflow(t.Context(), id, "").Get(t.Context(), &result))
	require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
	require.Len(t, result.Stems, 12)
	requireFoundBySeparation(t, c, result.SeparationTaskID)

	// The file configures a worker that hosts stemflow, too.
	configure := regexp.MustCompile(`\. \S+/env\n`).FindString(r.output())
	require.Contains(t, shell(`\. \S+/env\n.*`), "vocals.mp3")
	cmd := exec.Command("sh", "-ec", configure+"go run ./examples/mediaworker demo")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "vocals.mp3")

	killedProgramsAreStartedAgain(t, r, id)
	in := newTrack()
	// The second bridge has another port than the first.
	in.CallbackGrace, in.PollInterval = stemflow.Duration(time.Second), stemflow.Duration(time.Second)
	run, err := r.client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: stemflow.WorkflowID(in), TaskQueue: stemflow.TaskQueue,
	}, stemflow.WorkflowSeparateStems, in)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		d, err := c.DescribeWorkflow(t.Context(), run.GetID(), run.GetRunID())
		return err == nil && d.Memo.GetFields()[stemflow.MemoSeparationTaskID] != nil
	}, patience, 50*time.Millisecond, "it is paid for")

	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Zero(t, r.end(), r.stderr.String())
	require.Empty(t, r.stderr.String())
	r.requireAllGone()
	return in
}

// requireFoundBySeparation lists runs as the reference does.
func requireFoundBySeparation(t *testing.T, c client.Client, separationTaskID string) {
	require.Eventually(t, func() bool {
		found, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: stemflow.SearchAttributeSeparationTaskID + " = '" + separationTaskID + "'",
		})
		require.NoError(t, err)
		return len(found.Executions) == 1
	}, patience, 100*time.Millisecond)
}

func (r *running) client() client.Client {
	r.t.Helper()
	address := regexp.MustCompile(`TEMPORAL_ADDRESS=(\S+)`).FindStringSubmatch(r.output())[1]
	c, err := client.Dial(client.Options{HostPort: address})
	require.NoError(r.t, err)
	r.t.Cleanup(c.Close)
	return c
}

// awaitWorker waits until the worker takes tasks. One that loses Temporal while it starts ends, and
// is started again.
func (r *running) awaitWorker(id string) {
	r.t.Helper()
	c := r.client()
	require.Eventually(r.t, func() bool {
		_, err := c.QueryWorkflow(r.t.Context(), id, "", stemflow.QueryProgress)
		return err == nil
	}, patience, 100*time.Millisecond)
}

func goesOnAfterARestart(t *testing.T, dir string, in stemflow.SeparateStemsInput) {
	r := startLocalstack(t, dir, os.Args[0], "serve")
	r.await(allUp)
	var result stemflow.SeparateStemsResult
	require.NoError(t, r.client().GetWorkflow(t.Context(), stemflow.WorkflowID(in), "").Get(t.Context(), &result))
	require.Len(t, result.Stems, 12)
	secondInterruptKills(t, r)
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

func interruptedWhileStarting(t *testing.T, dir string) {
	for _, at := range []string{"stemflow on this machine", "Temporal's UI", "kiesim"} {
		r := startLocalstack(t, dir, os.Args[0], "serve")
		r.await(at)
		require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, exitInterrupted, r.end(), r.stderr.String())
		require.Empty(t, r.stderr.String())
		if at != "stemflow on this machine" {
			r.requireAllGone()
		}
	}
}

func interruptedDemo(t *testing.T, dir string) {
	r := startLocalstack(t, dir, os.Args[0], "demo")
	r.await("Started split_stem")
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, exitInterrupted, r.end(), r.stderr.String())
	r.requireAllGone()
}

func endsWithItsParent(t *testing.T, dir string) {
	r := startLocalstack(t, dir, "sh", "-c", `"$0" serve & wait`, os.Args[0])
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

func TestTheDemosSongIsOneThatCanBeSeparated(t *testing.T) {
	s := &stack{dir: t.TempDir()}
	file, err := s.writeSong()
	require.NoError(t, err)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Regexp(t, `^Home recording [0-9a-f]{4}$`, audio.ReadTags(bytes.NewReader(content)).Title)
	var meter audio.Meter
	_, _ = meter.Write(content)
	require.True(t, meter.End().Audio)
	again, err := s.writeSong()
	require.NoError(t, err)
	require.NotEqual(t, file, again)
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

func TestEnvironmentNamesNoFileOfProfiles(t *testing.T) {
	s := &stack{dir: t.TempDir()}
	require.NoError(t, s.writeEnvironment())
	out, err := exec.Command("sh", "-ec", `. "$0"; printf %s "$TEMPORAL_CONFIG_FILE"`, s.environmentFile()).Output()
	require.NoError(t, err)
	require.NotEmpty(t, out, "the user's profiles would count")
	_, err = os.Stat(string(out))
	require.ErrorIs(t, err, fs.ErrNotExist, "Temporal's SDK for TypeScript fails with a file that has no profiles")
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
