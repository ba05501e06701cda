package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/kiesim"
)

// object reads an archived object whole.
func (s *stack) object(key string) []byte {
	s.t.Helper()
	body, _, err := s.store.Open(s.t.Context(), s.bucket, key)
	require.NoError(s.t, err)
	defer body.Close()
	data, err := io.ReadAll(body)
	require.NoError(s.t, err)
	return data
}

func TestEveryTypeFromSubmitToManifest(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for kind, want := range map[stemflow.SeparationType][]string{
		stemflow.SeparateVocal:     {"vocals", "instrumental"},
		stemflow.SplitStem:         stemflow.ExpectedStems(stemflow.SplitStem, ""),
		stemflow.SplitStemAdvanced: {"lead_vocal", "lead_vocal_removed"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			in := track(kind)
			in.Prefix = "albums/2026"
			run := s.start(in)
			result := s.result(run)

			require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
			require.Equal(t, kind, result.Type)
			names := make([]string, len(result.Stems))
			for i, stem := range result.Stems {
				names[i] = stem.Name
				content := s.object(stem.Key)
				sum := sha256.Sum256(content)
				require.Equal(t, stem.SHA256, hex.EncodeToString(sum[:]))
				require.Equal(t, stem.Size, int64(len(content)))
				require.Equal(t, "audio/mpeg", stem.ContentType)
				require.NotEmpty(t, stem.SourceID)
				require.InDelta(t, 12, stem.DurationSeconds, 3)
				require.Equal(t, s.location(in).Dir+result.SeparationTaskID+"/"+stem.Name+".mp3", stem.Key)
			}
			require.ElementsMatch(t, want, names)
			require.Empty(t, result.Empty)
			require.Empty(t, result.Failed)
			require.False(t, result.SubmittedAt.IsZero())
			require.False(t, result.SettledAt.Before(result.SubmittedAt))

			manifest, ok := s.manifest(in)
			require.True(t, ok)
			require.Equal(t, result, manifest.SeparateStemsResult)
			require.Equal(t, in.AudioID, manifest.Source.AudioID)
			require.Equal(t, stemflow.SubmissionPaid, s.ledger(in).State)
			require.Equal(t, result.SeparationTaskID, s.ledger(in).SeparationTaskID)
			require.Equal(t, result.SeparationTaskID, s.memo(run))
			require.Equal(t, 1, s.billed(in))
		})
	}
}

// A stem in the archive is what a player takes for an MP3, of the duration that the manifest says.
func TestFFProbeAgreesWithTheManifest(t *testing.T) {
	t.Parallel()
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not on the PATH; the frame counter of internal/audio has its own tests")
	}
	s := newStack(t)
	for _, stem := range s.result(s.start(track(stemflow.SplitStem))).Stems {
		file := filepath.Join(t.TempDir(), filepath.Base(stem.Key))
		require.NoError(t, os.WriteFile(file, s.object(stem.Key), 0o600))
		out, err := exec.Command(ffprobe, "-v", "error", "-show_entries", "format=format_name,duration", "-of", "csv=p=0", file).
			CombinedOutput()
		require.NoError(t, err, string(out))
		format, duration, _ := strings.Cut(strings.TrimSpace(string(out)), ",")
		require.Equal(t, "mp3", format)
		seconds, err := strconv.ParseFloat(duration, 64)
		require.NoError(t, err)
		require.InDelta(t, seconds, stem.DurationSeconds, 0.06)
	}
}

func TestNothingSecretEntersTheHistoryOrTheArchive(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	run := s.start(in)
	s.result(run)
	var text bytes.Buffer
	for _, event := range s.history(run) {
		text.WriteString(event.String())
	}
	manifest, _ := s.manifest(in)
	for _, v := range []any{manifest, s.ledger(in)} {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		text.Write(data)
	}
	for _, secret := range []string{apiKey, callbackSecret, s.bridge.URL, "/callbacks/", s.cfg.MinIO.SecretKey} {
		require.NotContains(t, text.String(), secret)
	}
}

func TestStartingATrackTwiceJoinsItsRun(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	first, second := s.start(in), s.start(in)
	require.Equal(t, first.GetRunID(), second.GetRunID())
	s.settle(in)
	require.Equal(t, s.result(first), s.result(second))
	require.Equal(t, 1, s.billed(in))

	third := s.start(in)
	require.NotEqual(t, first.GetRunID(), third.GetRunID())
	require.Equal(t, stemflow.SettledByArchive, s.result(third).SettledBy)
	require.Equal(t, s.result(first).Stems, s.result(third).Stems)
	require.Equal(t, 1, s.billed(in), "the archive decides whether anything is paid")
}

func TestForceOnAnArchivedTrackPaysAnew(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	before := s.result(s.start(in))
	in.Force = true
	after := s.result(s.start(in))
	require.NotEqual(t, before.SeparationTaskID, after.SeparationTaskID)
	require.Equal(t, 2, s.billed(in))
	manifest, _ := s.manifest(in)
	require.Equal(t, after.SeparationTaskID, manifest.SeparationTaskID)
}

func TestLostCallbackIsMadeUpForByPolling(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.CallbackGrace = stemflow.Duration(2 * time.Second)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{
		Delay: kiesim.Duration(6 * time.Second), Callback: kiesim.Callback{Lost: true},
	})
	run := s.start(in)
	require.Equal(t, stemflow.SettledByPoll, s.result(run).SettledBy)
	require.LessOrEqual(t, len(s.history(run)), 50, "the history does not grow with the number of polls")
}

func TestWithoutACallbackURLItPolls(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(s *stack) { s.cfg.CallbackBaseURL = "" })
	in := track(stemflow.SeparateVocal)
	require.Equal(t, stemflow.SettledByPoll, s.result(s.start(in)).SettledBy)
}

func TestInputThatDoesNotDecodeIsInvalidInput(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, c := range map[string]struct{ input, field string }{
		"misspelt":     {`{"taskId":"t","audioID":"a"}`, "audioID"},
		"wrong type":   {`{"taskId":["t"],"audioId":"a"}`, "taskId"},
		"not a struct": {`"taskId"`, "one JSON object"},
		"null":         {`null`, "taskId"},
	} {
		t.Run(name, func(t *testing.T) {
			kind, message, _ := s.failure(s.startAs("bad-"+newID(), json.RawMessage(c.input)))
			require.Equal(t, stemflow.ErrorInvalidInput, kind)
			require.Contains(t, message, c.field)
		})
	}
	t.Run("no input at all", func(t *testing.T) {
		run, err := s.client.ExecuteWorkflow(
			t.Context(),
			client.StartWorkflowOptions{TaskQueue: s.queue},
			stemflow.WorkflowSeparateStems,
		)
		require.NoError(t, err)
		kind, message, _ := s.failure(run)
		require.Equal(t, stemflow.ErrorInvalidInput, kind)
		require.Contains(t, message, "taskId")
	})
	require.Empty(t, s.sim.Bill().Charges)
}

// A pipeline of another product, on its own queue, calls it as a child by name and contract.
func TestParentOnAnotherQueueCallsItAsAChild(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	album := func(ctx workflow.Context, in stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
		ctx = workflow.WithChildOptions(
			ctx,
			workflow.ChildWorkflowOptions{WorkflowID: stemflow.WorkflowID(in), TaskQueue: s.queue},
		)
		var result stemflow.SeparateStemsResult
		err := workflow.ExecuteChildWorkflow(ctx, stemflow.WorkflowSeparateStems, in).Get(ctx, &result)
		return &result, err
	}
	w := worker.New(s.client, s.queue+"-album", worker.Options{})
	w.RegisterWorkflowWithOptions(album, workflow.RegisterOptions{Name: "Album"})
	require.NoError(t, w.Start())
	defer w.Stop()
	run, err := s.client.ExecuteWorkflow(
		t.Context(),
		client.StartWorkflowOptions{TaskQueue: s.queue + "-album"},
		"Album",
		track(stemflow.SeparateVocal),
	)
	require.NoError(t, err)
	require.Len(t, s.result(run).Stems, 2)
}

func TestPartialArchiveIsCompletedByTheNextRun(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.AllowPartial = true
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{
		"vocals": {Fault: kiesim.FileHTML, Times: 11}, // more often than a run tries, and less often than two
	}})
	partial := s.result(s.start(in))
	require.Len(t, partial.Stems, 1)
	require.Equal(t, stemflow.ErrorSourceNotAudio, partial.Failed[0].Type)

	whole := s.result(s.start(in))
	require.Equal(t, partial.SeparationTaskID, whole.SeparationTaskID)
	require.Len(t, whole.Stems, 2)
	require.Empty(t, whole.Failed)
	require.Equal(t, 1, s.billed(in))

	s.remove(whole.Stems[0].Key)
	mended := s.result(s.start(in))
	require.Equal(t, whole.Stems, mended.Stems, "an object that is gone is archived again")
	require.Equal(t, 1, s.billed(in))
}

// remove deletes an object behind the product's back, which itself never deletes anything.
func (s *stack) remove(key string) {
	s.t.Helper()
	store, err := minio.New(
		s.root.Endpoint,
		&minio.Options{Creds: credentials.NewStaticV4(s.root.AccessKey, s.root.SecretKey, "")},
	)
	require.NoError(s.t, err)
	require.NoError(s.t, store.RemoveObject(s.t.Context(), s.bucket, key, minio.RemoveObjectOptions{}))
}
