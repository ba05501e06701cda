package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/plugin"
)

// A list of which much is wrong at length is reported as wrong, and at once: a failure of some
// megabytes, or one that is not UTF-8, would never reach Temporal.
func TestAListThatIsWrongAtLengthIsReported(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	lines := func(line string, n int) string { return strings.Repeat(line+"\n", n) }
	for name, c := range map[string]struct{ list, want string }{
		"3 MB of one id":   {lines(`{"taskId": "`+strings.Repeat("!", 60_000)+`"}`, 60), "at most 128"},
		"9 MB once quoted": {lines(`{"taskId": "`+strings.Repeat("\u0080", 30_000)+`"}`, 60), "at most 128"},
		"unknown fields":   {lines(`{"`+strings.Repeat("f", 60_000)+`": 1}`, 60), "no such field"},
		"many problems":    {lines(`{"taskId": "?", "audioId": "?"}`, 5_000), "and 9950 problems more"},
		"a long column":    {strings.Repeat("c", 60_000) + "\n", "has no taskId"},
		"not UTF-8":        {"taskId,audioId,\xff\xfe\n", "lists no track"},
		"cells not UTF-8":  {"taskId,audioId\n" + lines("\xff,\xfe", 100), "at most 128"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			key := "list-" + newID()
			list := strings.NewReader(c.list)
			_, err := s.store.Put(t.Context(), s.bucket, key, "text/plain", list, list.Size())
			require.NoError(t, err)
			run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue},
				stemflow.WorkflowSeparateCatalog, stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: key}})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var app *temporal.ApplicationError
			require.ErrorAs(t, run.Get(ctx, nil), &app)
			require.Equal(t, stemflow.ErrorInvalidInput, app.Type())
			require.Contains(t, app.Message(), c.want)
		})
	}
}

// A run under a track's workflow id that says nothing of a separation fails that track, and the
// catalogue goes on.
func TestACatalogGoesOnAfterARunThatIsNotReadable(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	p, err := plugin.New(s.cfg)
	require.NoError(t, err)
	w := worker.New(s.client, s.queue, worker.Options{Plugins: []worker.Plugin{p}, WorkerStopTimeout: 5 * time.Second})
	w.RegisterWorkflowWithOptions(
		func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) },
		workflow.RegisterOptions{Name: "Other"},
	)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	// Another worker has its own idea of what SeparateStems is, as one with another codec has.
	elsewhere := "other-" + s.queue
	imposter := worker.New(s.client, elsewhere, worker.Options{})
	imposter.RegisterWorkflowWithOptions(
		func(ctx workflow.Context, result any) (any, error) {
			workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
			return result, nil
		},
		workflow.RegisterOptions{Name: stemflow.WorkflowSeparateStems},
	)
	require.NoError(t, imposter.Start())
	t.Cleanup(imposter.Stop)

	var tracks []stemflow.SeparateStemsInput
	var ending []string
	start := func(kind, queue string, args ...any) {
		in := track(stemflow.SeparateVocal)
		tracks = append(tracks, in)
		_, err := s.client.ExecuteWorkflow(t.Context(),
			client.StartWorkflowOptions{ID: stemflow.WorkflowID(in), TaskQueue: queue}, kind, args...)
		require.NoError(t, err)
		if kind != "Other" {
			ending = append(ending, stemflow.WorkflowID(in))
		}
	}
	start("Other", s.queue)
	for _, result := range []any{
		"not a SeparateStemsResult", nil, map[string]any{}, map[string]any{"stems": "none"},
		stemflow.SeparateStemsResult{
			SeparationTaskID: "id", Stems: []stemflow.Stem{{Name: strings.Repeat("x", 1_500_000)}},
		},
	} {
		start(stemflow.WorkflowSeparateStems, elsewhere, result)
	}
	good := track(stemflow.SeparateVocal)
	tracks = append(tracks, good)
	run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: s.queue},
		stemflow.WorkflowSeparateCatalog, stemflow.SeparateCatalogInput{Name: "c-" + newID(), Tracks: tracks})
	require.NoError(t, err)
	s.await("every run is joined", func() bool {
		answer, err := s.client.QueryWorkflow(t.Context(), run.GetID(), "", stemflow.QueryProgress)
		var progress stemflow.CatalogProgress
		return err == nil && answer.Get(&progress) == nil && progress.Running+progress.Ended() == len(tracks)
	})
	for _, id := range ending {
		require.NoError(t, s.client.SignalWorkflow(t.Context(), id, "", "end", nil))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var result stemflow.SeparateCatalogResult
	require.NoError(t, run.Get(ctx, &result))
	require.Equal(t, stemflow.CatalogCounts{Archived: 1, Failed: len(tracks) - 1}, result.CatalogCounts)
	var report stemflow.CatalogReport
	_, err = s.store.ReadJSON(t.Context(), result.Report.JSON.Bucket, result.Report.JSON.Key, &report)
	require.NoError(t, err)
	for _, outcome := range report.Outcomes {
		if outcome.Status == stemflow.TrackFailed {
			require.Equal(t, stemflow.ReasonUnreadable, outcome.Reason, fmt.Sprint("line ", outcome.Line))
			require.Contains(t, outcome.Message, "pays for nothing that is paid for")
			require.Zero(t, outcome.Credits)
		}
	}
	require.Equal(t, 1, s.billed(good))
}
