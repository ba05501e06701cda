package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestTheManifestSaysWhatATrackIsCalled(t *testing.T) {
	record := stemflow.Music{Title: "Größe – 夜曲", Tags: "pop", DurationSeconds: 198.44, CoverURL: "https://cdn.example/c.jpeg"}
	titled := record
	titled.Title = "given"
	for name, c := range map[string]struct {
		title string
		music func(activityapi.GetMusicRecordInput) (*stemflow.Music, error)
		want  *stemflow.Music
		asked int
	}{
		"record":              {"", func(activityapi.GetMusicRecordInput) (*stemflow.Music, error) { return &record, nil }, &record, 1},
		"the input's title":   {"given", func(activityapi.GetMusicRecordInput) (*stemflow.Music, error) { return &record, nil }, &titled, 1},
		"nothing is known":    {"", func(activityapi.GetMusicRecordInput) (*stemflow.Music, error) { return &stemflow.Music{}, nil }, nil, 1},
		"no such record":      {"", func(activityapi.GetMusicRecordInput) (*stemflow.Music, error) { return nil, failed("NoRecord") }, nil, 1},
		"the provider's away": {"given", func(activityapi.GetMusicRecordInput) (*stemflow.Music, error) { return nil, errors.New("away") }, &stemflow.Music{Title: "given"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t)
			w.music = func(in activityapi.GetMusicRecordInput) (*stemflow.Music, error) {
				require.Equal(t, activityapi.GetMusicRecordInput{TaskID: "task", AudioID: "audio"}, in)
				return c.music(in)
			}
			w.callbackAfter(time.Minute, success(separationID))
			in := input()
			in.Title = c.title
			w.run(in)
			w.result()
			require.Len(t, w.manifests, 1)
			require.Equal(t, c.want, w.manifests[0].Source.Music)
			require.EqualValues(t, c.asked, w.musicAsked.Load())
			require.Less(t, w.took(), 2*time.Minute)
		})
	}
}

// A run that is done does not wait to learn what its track is called.
func TestNothingWaitsForTheTitle(t *testing.T) {
	w := newHarness(t)
	w.music = func(activityapi.GetMusicRecordInput) (*stemflow.Music, error) { return nil, errors.New("away") }
	w.callbackAfter(time.Millisecond, success(separationID))
	w.run(input())
	w.result()
	require.Less(t, w.took(), time.Second)
	require.Nil(t, w.manifests[0].Source.Music)
}
