package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

// songFile writes a song into a new folder, as a machine of its own has it.
func songFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

// The same song under two names, on two machines at once, is paid for once.
func TestASongFromAFileIsPaidOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	content, _ := song(t)
	content = append([]byte("ID3\x03\x00\x00\x00\x00\x00\x0eTBPM\x00\x00\x00\x04\x00\x00\x00124"), content...)
	hash := sha256.Sum256(content)
	sum := hex.EncodeToString(hash[:])
	first, second := songFile(t, "Größe – 夜曲.mp3", content), songFile(t, "copy", content)
	in := stemflow.SeparateStemsInput{TaskID: stemflow.TaskSHA256, AudioID: sum}
	out := t.TempDir()

	type got struct {
		stemflow.SeparateStemsResult
		Download struct {
			Dir   string
			Files []struct{ File, SHA256 string }
		}
	}
	ended := make(chan ran, 1)
	other := s.starterCommand("start", second, "--wait", "--json")
	go func() { ended <- runStarter(t, other) }()
	one := printed[got](s, s.starter("start", first, "--wait", "--out", out, "--json"))
	another := printed[stemflow.SeparateStemsResult](s, <-ended)
	require.Equal(t, one.SeparationTaskID, another.SeparationTaskID)
	require.Equal(t, 1, s.billedInAll())
	require.Len(t, one.Download.Files, len(one.Stems))
	for i, stem := range one.Stems {
		require.Equal(t, stem.SHA256, one.Download.Files[i].SHA256)
		require.FileExists(t, filepath.Join(out, one.Download.Files[i].File))
	}
	s.requireArchived(in, one.SeparateStemsResult)
	require.Equal(t, content, s.object(archive.SongKey("", sum, "mp3")))

	shown := printed[stemflow.Manifest](s, s.starter("show", second, "--json", "--links=false"))
	require.Equal(t, one.SeparationTaskID, shown.SeparationTaskID)
	require.Contains(t, []string{"Größe – 夜曲", "copy"}, shown.Source.Title(), "that of the run which was joined")
	require.Positive(t, shown.Source.Music.DurationSeconds)
	require.InDelta(t, 124, shown.Source.Music.Tempo, 0)
	again := s.starter("start", second, "--wait")
	require.Zero(t, again.code, again.stderr)
	require.Contains(t, again.stdout, "separate_vocal of copy")
	require.Contains(t, again.stdout, "nothing was paid")
	require.NotContains(t, again.stderr, "Uploading")
	watched := s.starter("watch", first)
	require.Zero(t, watched.code, watched.stderr)
	require.Equal(t, 1, s.billedInAll())
}

func TestTheRecordOfTheMusicTaskNamesATrack(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{
		Outcome: kiesim.Outcome{Pending: true},
		Music: kiesim.Music{
			Title: "Größe – 夜曲", Tags: "pop", ImageURL: "https://cdn.example/cover.jpeg", Duration: 198.44,
		},
		MusicInfo: kiesim.Fault{Answer: kiesim.AnswerHTML, Status: 503, Times: 1},
	})
	run := s.start(in)
	s.await("the record is read", func() bool {
		for _, event := range s.history(run) {
			if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled != nil &&
				scheduled.GetActivityType().GetName() == activityapi.ActivityGetMusicRecord {
				return s.completed(run, event.GetEventId())
			}
		}
		return false
	})
	s.settle(in)
	s.result(run)
	manifest, _ := s.manifest(in)
	require.Equal(t, &stemflow.Music{
		Title: "Größe – 夜曲", Tags: "pop", CoverURL: "https://cdn.example/cover.jpeg", DurationSeconds: 198.44,
	}, manifest.Source.Music)
}

// completed reports whether the activity of an event has ended well.
func (s *stack) completed(run client.WorkflowRun, scheduled int64) bool {
	for _, event := range s.history(run) {
		if event.GetActivityTaskCompletedEventAttributes().GetScheduledEventId() == scheduled {
			return true
		}
	}
	return false
}
