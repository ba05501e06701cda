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
		`null`: nil,
	} {
		record, err := decodeRecord(json.RawMessage(`{"taskId":"t","successFlag":"SUCCESS","response":` + response + `}`))
		require.NoError(t, err)
		require.Equal(t, want, record.Announced, response)
	}
}
