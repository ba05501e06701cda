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
	stems, originURL, _, err := readStems(data)
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
		require.LessOrEqual(t, len(s.URL), maxLink)
		require.LessOrEqual(t, len(s.SourceID), maxSourceID)
	}
	require.LessOrEqual(t, len(stems), stemflow.MaxStems)
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
		"a detail that stands in place of the list": {
			`{"originData":{"extract":{"id":"1","duration":9,"audio_url":"https://x.example/a.mp3","stem_type_group_name":"Lead Vocal"},
				"remove":{"id":"2","duration":"9","audio_url":"https://x.example/b.mp3","stem_type_group_name":"Lead Vocal"}}}`,
			stems{
				{Name: "lead_vocal", URL: "https://x.example/a.mp3", SourceID: "1", DurationSeconds: 9},
				{Name: "lead_vocal_removed", URL: "https://x.example/b.mp3", SourceID: "2", DurationSeconds: 9},
			},
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

func names(stems []stemflow.SourceStem) (names []string) {
	for _, s := range stems {
		names = append(names, s.Name)
	}
	return names
}

// The provider writes many things in the place of a link that it does not have.
func TestPlaceholdersAreNoLinks(t *testing.T) {
	for _, link := range []string{
		"None", "none", "NULL", "null", "undefined", "N/A", "n/a", "NaN", "-", "--", "...", "false", "0", "about:blank", "#",
		"https://", "https:///", "https://cdn1.suno.ai", "https://cdn1.suno.ai/", "https://cdn1.suno.ai/?id=1",
		"https://cdn1.suno.ai/None", "https://cdn1.suno.ai/None.mp3", "https://cdn1.suno.ai/NULL.MP3?a=b.mp3",
		"https://cdn1.suno.ai/undefined.mp3#x", "https://cdn1.suno.ai/.mp3", "https://cdn1.suno.ai/-.mp3",
		"https://cdn1.suno.ai/N-A/none/Vocals.mp3", "https://cdn1.suno.ai/s/null_Vocals.mp3", "https://null/Vocals.mp3",
		"https://cdn1.suno.ai/%3Cnil%3E", "https://cdn1.suno.ai/[object Object].mp3", "/s/Vocals.mp3",
		"//cdn1.suno.ai/Vocals.mp3", "cdn1.suno.ai/Vocals.mp3", "ftp://cdn1.suno.ai/Vocals.mp3", "javascript:void(0)",
		"data:audio/mpeg;base64,AAAA", "blob:https://cdn1.suno.ai/1", "the stem is empty",
	} {
		stems, _ := collect(t, fmt.Sprintf(`{"vocalUrl":%q,"originUrl":%[1]q,
			"originData":[{"id":"1","audio_url":%[1]q,"stem_type_group_name":"Drums"}],"stems":[%[1]q]}`, link))
		require.Empty(t, stems, link)
	}
	for _, link := range []string{
		"https://cdn1.suno.ai/5f3587e2.mp3", "HTTPS://cdn1.suno.ai/a", "http://10.0.0.1:8090/s/a_Vocals.mp3",
		"https://musicfile.kie.ai/ZDkyYTEz", "https://h.example/Nonet.mp3", "https://h.example/s/nullify_Vocals.mp3?x=None",
		"https://h.example/undefined-behaviour.mp3", "https://h.example/s/a_Lead Vocal.mp3", "https://h.example/a.wav",
		"https://h.example/none of it.mp3", "https://[::1]/a.mp3", "https://h.example/audio?id=5&format=mp3",
	} {
		stems, _ := collect(t, fmt.Sprintf(`{"vocalUrl":%q}`, link))
		require.Equal(t, []stemflow.SourceStem{{Name: "vocals", URL: link}}, stems)
	}
}

// What is no audio is no stem, by the field's name or by the kind of the file.
func TestPicturesAreNoStems(t *testing.T) {
	stems, _ := collect(t, `{"vocalUrl":"https://f/v.mp3","instrumentalUrl":"https://f/i.mp3","imageUrl":"https://f/i.jpeg",
		"streamAudioUrl":"https://f/s","videoUrl":"https://f/v.mp4"}`)
	require.Equal(t, []string{"vocals", "instrumental"}, names(stems))
	for _, key := range []string{
		"imageUrl", "image_large_url", "coverUrl", "cover_image_url", "coverimageurl", "COVER_URL", "videoUrl", "mvVideoUrl",
		"pictureUrl", "picUrl", "photoUrl", "thumbnailUrl", "thumbUrl", "avatarUrl", "posterUrl", "waveformUrl",
		"waveform_image_url", "spectrogramUrl", "lyricsUrl", "callbackUrl", "callBackUrl", "callback_url", "webhookUrl",
		"sourceAudioUrl", "source_stream_audio_url", "audioUrl", "inputUrl", "uploadUrl", "iconUrl", "shareUrl", "originalUrl",
	} {
		stems, _ := collect(t, fmt.Sprintf(`{%q:"https://f.example/a"}`, key))
		require.Empty(t, stems, key)
	}
	for _, extension := range []string{"jpg", "JPEG", "png?x=.mp3", "webp", "gif#.mp3", "mp4", "webm", "svg", "mid", "json", "html", "zip"} {
		stems, _ := collect(t, fmt.Sprintf(`{"vocalUrl":"https://f.example/a.%[1]s","kazooUrl":"https://f.example/b.%[1]s",
			"originData":[{"audio_url":"https://f.example/c.%[1]s","stem_type_group_name":"Bass"}]}`, extension))
		require.Empty(t, stems, extension)
	}
	// Instruments of today and tomorrow.
	for key, want := range map[string]string{
		"logDrumUrl": "log_drum", "thumb_piano_url": "thumb_piano", "midTomUrl": "mid_tom", "lyriconUrl": "lyricon",
		"hookUrl": "hook", "recorderUrl": "recorder", "808Url": "808", "vocalAudioUrl": "vocals", "drums_stem_url": "drums",
		"bassTrackUrl": "bass", "backing-vocals-url": "backing_vocals", "accompanimentUrl": "accompaniment",
	} {
		stems, _ := collect(t, fmt.Sprintf(`{%q:"https://f.example/a.mp3"}`, key))
		require.Equal(t, []string{want}, names(stems), key)
	}
}

// One stem is in several lists, under other addresses.
func TestNoStemTwice(t *testing.T) {
	const elsewhere = `{"duration":217.24,"audio_url":"https://cdn1.suno.ai/5f3587e2.mp3","stem_type_group_name":"Vocals","id":"5f3587e2"}`
	for name, tt := range map[string]struct {
		response string
		want     []string
	}{
		"another address": {
			`{"vocalUrl":"https://tempfile.aiquickdraw.com/v/5f21_vocal.mp3","originData":[` + elsewhere + `]}`,
			[]string{"vocals"},
		},
		"links without an id": {
			`{"originData":[{"audio_url":"https://example001.mp3","stem_type_group_name":"Vocals","id":"3d7021c9"},
				{"audio_url":"https://example002.mp3","stem_type_group_name":"Instrumental","id":"d92a13bf"}],
			"instrumentalUrl":"https://musicfile.kie.ai/ZDkyYTEz","vocalUrl":"https://musicfile.kie.ai/M2Q3MDIx"}`,
			[]string{"vocals", "instrumental"},
		},
		"the result twice": {
			`{"vocalUrl":"https://a/1.mp3","data":{"vocal_url":"https://b/1.mp3","originData":[` + elsewhere + `]}}`,
			[]string{"vocals"},
		},
		"in a list of links, too": {
			`{"vocalUrl":"https://a/1.mp3","drumsUrl":"https://a/2.mp3","resultUrls":["https://a/1.mp3","https://b/x_Drums.mp3"]}`,
			[]string{"vocals", "drums"},
		},
		"under a second name": {
			`{"vocalUrl":"https://a/1.mp3","leadUrl":"https://a/1.mp3"}`,
			[]string{"vocals"},
		},
		"two candidates, the second one elsewhere": {
			`{"vocalUrl":"https://a/id-1_Vocals.mp3","originData":[{"id":"id-2","audio_url":"https://b/2.mp3","stem_type_group_name":"Vocals"},
				{"id":"id-1","audio_url":"https://b/1.mp3","stem_type_group_name":"Vocals"}]}`,
			[]string{"vocals", "vocals-2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			stems, _ := collect(t, tt.response)
			require.Equal(t, tt.want, names(stems))
		})
	}
	stems, _ := collect(t, `{"vocalUrl":"https://a/1.mp3","originData":[`+elsewhere+`]}`)
	require.Equal(t, []stemflow.SourceStem{
		{Name: "vocals", URL: "https://a/1.mp3", SourceID: "5f3587e2", DurationSeconds: 217.24},
	}, stems, "the field's link, and what the list knows beside it")
}

func TestListsOfLinks(t *testing.T) {
	stems, _ := collect(t, `{"resultUrls":["https://f/1f-2_Vocals.mp3","https://f/1f-3_Backing_Vocals.mp3","https://f/zz","https://f/zy"],
		"resultWaterMarkUrls":["https://f/1_Bass.mp3"],"imageUrls":["https://f/1_Drums.mp3"]}`)
	require.Equal(t, []string{"vocals", "backing_vocals", "stem", "stem-2"}, names(stems))
	stems, _ = collect(t, `{"resultUrls":["https://f/1_Lead Vocal.mp3","https://f/2_Lead Vocal.mp3"]}`)
	require.Equal(t, []string{"lead_vocal", "lead_vocal-2"}, names(stems))
	stems, _ = collect(t, `{"stems":[{"name":"Drums","url":"https://f/a.mp3"},{"name":"Hi-Hat","url":"https://f/b.mp3"}]}`)
	require.Equal(t, []string{"drums", "hi_hat"}, names(stems))
}
