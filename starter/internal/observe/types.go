package observe

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"stemflow"
	"stemflow/internal/outcome"
	"stemflow/starter/internal/limit"
)

// typesTimeout bounds the search for a track's other types, which only adds to an error.
const typesTimeout = 5 * time.Second

// OtherTypes returns under which other types, than that of in, a track has runs: those that
// Temporal still knows, or only those that are open. For split_stem_advanced the stem name is
// the slug, which names the same run. What cannot be found out is left out.
func (t *Temporal) OtherTypes(ctx context.Context, in stemflow.SeparateStemsInput, onlyOpen bool) []stemflow.Track {
	var found []stemflow.Track
	_ = limit.Wait(ctx, typesTimeout, "finding the track's other types", func(ctx context.Context) error {
		for _, kind := range stemflow.SeparationTypes() {
			if kind == in.WithDefaults().Type {
				continue
			}
			track := stemflow.Track{TaskID: in.TaskID, AudioID: in.AudioID, Type: kind}
			if kind == stemflow.SplitStemAdvanced {
				found = append(found, t.advanced(ctx, track, onlyOpen)...)
				continue
			}
			id := stemflow.WorkflowID(stemflow.SeparateStemsInput{TaskID: in.TaskID, AudioID: in.AudioID, Type: kind})
			description, err := describe(ctx, t, id, "")
			if err == nil && (!onlyOpen || outcome.IsOpen(description.GetWorkflowExecutionInfo().GetStatus())) {
				found = append(found, track)
			}
		}
		return nil
	})
	return found
}

// advanced finds the runs of split_stem_advanced. There is one for each instrument, so only a
// search finds them.
func (t *Temporal) advanced(ctx context.Context, track stemflow.Track, onlyOpen bool) []stemflow.Track {
	prefix := "stems:" + string(track.Type) + ":" + track.TaskID + ":" + track.AudioID + ":"
	query := `WorkflowId STARTS_WITH "` + prefix + `"` // ids have no quotes: they are checked before
	list, err := t.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 20})
	if err != nil {
		return nil
	}
	var found []stemflow.Track
	for _, execution := range list.GetExecutions() { // open ones come first
		// The query does not ask for the status: a server without paused runs refuses the word.
		if onlyOpen && !outcome.IsOpen(execution.GetStatus()) {
			continue
		}
		track.StemName = strings.TrimPrefix(execution.GetExecution().GetWorkflowId(), prefix)
		if !slices.Contains(found, track) {
			found = append(found, track)
		}
	}
	return found
}
