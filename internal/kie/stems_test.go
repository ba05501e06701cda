package kie

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// collect reads the stems of a record's "response".
func collect(t *testing.T, response string) ([]stemflow.SourceStem, string) {
	t.Helper()
	data, ok := parseBody([]byte(`{"response":` + response + `}`))
	require.True(t, ok, "the test's own JSON")
	stems, originURL, err := readStems(data)
	require.NoError(t, err)
	return stems, originURL
}

var soundName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*(-[0-9]+)?$`)

func requireSoundStems(t *testing.T, stems []stemflow.SourceStem) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range stems {
		require.Regexp(t, soundName, s.Name)
		require.False(t, seen[s.Name], "%q twice", s.Name)
		seen[s.Name] = true
		require.NotEmpty(t, s.URL)
		require.Equal(t, strings.TrimSpace(s.URL), s.URL)
		require.GreaterOrEqual(t, s.DurationSeconds, 0.0)
	}
}

func TestStemNames(t *testing.T) {
	tests := map[string]string{
		"vocalUrl": "vocals", "vocal_url": "vocals", "VOCALS_URL": "vocals", "instrumentalUrl": "instrumental",
		"backingVocalsUrl": "backing_vocals", "backing_vocals_url": "backing_vocals", "BackingVocalURL": "backing_vocals",
		"drumsUrl": "drums", "bassUrl": "bass", "guitarUrl": "guitar", "pianoUrl": "piano", "keyboardUrl": "keyboard",
		"percussionUrl": "percussion", "stringsUrl": "strings", "synthUrl": "synth", "fxUrl": "fx", "FXUrl": "fx",
		"brassUrl": "brass", "woodwindsUrl": "woodwinds",
		"kazooUrl": "kazoo", "leadGuitarUrl": "lead_guitar", "lead_guitar_url": "lead_guitar", "808Url": "808",
		"钢琴Url": "stem",
	}
	for key, want := range tests {
		t.Run(key, func(t *testing.T) {
			stems, _ := collect(t, fmt.Sprintf(`{%q:"https://x.example/a.mp3"}`, key))
			require.Equal(t, []stemflow.SourceStem{{Name: want, URL: "https://x.example/a.mp3"}}, stems)
		})
	}
}

// The contract promises results in the order of the provider's documents.
func TestStemOrderAgreesWithTheContract(t *testing.T) {
	for _, kind := range []stemflow.SeparationType{stemflow.SeparateVocal, stemflow.SplitStem} {
		var ranks []int
		for _, name := range stemflow.ExpectedStems(kind, "") {
			require.Contains(t, stemOrder, name)
			ranks = append(ranks, stemRank(name))
		}
		require.True(t, slices.IsSorted(ranks), kind)
	}
}

func TestFieldsWithoutAStem(t *testing.T) {
	stems, origin := collect(
		t,
		`{"drumsUrl":null,"bassUrl":"","guitarUrl":"  ","pianoUrl":7,"synthUrl":{"url":"https://x.example/u"},"fxUrl":["u"],
		"brassUrl":true,"url":"https://x.example/u","_url":"https://x.example/u","id":"u","curl_":"u","originUrl":" https://x.example/o.mp3 "}`,
	)
	require.Empty(t, stems)
	require.Equal(t, "https://x.example/o.mp3", origin)
}

func TestStems(t *testing.T) {
	type stems = []stemflow.SourceStem
	tests := map[string]struct {
		response string
		want     stems
	}{
		"sorted, unknown ones last as they come": {
			`{"zitherUrl":"https://x.example/z","drumsUrl":"https://x.example/d","kazooUrl":"https://x.example/k","instrumentalUrl":"https://x.example/i","pianoUrl":"https://x.example/p","keyboardUrl":"https://x.example/y","vocalUrl":"https://x.example/v"}`,
			stems{
				{
					Name: "vocals",
					URL:  "https://x.example/v",
				}, {Name: "instrumental", URL: "https://x.example/i"}, {Name: "drums", URL: "https://x.example/d"}, {Name: "piano", URL: "https://x.example/p"},
				{Name: "keyboard", URL: "https://x.example/y"}, {Name: "zither", URL: "https://x.example/z"}, {Name: "kazoo", URL: "https://x.example/k"},
			},
		},
		"links are trimmed and otherwise kept": {
			`{"drumsUrl":"\n https://x.example/Drum Kit.mp3?a=%20b \t"}`,
			stems{{Name: "drums", URL: "https://x.example/Drum Kit.mp3?a=%20b"}},
		},
		"the last of a key given twice": {
			`{"drumsUrl":"https://x.example/a","drumsUrl":"https://x.example/b","drums_url":null}`,
			stems{{Name: "drums", URL: "https://x.example/b"}},
		},
		"two fields of one name": {
			`{"vocalUrl":"https://x.example/a","drumsUrl":"https://x.example/d","vocalsUrl":"https://x.example/b","VOCALS_url":"https://x.example/c"}`,
			stems{{Name: "vocals", URL: "https://x.example/c"}, {Name: "drums", URL: "https://x.example/d"}},
		},
		"details by the id in the file name": {
			`{"drumsUrl":"https://x.example/s/id-1_Drums.mp3?id-2","originData":[
				{"id":"id-1","duration":"12.5","audio_url":"https://y.example/other.mp3","stem_type_group_name":"Bass"}]}`,
			stems{
				{
					Name:            "drums",
					URL:             "https://x.example/s/id-1_Drums.mp3?id-2",
					SourceID:        "id-1",
					DurationSeconds: 12.5,
				},
			},
		},
		"details by the same link": {
			`{"drumsUrl":"https://x.example/a.mp3","originData":[
				{"id":"id-1","duration":12.5,"audio_url":"https://x.example/a.mp3","stem_type_group_name":"Percussion"}]}`,
			stems{{Name: "drums", URL: "https://x.example/a.mp3", SourceID: "id-1", DurationSeconds: 12.5}},
		},
		"an id is not found within a longer word, nor outside the file name": {
			`{"drumsUrl":"https://x.example/id1/id12_1id1.mp3#id1","originData":[{"id":"id1"}]}`,
			stems{{Name: "drums", URL: "https://x.example/id1/id12_1id1.mp3#id1"}},
		},
		"an id is found behind a longer word": {
			`{"drumsUrl":"https://x.example/id12_id1.mp3","originData":[{"id":"id1"}]}`,
			stems{{Name: "drums", URL: "https://x.example/id12_id1.mp3", SourceID: "id1"}},
		},
		"details of no known stem are stems": {
			`{"originData":[
				{"id":"1","duration":3,"audio_url":"https://x.example/a","stem_type_group_name":"Vocals"},
				{"id":"2","audio_url":"https://x.example/b","stem_type_group_name":"Backing Vocals"},
				{"id":"3","audio_url":"https://x.example/c","stem_type_group_name":"Hi-Hat"},
				{"id":"4","audio_url":"https://x.example/d","stem_type_group_name":"钢琴"},
				{"id":"5","audio_url":"https://x.example/e"},
				{"id":"6","audio_url":null,"stem_type_group_name":"Bass"},
				{"id":"7","stem_type_group_name":"Bass"}]}`,
			stems{
				{
					Name:            "vocals",
					URL:             "https://x.example/a",
					SourceID:        "1",
					DurationSeconds: 3,
				}, {Name: "backing_vocals", URL: "https://x.example/b", SourceID: "2"},
				{
					Name:     "hi_hat",
					URL:      "https://x.example/c",
					SourceID: "3",
				}, {Name: "stem", URL: "https://x.example/d", SourceID: "4"}, {Name: "stem-2", URL: "https://x.example/e", SourceID: "5"},
			},
		},
		"two candidates of each instrument": {
			`{"originData":[
				{"id":"1","audio_url":"https://x.example/a","stem_type_group_name":"Vocals"},{"id":"2","audio_url":"https://x.example/b","stem_type_group_name":"Drums"},
				{"id":"3","audio_url":"https://x.example/c","stem_type_group_name":"Vocals"},{"id":"4","audio_url":"https://x.example/d","stem_type_group_name":"Vocals"}]}`,
			stems{
				{Name: "vocals", URL: "https://x.example/a", SourceID: "1"}, {Name: "vocals-2", URL: "https://x.example/c", SourceID: "3"},
				{Name: "vocals-3", URL: "https://x.example/d", SourceID: "4"}, {Name: "drums", URL: "https://x.example/b", SourceID: "2"},
			},
		},
		"the same detail twice": {
			`{"originData":[{"id":"1","audio_url":"https://x.example/a","stem_type_group_name":"Vocals"},
				{"id":"1","audio_url":"https://x.example/a2","stem_type_group_name":"Vocals"},{"audio_url":"https://x.example/a","duration":9,"stem_type_group_name":"Vocals"}]}`,
			stems{{Name: "vocals", URL: "https://x.example/a", SourceID: "1", DurationSeconds: 9}},
		},
		"parts of an extraction": {
			`{"vocalUrl":"https://x.example/e1_Bass.mp3","originData":[
				{"remove":{"id":"r1","audio_url":"https://x.example/r","stem_type_group_name":"Bass"},"extract":{"id":"e1","audio_url":"https://x.example/e","stem_type_group_name":"Bass"}},
				{"extract":{"id":"e2","audio_url":"https://x.example/f","stem_type_group_name":"Bass"}},
				{"remove":{"id":"r2","audio_url":"https://x.example/s"}}]}`,
			stems{
				{
					Name:     "bass",
					URL:      "https://x.example/e1_Bass.mp3",
					SourceID: "e1",
				}, {Name: "bass-2", URL: "https://x.example/f", SourceID: "e2"},
				{Name: "bass_removed", URL: "https://x.example/r", SourceID: "r1"}, {Name: "stem_removed", URL: "https://x.example/s", SourceID: "r2"},
			},
		},
		"names of parts are the contract's, not the table's": {
			`{"originData":[{"extract":{"id":"1","audio_url":"https://x.example/a","stem_type_group_name":"Vocal"}}]}`,
			stems{{Name: "vocal", URL: "https://x.example/a", SourceID: "1"}},
		},
		"junk in the details": {
			`{"originData":[null,7,"x",[],{},{"extract":7,"remove":null},
				{"id":7,"duration":-1,"audio_url":"https://x.example/a","stem_type_group_name":["Drums"]},{"id":"2","duration":"long","audio_url":"https://x.example/b"}]}`,
			stems{{Name: "stem", URL: "https://x.example/a"}, {Name: "stem-2", URL: "https://x.example/b", SourceID: "2"}},
		},
		"details that are no list": {
			`{"drumsUrl":"https://x.example/d","originData":{"id":"1","audio_url":"https://x.example/a"}}`,
			stems{{Name: "drums", URL: "https://x.example/d"}},
		},
		"no object": {`["drumsUrl"]`, nil},
		"nothing":   {`null`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := collect(t, tt.response)
			require.Equal(t, tt.want, got)
			requireSoundStems(t, got)
		})
	}
}

func TestPartsAreNamedAsTheContractExpects(t *testing.T) {
	for _, stemName := range []string{"Lead Vocal", "Keyboards", "Hi-Hat", "808", "Sound Effects"} {
		stems, _ := collect(t, fmt.Sprintf(`{"originData":[{"extract":{"audio_url":"https://x.example/a","stem_type_group_name":%[1]q},
			"remove":{"audio_url":"https://x.example/b","stem_type_group_name":%[1]q}}]}`, stemName))
		require.Len(t, stems, 2)
		require.Equal(
			t,
			stemflow.ExpectedStems(stemflow.SplitStemAdvanced, stemName),
			[]string{stems[0].Name, stems[1].Name},
		)
	}
}
