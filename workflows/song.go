package workflows

import (
	"cmp"

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
	var song activityapi.PreparedSong // anew: an answer leaves out what is empty
	s.songAt = workflow.Now(ctx)      // before it: what comes of it may be read days later
	err := workflow.ExecuteActivity(songOptions(ctx), activityapi.ActivityPrepareSong,
		activityapi.PrepareSongInput{AudioURL: s.in.AudioURL, AudioSHA256: s.in.AudioSHA256}).Get(ctx, &song)
	if err != nil {
		return activityFailure(err, stemflow.ErrorProviderUnavailable)
	}
	shown := cmp.Or(song.Title, s.song.Title) // in histories a title that is shown is set again
	s.song = song
	if s.in.Title == "" {
		s.labelTitle(ctx, shown)
	}
	return nil
}

// renewSong makes a song ready once more that was handed to the provider days ago: a submit may
// have waited for that long while no worker ran. The provider would take the address of what it
// does not have any more, and fail.
func (s *separation) renewSong(ctx workflow.Context) error {
	handed := s.song.URL != s.in.AudioURL
	if !handed || workflow.Now(ctx).Sub(s.songAt) < songKept ||
		workflow.GetVersion(ctx, "renew-song", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	return s.prepareSong(ctx)
}

// musicChange is the change that asks for the record of the music task.
const musicChange = "music-record"

// askMusic asks what the provider's track is called, while the separation is waited for. Nothing
// waits for the answer, and nothing comes of it if there is none.
func (s *separation) askMusic(ctx workflow.Context) {
	if s.in.Track().IsSong() ||
		workflow.GetVersion(ctx, musicChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	s.music = workflow.ExecuteActivity(musicOptions(ctx), activityapi.ActivityGetMusicRecord,
		activityapi.GetMusicRecordInput{TaskID: s.in.TaskID, AudioID: s.in.AudioID})
}

// knownMusic is what is known of the track by now, nil if that is nothing. The input's title goes
// before others.
func (s *separation) knownMusic(ctx workflow.Context) *stemflow.Music {
	music := stemflow.Music{
		Title: s.song.Title, Artist: s.song.Artist, Tempo: s.song.Tempo, DurationSeconds: s.song.DurationSeconds,
	}
	if s.music != nil && s.music.IsReady() {
		var record stemflow.Music
		if err := s.music.Get(ctx, &record); err != nil {
			s.log(ctx).Info("the record of the music task is not known", "error", err)
		} else {
			music = record
		}
	}
	music.Title = cmp.Or(s.in.Title, music.Title)
	if music == (stemflow.Music{}) {
		return nil
	}
	return &music
}

// manifestSource names the track in the manifest.
func (s *separation) manifestSource(ctx workflow.Context) stemflow.ManifestSource {
	track := s.in.Track()
	source := stemflow.ManifestSource{
		TaskID: track.TaskID, AudioID: track.AudioID, StemName: track.StemName, Music: s.knownMusic(ctx),
	}
	if source.Music != nil && s.music != nil && s.in.Title == "" {
		s.labelTitle(ctx, source.Music.Title)
	}
	if s.in.AudioURL != "" {
		source.AudioURL = s.in.AudioAddress()
		source.AudioSHA256 = s.song.SHA256
		if track.TaskID == stemflow.TaskSHA256 {
			source.AudioSHA256 = track.AudioID
		}
	}
	return source
}
