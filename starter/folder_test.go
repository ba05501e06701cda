package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/starter/internal/failure"
)

// watchedFolder is a folder that is watched, with a look whenever the test asks for one.
type watchedFolder struct {
	t         *testing.T
	c         *cli
	o         folderOptions
	looks     chan time.Time
	lines     *lines
	interrupt context.CancelFunc
	ended     chan error
}

// lines takes what a command prints, while it runs.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// events are those printed so far, as "file: event".
func (l *lines) events(t *testing.T) (events []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		var e folderEvent
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		events = append(events, filepath.Base(e.File)+": "+e.Event)
	}
	return events
}

func watchFolder(t *testing.T, variables map[string]string, o folderOptions) *watchedFolder {
	t.Helper()
	c, _, _ := newTestCLI("", variables)
	w := &watchedFolder{t: t, c: c, o: o, looks: make(chan time.Time), lines: &lines{}, ended: make(chan error, 1)}
	c.stdout, c.global.format = w.lines, formatJSONL
	var ctx context.Context
	ctx, w.interrupt = context.WithCancel(t.Context())
	t.Cleanup(w.interrupt)
	go func() { w.ended <- c.watchFolder(ctx, o, w.looks) }()
	return w
}

// settle has it look until what is in the folder is whole.
func (w *watchedFolder) settle() {
	w.t.Helper()
	for range folderSettle + 2 { // the last has been dealt with when the next is taken
		select {
		case w.looks <- time.Time{}:
		case err := <-w.ended:
			require.FailNow(w.t, "it has ended", "%v", err)
		}
	}
}

func (w *watchedFolder) stop() *failure.Failure {
	w.t.Helper()
	w.interrupt()
	return failure.Of(<-w.ended)
}

func TestAFolderOfSongs(t *testing.T) {
	opts, bucket := serverstest.Bucket(t)
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", serverstest.Temporal(t).Addr)
	queue := "q-" + bucket
	variables := map[string]string{
		"MINIO_ENDPOINT": opts.Endpoint, "MINIO_ACCESS_KEY": opts.AccessKey, "MINIO_SECRET_KEY": opts.SecretKey,
		"STEMFLOW_BUCKET": bucket, "STEMFLOW_TASK_QUEUE": queue,
	}
	dir := t.TempDir()
	arrive := func(name, unlike string) {
		content, err := os.ReadFile(writeSong(t, "song.mp3", unlike))
		require.NoError(t, err)
		name = filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, content, 0o600))
	}
	budget := stemflow.Price(stemflow.SplitStem)
	o := folderOptions{in: stemflow.SeparateStemsInput{Type: stemflow.SplitStem}, dir: dir, budget: &budget}

	arrive("a.mp3", bucket)
	arrive("b/copy.mp3", bucket)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cover.jpg"), []byte("\xFF\xD8\xFF no music"), 0o600))
	w := watchFolder(t, variables, o)
	w.settle()
	require.Equal(t, []string{"a.mp3: started", "copy.mp3: same", "cover.jpg: skipped"}, w.lines.events(t))
	w.settle()
	require.Len(t, w.lines.events(t), 3, "nothing is done or said twice")
	arrive("c.mp3", "more"+bucket)
	w.settle()
	require.Equal(t, "c.mp3: not started", w.lines.events(t)[3], "the budget is spent")
	f := w.stop()
	require.Equal(t, failure.ExitInterrupted, f.Code)
	require.Contains(t, f.Message, "1 separation under way go")

	// The run that is under way costs nothing more, so another song can be started.
	w = watchFolder(t, variables, o)
	w.settle()
	require.Equal(t, []string{
		"a.mp3: joined", "copy.mp3: same", "c.mp3: started", "cover.jpg: skipped",
	}, w.lines.events(t))
	arrive("d.mp3", "most"+bucket)
	w.settle()
	require.Equal(t, "d.mp3: not started", w.lines.events(t)[4])

	// What ends unpaid leaves its credits to the next.
	temporalClient, err := client.Dial(client.Options{HostPort: serverstest.Temporal(t).Addr})
	require.NoError(t, err)
	defer temporalClient.Close()
	host := worker.New(temporalClient, queue, worker.Options{})
	host.RegisterWorkflowWithOptions(func(workflow.Context, stemflow.SeparateStemsInput) error {
		return temporal.NewNonRetryableApplicationError("no", stemflow.ErrorInvalidInput, nil)
	}, workflow.RegisterOptions{Name: stemflow.WorkflowSeparateStems})
	require.NoError(t, host.Start())
	defer host.Stop()
	require.Eventually(t, func() bool { return len(w.lines.events(t)) == 7 }, time.Minute, 10*time.Millisecond)
	require.ElementsMatch(t, []string{"a.mp3: failed", "c.mp3: failed"}, w.lines.events(t)[5:])
	w.settle()
	require.Equal(t, "d.mp3: started", w.lines.events(t)[7])
	require.Equal(t, failure.ExitInterrupted, w.stop().Code)
}

func TestFolderNeedsAFolderAndLeaveToPay(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "give the folder to watch"},
		{[]string{dir}, "nobody is asked here whether to pay: give --credit-budget CREDITS, or --yes"},
		{[]string{dir + "/none", "--yes"}, "the folder cannot be read: "},
		{[]string{dir, dir, "--yes"}, "is one folder too many"},
		{[]string{dir, "--credit-budget", "-1"}, "--credit-budget is negative"},
		{[]string{dir, "--yes", "--type", "split"}, `type: "split" is unknown`},
		{[]string{dir, "--yes", "--type", "split_stem_advanced"}, "stemName: is required"},
		{[]string{dir, "--yes"}, "MINIO_ENDPOINT: is required"},
	} {
		code, stdout, stderr := starter(t, "", nil, append([]string{"folder"}, c.args...)...)
		require.Equal(t, failure.ExitUsage, code, c.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.want)
	}
}

// endedRun is a run that has failed.
type endedRun struct {
	client.WorkflowRun
	err error
}

func (r endedRun) Get(context.Context, any) error { return r.err }

// What the run says itself goes before what its error type means as a rule: a budget is spent where
// it has paid, and only there.
func TestAFolderKnowsWhatAFailedRunHasPaid(t *testing.T) {
	failed := func(kind string, details ...any) error {
		return temporal.NewNonRetryableApplicationError("no", kind, nil, details...)
	}
	paid, unpaid := stemflow.ErrorDetails{Paid: true}, stemflow.ErrorDetails{}
	for name, c := range map[string]struct {
		err  error
		left int
	}{
		"unpaid by its type":          {failed(stemflow.ErrorUnauthorized), 0},
		"unpaid by both":              {failed(stemflow.ErrorUnauthorized, unpaid), 0},
		"a reset that had paid":       {failed(stemflow.ErrorUnauthorized, paid), 10},
		"before anything was paid":    {failed(stemflow.ErrorArchiveUnavailable, unpaid), 0},
		"after it was paid":           {failed(stemflow.ErrorArchiveUnavailable, paid), 10},
		"it does not say":             {failed(stemflow.ErrorArchiveUnavailable), 10},
		"cancelled before it paid":    {temporal.NewCanceledError(unpaid), 0},
		"cancelled after it had paid": {temporal.NewCanceledError(paid), 10},
		"terminated":                  {&temporal.TerminatedError{}, 10},
	} {
		cli, _, _ := newTestCLI("", nil)
		w := &folderWatch{c: cli, reserved: 10, underWay: 1}
		w.await(t.Context(), endedRun{err: c.err}, folderEvent{Credits: 10})
		require.Equal(t, c.left, w.reserved, name)
	}
}
