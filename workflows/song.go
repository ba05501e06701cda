package workflows

import (
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// prepareSong makes a song of the user's own ready for the provider before it is paid for. A track
// of the provider needs nothing.
func (s *separation) prepareSong(ctx workflow.Context) error {
	if s.in.AudioURL == "" {
		if !s.in.Track().IsSong() {
			return nil
		}
		return endWith(stemflow.ErrorInvalidInput, "audioUrl: is required to separate a song of your own; "+
			"taskId and audioId alone find what is paid for")
	}
	err := workflow.ExecuteActivity(songOptions(ctx), activityapi.ActivityPrepareSong,
		activityapi.PrepareSongInput{AudioURL: s.in.AudioURL, AudioSHA256: s.in.AudioSHA256}).Get(ctx, &s.song)
	return activityFailure(err, stemflow.ErrorProviderUnavailable)
}

// manifestSource names the track in the manifest.
func (s *separation) manifestSource() stemflow.ManifestSource {
	track := s.in.Track()
	source := stemflow.ManifestSource{TaskID: track.TaskID, AudioID: track.AudioID, StemName: track.StemName}
	if s.in.AudioURL != "" {
		source.AudioURL = s.in.AudioAddress()
		source.AudioSHA256 = s.song.SHA256
		if track.TaskID == stemflow.TaskSHA256 {
			source.AudioSHA256 = track.AudioID
		}
	}
	return source
}
