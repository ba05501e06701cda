package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// label sets those of the given search attributes (names and values in turn) that the namespace
// knows: one that it does not know would fail the workflow task, out of this code's reach.
func (s *separation) label(ctx workflow.Context, namesAndValues ...string) {
	var updates []temporal.SearchAttributeUpdate
	for pair := range slices.Chunk(namesAndValues, 2) {
		if slices.Contains(s.archive.SearchAttributes, pair[0]) {
			updates = append(updates, temporal.NewSearchAttributeKeyKeyword(pair[0]).ValueSet(pair[1]))
		}
	}
	if len(updates) == 0 {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		s.log(ctx).Error("the search attributes could not be set", "error", err)
	}
}

// labelTrack sets what is known of a run before it pays.
func (s *separation) labelTrack(ctx workflow.Context) {
	s.label(ctx,
		stemflow.SearchAttributeTaskID, s.in.TaskID,
		stemflow.SearchAttributeAudioID, s.in.AudioID,
		stemflow.SearchAttributeType, string(s.in.Type))
}
