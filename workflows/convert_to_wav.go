package workflows

import (
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// ConvertToWAV has a track of the provider's converted to WAV, pays for it once, and archives the
// file. It goes the road of SeparateStems in everything: what is paid once, what is awaited and
// what is archived is one kind of task instead of another.
//
// It ends with a *temporal.ApplicationError of one of the contract's error types, whose first
// detail is a [stemflow.WAVErrorDetails]; or cancelled, with the same detail.
func ConvertToWAV(
	ctx workflow.Context, in stemflow.ConvertToWAVInput,
) (*stemflow.ConvertToWAVResult, error) {
	s := newSeparation(ctx, activityapi.WAV, in.Task())
	s.invalid = in.Validate()
	err := workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryProgress,
		func() (stemflow.WAVProgress, error) { return s.wavProgress(), nil },
		workflow.QueryHandlerOptions{Description: "Where the WAV stands, and how it ended."})
	if err != nil {
		return nil, err
	}
	made, err := s.perform(ctx)
	if err != nil {
		return nil, err
	}
	return wavResult(made), nil
}

func (s *separation) wavProgress() stemflow.WAVProgress {
	p := s.currentProgress()
	progress := stemflow.WAVProgress{
		Phase: p.Phase, Title: p.Title, WAVTaskID: p.SeparationTaskID, SubmissionUnknown: p.SubmissionUnknown,
		SettledBy: p.SettledBy, PollingFrom: p.PollingFrom, Deadline: p.Deadline, Paid: p.Paid,
		Manifest: p.Manifest, Failure: p.Failure, EndedAt: p.EndedAt,
	}
	if p.Paid && p.SeparationTaskID != "" {
		progress.Credits = stemflow.WAVCredits
	}
	if len(p.Stems) > 0 {
		progress.Size = p.Stems[0].Size
	}
	return progress
}

// wavResult is the result in the form of a conversion.
func wavResult(made *stemflow.SeparateStemsResult) *stemflow.ConvertToWAVResult {
	wav := made.Stems[0] // a run that has archived none fails, and so does one without a manifest
	result := &stemflow.ConvertToWAVResult{
		WAVTaskID: made.SeparationTaskID, SettledBy: made.SettledBy, Paid: made.Paid,
		WAV: stemflow.WAV{
			Bucket: wav.Bucket, Key: wav.Key, Size: wav.Size, SHA256: wav.SHA256, ContentType: wav.ContentType,
			DurationSeconds: wav.DurationSeconds,
		},
		Manifest:    made.Manifest,
		SubmittedAt: made.SubmittedAt, SettledAt: made.SettledAt, ArchivedAt: made.ArchivedAt,
	}
	if made.Paid {
		result.Credits = stemflow.WAVCredits
	}
	return result
}
