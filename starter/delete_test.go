package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/program"
	"stemflow/starter/internal/failure"
)

// removable is an archived track, with a page and a ledger, and an environment that may remove it.
type removable struct {
	archivedTrack
	faulty *serverstest.FaultyStore
	// removals are the keys that the store was asked to remove.
	removals *removals
}

type removals struct {
	mu   sync.Mutex
	keys []string
}

const folder = "music/5c79/e231/separate_vocal/"

func newRemovable(t *testing.T) removable {
	a := newArchivedTrack(t)
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", serverstest.Temporal(t).Addr)
	root, _ := serverstest.Bucket(t)
	r := removable{archivedTrack: a, faulty: serverstest.NewFaultyStore(t, root), removals: &removals{}}
	r.variables["MINIO_ENDPOINT"] = r.faulty.Endpoint
	r.variables["MINIO_ACCESS_KEY"], r.variables["MINIO_SECRET_KEY"] = root.AccessKey, root.SecretKey
	r.flags = []string{"5c79", "e231"}
	_, err := a.store.Put(t.Context(), a.bucket, folder+"listen.html", "text/html", strings.NewReader("page"), 4)
	require.NoError(t, err)
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, "5c79/e231/separate_vocal/submission.json", stemflow.Submission{
		Version: 1, State: stemflow.SubmissionPaid, SeparationTaskID: "3e63", Track: a.manifestTrack(), SubmittedAt: time.Now(),
	}))
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, folder+"submission.json", stemflow.Submission{Version: 1}))
	return r
}

// failing answers removals of what has the suffix with an error, and notes all others.
func (r removable) failing(suffix string) serverstest.Fault {
	return serverstest.Fault{Answer: func(req *http.Request, _ []byte) *http.Response {
		if req.Method != http.MethodDelete && !strings.Contains(req.URL.Path, "/deleted-") {
			return nil
		}
		if suffix != "" && strings.HasSuffix(req.URL.Path, suffix) {
			return serverstest.S3Answer(http.StatusServiceUnavailable, "SlowDown")
		}
		if req.Method != http.MethodDelete {
			return nil
		}
		r.removals.mu.Lock()
		defer r.removals.mu.Unlock()
		r.removals.keys = append(r.removals.keys, strings.TrimPrefix(req.URL.Path, "/"+r.bucket+"/"))
		return nil
	}}
}

func (r removable) keys(t *testing.T) (keys []string) {
	t.Helper()
	objects, err := r.store.List(t.Context(), r.bucket, "")
	require.NoError(t, err)
	for _, object := range objects {
		keys = append(keys, object.Key)
	}
	return keys
}

// ledgers are what no removal takes, and deletion is what it leaves behind.
var (
	ledgers  = []string{"5c79/e231/separate_vocal/submission.json", folder + "submission.json"}
	deletion = folder + "deleted-3e63.json"
	stays    = append([]string{deletion}, ledgers...)
)

func TestDeleteRemovesAllButTheLedger(t *testing.T) {
	r := newRemovable(t)
	_, err := r.store.Put(
		t.Context(), r.bucket, archive.NewListenKey(archive.Locate("", "music", r.manifestTrack())), "text/html",
		strings.NewReader("page"), 4)
	require.NoError(t, err)
	for _, key := range []string{"peaks-3e63-vocals.json", "session-3e63.zip", "session-0001.dawproject"} {
		require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, folder+key, 1))
	}
	for _, key := range []string{folder + "notes.txt", folder + "notes/lyrics.txt", folder + "mix/song.als", "music/5c79/e232/separate_vocal/manifest.json", folder + "T/A/split_stem/manifest.json"} {
		require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, key, 1))
	}
	before := r.keys(t)
	wouldRemove := r.run(t, r.with("delete", "--dry-run")...)
	require.Equal(t, before, r.keys(t))
	for _, key := range []string{"manifest.json", "listen.html", "peaks-3e63-vocals.json", "session-3e63.zip", "3e63/vocals.mp3"} {
		require.Contains(t, wouldRemove, "  "+folder+key+"\n")
	}
	require.Contains(t, wouldRemove, "Would remove 8 objects, ")
	require.Contains(t, wouldRemove, "  stays         "+folder+"notes.txt\n")
	require.Contains(t, wouldRemove, "takes up the separation 3e63, unpaid, while the provider keeps it (14 days).")

	var done removed
	require.NoError(t, json.Unmarshal([]byte(r.run(t, r.with("delete", "--yes", "--json")...)), &done))
	require.Equal(t, folder+"manifest.json", done.Objects[0])
	require.Len(t, done.Objects, 8)
	require.Equal(t, "3e63", done.SeparationTaskID)
	require.ElementsMatch(t, append([]string{
		folder + "notes.txt", folder + "notes/lyrics.txt", folder + "mix/song.als",
		"music/5c79/e232/separate_vocal/manifest.json", folder + "T/A/split_stem/manifest.json",
	}, stays...), r.keys(t), "what others put there, and other tracks, stay")

	code, _, stderr := starter(t, "", r.variables, r.with("delete", "--yes")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: NotArchived: there is nothing to remove in "+folder)
	code, _, stderr = starter(t, "", r.variables, r.with("show")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "It was deleted on "+time.Now().UTC().Format(time.DateOnly)+". Starting the track again takes up "+
		"the separation, unpaid, while the provider keeps it (14 days).")
	_, stdout, _ := starter(t, "", r.variables, "verify")
	require.Contains(t, stdout, "deleted, and left so: 1 track\n")
}

// Audio that a person keeps below a track's folder is not the track's. What a separation yielded
// is, whether a manifest is left that names it or not.
func TestDeleteLeavesWhatAPersonKeepsThere(t *testing.T) {
	r := newRemovable(t)
	put := func(keys ...string) {
		for _, key := range keys {
			require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, folder+key, 1))
		}
	}
	r.manifest.SeparationTaskID = "4f00"
	put("mixes/rough.mp3", "mixes/rough.wav", "final/song.mp3")
	put("3e63/new_kind.mp3", "4f00/other_kind.mp3", "0a0b/vocals-2.mp3", "0a0b/new_kind.mp3", "0c0d/midi.vocals.mid")
	require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, folder+"manifest.json", r.manifest))
	var done removed
	require.NoError(t, json.Unmarshal([]byte(r.run(t, r.with("delete", "--yes", "--json")...)), &done))
	kept := []string{folder + "final/song.mp3", folder + "mixes/rough.mp3", folder + "mixes/rough.wav"}
	require.Equal(t, kept, done.Others)
	require.ElementsMatch(t, append(kept, folder+"deleted-0a0b.json", folder+"deleted-0c0d.json", folder+"deleted-3e63.json",
		folder+"deleted-4f00.json", ledgers[0], ledgers[1]), r.keys(t))
}

func TestDeleteAsksAPerson(t *testing.T) {
	r := newRemovable(t)
	before := r.keys(t)
	for _, answer := range []string{"n\n", "\n", "", "yess\n", "no yes\n"} {
		c, stdout, stderr := newTestCLI(answer, r.variables)
		c.stdinIsTerminal = true
		c.stderrSize = func() (program.TerminalSize, bool) { return program.TerminalSize{Columns: 80, Rows: 24}, true }
		require.Equal(t, failure.ExitFailed, c.run(t.Context(), r.with("delete")), "%q", answer)
		require.Contains(t, stderr.String(), "Remove separate_vocal of e231 of 5c79: 4 objects, ")
		require.Contains(t, stderr.String(), "? [y/N] error: Refused: not confirmed, nothing was removed\n")
		require.Empty(t, stdout.String())
		require.Equal(t, before, r.keys(t))
	}
	c, stdout, _ := newTestCLI("Y\n", r.variables)
	c.stdinIsTerminal = true
	c.stderrSize = func() (program.TerminalSize, bool) { return program.TerminalSize{Columns: 80, Rows: 24}, true }
	require.Zero(t, c.run(t.Context(), r.with("delete")))
	require.Contains(t, stdout.String(), "Removed 4 objects, ")
	require.ElementsMatch(t, stays, r.keys(t))
}

// silentTerminal is where nobody answers. asked is closed once an answer is read.
type silentTerminal struct{ asked, never chan struct{} }

func (s silentTerminal) Read([]byte) (int, error) {
	close(s.asked)
	<-s.never
	return 0, io.EOF
}

func TestAnInterruptedQuestionRemovesNothing(t *testing.T) {
	r := newRemovable(t)
	before := r.keys(t)
	c, stdout, stderr := newTestCLI("", r.variables)
	terminal := silentTerminal{make(chan struct{}), make(chan struct{})}
	defer close(terminal.never)
	c.stdin, c.stdinIsTerminal = terminal, true
	c.stderrSize = func() (program.TerminalSize, bool) { return program.TerminalSize{Columns: 80, Rows: 24}, true }
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-terminal.asked
		interrupt()
	}()
	require.Equal(t, failure.ExitInterrupted, c.runUntil(ctx, interrupt, r.with("delete")))
	require.Contains(t, stderr.String(), "? [y/N] \ninterrupted while waiting for the answer; nothing was removed\n")
	require.Empty(t, stdout.String())
	require.Equal(t, before, r.keys(t))
}

// The manifest goes first: whenever a removal breaks off, there is a whole archive or none.
func TestADeleteThatBreaksOffLeavesNoArchiveThatIsNone(t *testing.T) {
	r := newRemovable(t)
	before := r.keys(t)
	r.faulty.SetFaults(r.failing("manifest.json"))
	code, _, stderr := starter(t, "", r.variables, r.with("delete", "--yes")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: ArchiveUnavailable: ")
	require.Empty(t, r.removals.keys)
	require.Equal(t, before, r.keys(t))

	for _, broken := range []string{"deleted-3e63.json", "listen.html", "instrumental.mp3"} {
		r = newRemovable(t)
		r.faulty.SetFaults(r.failing(broken))
		code, _, stderr = starter(t, "", r.variables, r.with("delete", "--yes")...)
		require.Equal(t, failure.ExitFailed, code)
		require.Contains(t, stderr, "the manifest is removed, and objects are left: ")
		require.Contains(t, stderr, "The same command removes the rest.")
		require.Equal(t, folder+"manifest.json", r.removals.keys[0])
		require.NotContains(t, r.keys(t), folder+"manifest.json")
		code, _, stderr = starter(t, "", r.variables, r.with("get")...)
		require.Equal(t, failure.ExitFailed, code)
		require.Contains(t, stderr, "error: NotArchived: ")

		r.faulty.SetFaults()
		require.Contains(t, r.run(t, r.with("delete", "--yes")...), "Removed ")
		require.ElementsMatch(t, stays, r.keys(t))
	}
}

func TestDeleteRefuses(t *testing.T) {
	r := newRemovable(t)
	before := r.keys(t)

	root, _ := serverstest.Bucket(t) // without the proxy, which signs for root
	limited := serverstest.User(t, root, r.bucket)
	variables := map[string]string{}
	for name, value := range r.variables {
		variables[name] = value
	}
	variables["MINIO_ENDPOINT"] = limited.Endpoint
	variables["MINIO_ACCESS_KEY"], variables["MINIO_SECRET_KEY"] = limited.AccessKey, limited.SecretKey
	code, _, stderr := starter(t, "", variables, r.with("delete", "--yes")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "use credentials that may s3:DeleteObject")
	require.Equal(t, before, r.keys(t), "stemflow's own user may not")

	temporal, err := client.Dial(client.Options{HostPort: serverstest.Temporal(t).Addr, Logger: quiet{}})
	require.NoError(t, err)
	defer temporal.Close()
	in := stemflow.SeparateStemsInput{TaskID: "5c79", AudioID: "e231"}
	run, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ // nobody works on it
		ID: stemflow.WorkflowID(in), TaskQueue: "nobody",
	}, stemflow.WorkflowSeparateStems, in)
	require.NoError(t, err)
	for _, flag := range []string{"--yes", "--dry-run"} {
		code, _, stderr = starter(t, "", r.variables, r.with("delete", flag)...)
		require.Equal(t, failure.ExitFailed, code)
		require.Contains(t, stderr, "error: Refused: the run stems:separate_vocal:5c79:e231 of this track is open, and counts on what is archived. "+
			"Nothing was removed. Wait until it has ended, or end it: \"starter cancel --workflow-id stems:separate_vocal:5c79:e231\".")
		require.Equal(t, before, r.keys(t))
	}
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the test is over"))

	for _, stem := range []string{"", "vocals"} { // what it archives would come back
		id := stemflow.MIDIWorkflowID(stemflow.GenerateMIDIInput{TaskID: "5c79", AudioID: "e231", Stem: stem})
		run, err = temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "nobody"},
			stemflow.WorkflowGenerateMIDI)
		require.NoError(t, err)
		code, _, stderr = starter(t, "", r.variables, r.with("delete", "--yes")...)
		require.Equal(t, failure.ExitFailed, code)
		require.Contains(t, stderr, "error: Refused: the run "+id+" of this track is open")
		require.Equal(t, before, r.keys(t))
		require.NoError(t, temporal.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the test is over"))
	}

	// A run that begins once the manifest is gone counts on the stems.
	r.faulty.SetFaults(serverstest.Fault{Response: func(sent *http.Request, _ *http.Response, body []byte) []byte {
		if sent.Method == http.MethodDelete && strings.HasSuffix(sent.URL.Path, "manifest.json") {
			run, err = temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
				ID: stemflow.WorkflowID(in), TaskQueue: "nobody",
			}, stemflow.WorkflowSeparateStems, in)
		}
		return body
	}})
	code, _, stderr = starter(t, "", r.variables, r.with("delete", "--yes")...)
	require.NoError(t, err)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "The manifest is removed, which the run may write again; the rest is there.")
	require.Len(t, r.keys(t), len(before)-1)
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the test is over"))

	t.Setenv("TEMPORAL_ADDRESS", nowhere(t))
	code, _, stderr = starter(t, "", r.variables, r.with("delete", "--yes")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: TemporalUnavailable: ", "it must know that no run is open")
}

// The error of a Temporal that goes away during a removal says what is removed by then.
func TestADeleteThatLosesTemporalSaysHowFarItIs(t *testing.T) {
	r := newRemovable(t)
	f, address := newFakeTemporal(t, nil)
	r.faulty.SetFaults(serverstest.Fault{Response: func(sent *http.Request, _ *http.Response, body []byte) []byte {
		if sent.Method == http.MethodDelete && strings.HasSuffix(sent.URL.Path, "manifest.json") {
			f.lost.Store(true)
		}
		return body
	}})
	args := append([]string{"--address", address}, r.with("delete", "--yes")...)
	code, _, stderr := starter(t, "", r.variables, args...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: TemporalUnavailable: the manifest is removed, and objects are left: whether a run of the "+
		"track is open cannot be found out: ")
	require.Contains(t, stderr, "The same command removes the rest.")
	require.NotContains(t, r.keys(t), folder+"manifest.json")

	f.lost.Store(false)
	code, _, stderr = starter(t, "", r.variables, args...)
	require.Zero(t, code, stderr)
	require.ElementsMatch(t, stays, r.keys(t))
}

// A run that has archived the track once more while it was removed is found out.
func TestDeleteFindsOutThatTheTrackIsBack(t *testing.T) {
	r := newRemovable(t)
	r.faulty.SetFaults(serverstest.Fault{Response: func(sent *http.Request, _ *http.Response, body []byte) []byte {
		if sent.Method == http.MethodDelete && strings.HasSuffix(sent.URL.Path, "listen.html") {
			_ = r.store.PutJSON(t.Context(), r.bucket, folder+"manifest.json", r.manifest)
		}
		return body
	}})
	code, _, stderr := starter(t, "", r.variables, r.with("delete", "--yes")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "a run has archived the track again while it was removed")
}

// What is paid for and archived nowhere is marked, so that no check misses it any more.
func TestDeleteOfWhatIsPaidForAlone(t *testing.T) {
	r := newRemovable(t)
	r.run(t, r.with("delete", "--yes")...)
	require.NoError(t, r.store.Remove(t.Context(), r.bucket, deletion)) // as earlier releases left it
	require.Contains(t, r.run(t, r.with("delete", "--dry-run", "--json")...), `"objects": []`)
	require.Contains(t, r.run(t, r.with("delete", "--yes")...), "Removed 0 objects, ")
	require.ElementsMatch(t, stays, r.keys(t))
	require.NoError(t, r.store.Remove(t.Context(), r.bucket, deletion))
	require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, ledgers[0], stemflow.Submission{
		Version: 1, State: stemflow.SubmissionFailed, SeparationTaskID: "3e63", Track: r.manifestTrack(),
	}))
	code, _, stderr := starter(t, "", r.variables, r.with("delete", "--yes")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "error: NotArchived: there is nothing to remove in "+folder)
}

// A wrong prefix is no wish to be rid of what is archived under another one.
func TestDeleteInAPlaceWhereTheTrackNeverWas(t *testing.T) {
	r := newRemovable(t)
	before := r.keys(t)
	for _, prefix := range []string{"musik", "music/a"} {
		code, stdout, stderr := starter(t, "", r.variables, r.with("delete", "--yes", "--prefix", prefix)...)
		require.Equal(t, failure.ExitFailed, code, stdout)
		require.Contains(t, stderr, "error: NotArchived: there is nothing to remove in "+prefix+"/5c79/")
		require.Contains(t, stderr, "The track is archived as "+folder+"manifest.json: name its prefix with --prefix.")
		require.Equal(t, before, r.keys(t))
	}
}

func TestDeleteSaysWhatAStartDoesAfterwards(t *testing.T) {
	key := ledgers[0]
	for name, c := range map[string]struct {
		ledger any
		says   string
	}{
		"paid long ago": {stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "3e63", SubmittedAt: time.Now().AddDate(0, 0, -15)},
			"the separation 3e63, which the provider keeps no longer. Starting the track again pays nothing and cannot archive it"},
		"an outcome is not known": {stemflow.Submission{State: stemflow.SubmissionIntended}, "an attempt to pay whose outcome is not known"},
		"refused":                 {stemflow.Submission{State: stemflow.SubmissionRefused}, "No ledger knows of a payment for the track: starting it again pays."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRemovable(t)
			require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, key, c.ledger))
			require.Contains(t, r.run(t, r.with("delete", "--dry-run")...), c.says)
		})
	}
	r := newRemovable(t)
	require.NoError(t, r.store.PutJSON(t.Context(), r.bucket, key, []int{1}))
	code, _, stderr := starter(t, "", r.variables, r.with("delete", "--yes")...)
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "not the expected JSON")
	require.Contains(t, r.keys(t), archive.ManifestKey(archive.Locate("", "music", r.manifestTrack())))
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
