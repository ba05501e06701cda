package kie

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Records of a kind that was once misread.
func TestRecordsThatMislead(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		task  string
		stems map[string]string
	}{
		"texts in place of links are no stems": {
			"record_link_none.json", "t", map[string]string{"vocals": "https://file.aiquickdraw.com/s/a_Vocals.mp3"},
		},
		"a stem is not listed again under its other address": {
			"record_origin_data_elsewhere.json", "t",
			map[string]string{"vocals": "https://tempfile.aiquickdraw.com/v/5f21_vocal.mp3"},
		},
		"the links that there are so far": {
			"record_partial_first_success.json", "3e63b4cc88d52611159371f6af5571e7", map[string]string{
				"vocals": "https://file.aiquickdraw.com/s/a_Vocals.mp3",
				"drums":  "https://file.aiquickdraw.com/s/b_Drums.mp3",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, reply(200, string(file(t, c.file))))
			got, err := newClient(t, Options{BaseURL: p.URL}).Record(t.Context(), c.task)
			require.NoError(t, err)
			require.Equal(t, Succeeded, got.State)
			links := map[string]string{}
			for _, stem := range got.Stems {
				links[stem.Name] = stem.URL
			}
			require.Equal(t, c.stems, links)
			require.Len(t, got.Stems, len(links))
		})
	}
	t.Run("a record of another task is refused", func(t *testing.T) {
		_, err := record(t, 200, string(file(t, "record_of_another_task.json")))
		require.NoError(t, err, "it is asked for by the id that it has")
		p := serve(t, reply(200, string(file(t, "record_of_another_task.json"))))
		_, err = newClient(t, Options{BaseURL: p.URL}).Record(t.Context(), separationID)
		require.ErrorIs(t, err, ErrOtherTask)
	})
}
