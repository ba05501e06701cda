package kiesim_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

// What differs between a document and any real answer: ids, hosts, times and durations. The
// documents' audio_url are placeholders.
var varying = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`"(audio_url|callbackUrl)":"[^"]*"`), `"$1":"URL"`},
	{regexp.MustCompile(`https?://[^/"]+/`), "https://HOST/"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`[0-9a-f]{32}`), "TASK"},
	{regexp.MustCompile(`"(completeTime|createTime)":\d{10}000\b`), `"$1":TIME`},
	{regexp.MustCompile(`"duration":\d+\.\d+`), `"duration":SECONDS`},
}

func normalise(t *testing.T, body string) string {
	t.Helper()
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, []byte(body)))
	text := compact.String()
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.replacement)
	}
	return text
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	return normalise(t, string(text))
}

func TestCallbacksAreTheDocumented(t *testing.T) {
	failed := kiesim.Outcome{Failure: &kiesim.Failure{}}
	for name, test := range map[string]struct {
		kind     string
		scenario kiesim.Scenario
	}{
		"callback_en_separate_vocal":      {kiesim.SeparateVocal, kiesim.Scenario{}},
		"callback_en_split_stem":          {kiesim.SplitStem, kiesim.Scenario{}},
		"callback_cn_split_stem_advanced": {kiesim.SplitStemAdvanced, kiesim.Scenario{}},
		"failure_en_separate_vocal":       {kiesim.SeparateVocal, kiesim.Scenario{Outcome: failed}},
		"failure_en_split_stem":           {kiesim.SplitStem, kiesim.Scenario{Outcome: failed}},
		"failure_cn_separate_vocal":       {kiesim.SeparateVocal, kiesim.Scenario{Outcome: failed, Dialect: kiesim.DialectCN}},
		"failure_cn_split_stem":           {kiesim.SplitStem, kiesim.Scenario{Outcome: failed, Dialect: kiesim.DialectCN}},
		"failure_sunoapi_separate_vocal":  {kiesim.SeparateVocal, kiesim.Scenario{Outcome: failed, Dialect: kiesim.DialectSunoAPI}},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			p := start(t, kiesim.Options{Defaults: test.scenario})
			_, callback := p.settled(test.kind, r)
			require.Equal(t, "application/json", callback.header.Get("Content-Type"))
			require.Equal(t, document(t, name), normalise(t, callback.body))
		})
	}
}

func TestSuccessInTheOtherDialects(t *testing.T) {
	for dialect, want := range map[kiesim.Dialect]string{
		kiesim.DialectCN:      `^\{"code":200,"msg":"vocal Removal generated successfully\.","data":\{"task_id":"[^"]+","vocal_removal_info":\{"instrumental_url":`,
		kiesim.DialectSunoAPI: `^\{"code":200,"data":\{"task_id":"[^"]+","vocal_removal_info":\{.*\}\},"msg":"vocal Removal generated successfully\."\}$`,
	} {
		t.Run(string(dialect), func(t *testing.T) {
			r := receive(t)
			p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Dialect: dialect}})
			_, callback := p.settled(kiesim.SeparateVocal, r)
			require.Regexp(t, want, callback.body)
		})
	}
}

func TestRecordsAreTheDocumented(t *testing.T) {
	// The documents list four of the twelve stems of split_stem in originData.
	originData := regexp.MustCompile(`"originData":\[[^\]]*\]`)
	for _, kind := range []string{kiesim.SeparateVocal, kiesim.SplitStem} {
		t.Run(kind, func(t *testing.T) {
			r := receive(t)
			p := start(t, kiesim.Options{})
			id, _ := p.settled(kind, r)
			want, got := document(t, "record_"+kind), normalise(t, p.recordText(id))
			if kind == kiesim.SplitStem {
				require.Len(t, p.record(id).Response["originData"], 12)
				want, got = originData.ReplaceAllString(want, "ORIGIN"), originData.ReplaceAllString(got, "ORIGIN")
			}
			require.Equal(t, want, got)

			record := p.record(id)
			require.Equal(t, id, record.TaskID)
			require.Equal(t, trackID, record.MusicID)
			require.Equal(t, r.url, record.CallbackURL)
		})
	}
}

// TestOriginDataAgreesWithTheLinks: ids are those of the file names, and every stem is there.
func TestOriginDataAgreesWithTheLinks(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{})
	id, _ := p.settled(kiesim.SplitStem, r)
	response := p.record(id).Response
	links := map[any]bool{}
	for key, link := range response {
		if key != "originData" && link != nil {
			links[link] = true
		}
	}
	require.Len(t, links, 12)
	for _, item := range response["originData"].([]any) {
		stem := item.(map[string]any)
		require.Contains(t, links, stem["audio_url"])
		require.Equal(
			t,
			p.url+"/s/"+stem["id"].(string)+"_"+stem["stem_type_group_name"].(string)+".mp3",
			stem["audio_url"],
		)
	}
}

// TestAdvanced: the record has pairs, links have a raw space, and what they lead to is served under
// the encoded one.
func TestAdvanced(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{})
	id, callback := p.settled(kiesim.SplitStemAdvanced, r)
	require.Regexp(t, `"audio_url":"http://[^/]+/r/[0-9a-f-]{36}_Lead Vocal\.mp3"`, callback.body)

	pairs := p.record(id).Response["originData"].([]any)
	require.Len(t, pairs, 1)
	for _, part := range []string{"extract", "remove"} {
		stem := pairs[0].(map[string]any)[part].(map[string]any)
		require.Equal(t, "Lead Vocal", stem["stem_type_group_name"])
		data := p.download(stem["audio_url"].(string))
		require.InDelta(t, stem["duration"], playingTime(t, data), 1e-9)
	}
}
