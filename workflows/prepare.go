package workflows

import (
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

func (s *separation) validate() error {
	if s.invalid != nil {
		return endWith(stemflow.ErrorInvalidInput, "the input is wrong: "+s.invalid.Error())
	}
	return nil
}

// prepareArchive makes the destination ready and learns what stands there, before anything is paid.
func (s *separation) prepareArchive(ctx workflow.Context) error {
	s.enter(ctx, stemflow.PhasePreparing)
	var archive activityapi.PreparedArchive // anew: what was prepared before may still be needed
	err := localFirst(prepareOptions(ctx), activityapi.ActivityPrepareArchive, s.prepareInput(), &archive)
	if err != nil {
		return activityFailure(err, stemflow.ErrorArchiveUnavailable)
	}
	// A second look for which the server lists none takes none away, and sets the labels once more,
	// as it does in recorded histories: label itself looks which attributes there are.
	if len(archive.SearchAttributes) == 0 {
		archive.SearchAttributes = s.archive.SearchAttributes
	}
	s.archive = archive
	s.labelTrack(ctx)
	return nil
}

func (s *separation) prepareInput() activityapi.PrepareArchiveInput {
	return activityapi.PrepareArchiveInput{
		Track:            s.in.Track(),
		Bucket:           s.in.Bucket,
		Prefix:           s.in.Prefix,
		Owner:            s.owner,
		SeparationTaskID: s.in.SeparationTaskID,
	}
}

// alreadyArchived is the end of a run that has nothing to do: an earlier one archived the track
// completely.
func (s *separation) alreadyArchived(
	ctx workflow.Context,
	result *stemflow.SeparateStemsResult,
) *stemflow.SeparateStemsResult {
	result.SettledBy, result.Paid = stemflow.SettledByArchive, s.paid
	s.settledBy, s.stems = result.SettledBy, result.Stems
	s.progress.SettledBy = s.settledBy
	if s.separationTaskID != result.SeparationTaskID {
		s.setSeparationTask(ctx, result.SeparationTaskID)
	}
	s.label(ctx, stemflow.SearchAttributeSettledBy, string(s.settledBy))
	s.showArchived()
	s.progress.Manifest = &result.Manifest
	s.enter(ctx, stemflow.PhaseDone)
	return result
}
