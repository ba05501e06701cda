package observe

import (
	"context"
	"errors"
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
	_ = limit.Wait(ctx, typesTimeout, findingTypes, func(ctx context.Context) error {
		found, _ = t.otherTypes(ctx, in, onlyOpen)
		return nil
	})
	return found
}

// HasOtherTypesOpen reports whether a track has an open run of another type than that of in. It is
// for what depends on the answer: it fails where something cannot be found out.
func (t *Temporal) HasOtherTypesOpen(ctx context.Context, in stemflow.SeparateStemsInput) (open bool, err error) {
	err = limit.Wait(ctx, RequestTimeout, findingTypes, func(ctx context.Context) error {
		found, err := t.otherTypes(ctx, in, true)
		if open = len(found) > 0; open {
			return nil
		}
		return err
	})
	return open, err
}

const findingTypes = "finding the track's other types"

// otherTypes returns what is found, and why the rest is not.
func (t *Temporal) otherTypes(
	ctx context.Context, in stemflow.SeparateStemsInput, onlyOpen bool,
) (found []stemflow.Track, err error) {
	var errs []error
	for _, kind := range stemflow.SeparationTypes() {
		if kind == in.WithDefaults().Type {
			continue
		}
		track := stemflow.Track{TaskID: in.TaskID, AudioID: in.AudioID, Type: kind}
		if kind == stemflow.SplitStemAdvanced {
			advanced, err := t.advanced(ctx, track, onlyOpen)
			found, errs = append(found, advanced...), append(errs, err)
			continue
		}
		id := stemflow.WorkflowID(stemflow.SeparateStemsInput{TaskID: in.TaskID, AudioID: in.AudioID, Type: kind})
		switch description, err := describe(ctx, t, id, ""); {
		case IsNotFound(err):
		case err != nil:
			errs = append(errs, err)
		case !onlyOpen || outcome.IsOpen(description.GetWorkflowExecutionInfo().GetStatus()):
			found = append(found, track)
		}
	}
	return found, errors.Join(errs...)
}

// advanced finds the runs of split_stem_advanced. There is one for each instrument, so only a
// search finds them.
func (t *Temporal) advanced(
	ctx context.Context, track stemflow.Track, onlyOpen bool,
) (found []stemflow.Track, err error) {
	prefix := "stems:" + string(track.Type) + ":" + track.TaskID + ":" + track.AudioID + ":"
	query := `WorkflowId STARTS_WITH "` + prefix + `"` // ids have no quotes: they are checked before
	list, err := t.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 20})
	if err != nil {
		return nil, err
	}
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
	return found, nil
}
