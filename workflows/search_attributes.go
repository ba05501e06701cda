package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// attributesChange is the change that looks at the namespace before each attribute is set.
const attributesChange = "search-attributes-checked"

// label sets those of the given search attributes (names and values in turn) that the namespace
// knows. One that it does not know would fail the workflow task, out of this code's reach.
func (s *separation) label(ctx workflow.Context, namesAndValues ...string) {
	known := s.knownAttributes(ctx)
	var updates []temporal.SearchAttributeUpdate
	for pair := range slices.Chunk(namesAndValues, 2) {
		if pair[1] != "" && slices.Contains(known, pair[0]) {
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

// knownAttributes are those that the namespace had when the run was prepared and still has. They
// are asked for in the same workflow task that sets them: should one be taken away just then, the
// task fails before anything of it is recorded, and the task after it asks again.
func (s *separation) knownAttributes(ctx workflow.Context) []string {
	prepared := s.archive.SearchAttributes
	if len(prepared) == 0 || workflow.GetVersion(ctx, attributesChange, workflow.DefaultVersion, 1) < 1 {
		return prepared
	}
	// What a cancelled run has paid for is labelled too.
	detached, _ := workflow.NewDisconnectedContext(ctx)
	var now []string
	err := workflow.ExecuteLocalActivity(localOptions(detached, "list the search attributes"),
		activityapi.ActivityListSearchAttributes).Get(detached, &now)
	if err != nil {
		s.log(ctx).Warn("the search attributes cannot be listed: none are set", "error", err)
	}
	return slices.DeleteFunc(now, func(name string) bool { return !slices.Contains(prepared, name) })
}

// labelTrack sets what is known of a run before it pays.
func (s *separation) labelTrack(ctx workflow.Context) {
	track := s.in.Track()
	s.label(ctx,
		stemflow.SearchAttributeTaskID, track.TaskID,
		stemflow.SearchAttributeAudioID, track.AudioID,
		stemflow.SearchAttributeType, string(s.in.Type),
		stemflow.SearchAttributeTitle, s.in.Title)
}

// labelTitle sets a title that the input does not give.
func (s *separation) labelTitle(ctx workflow.Context, title string) {
	if title != "" && slices.Contains(s.archive.SearchAttributes, stemflow.SearchAttributeTitle) {
		s.label(ctx, stemflow.SearchAttributeTitle, title)
	}
}
