package kie

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnnouncedStems(t *testing.T) {
	for response, want := range map[string][]string{
		`{"vocalUrl":"https://f/v","pianoUrl":null,"brassUrl":"","originUrl":null}`: nil,
		`{"vocalUrl":"https://f/v","kazooUrl":null,"jawHarpUrl":"","kazoo_url":""}`: {"kazoo", "jaw_harp"},
		`{"kazooUrl":"https://f/k"}`: nil,
		`{"originData":[{"stem_type_group_name":"Kazoo","audio_url":null},{"stem_type_group_name":"Drums"}]}`: {"kazoo"},
		`{"originData":[{"stem_type_group_name":"Kazoo","audio_url":"https://f/k"}]}`:                         nil,
		// Words in the place of a link say the same as null. What is no audio does not follow.
		`{"kazooUrl":"None","harpUrl":"N/A","imageUrl":null,"videoUrl":"","luteUrl":"https://f/a.png"}`: {"kazoo", "harp"},
		`{"vocal_removal_info":{"kazooUrl":null,"callbackUrl":null,"audioUrl":null}}`:                   {"kazoo"},
		`null`: nil,
	} {
		record, err := Separation.decodeRecord(json.RawMessage(`{"taskId":"t","successFlag":"SUCCESS","response":` + response + `}`))
		require.NoError(t, err)
		require.Equal(t, want, record.Announced, response)
	}
}
