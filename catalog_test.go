package stemflow_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func decodeCatalog(t *testing.T, text string) stemflow.SeparateCatalogInput {
	t.Helper()
	var in stemflow.SeparateCatalogInput
	require.NoError(t, json.Unmarshal([]byte(text), &in), "decoding never fails: Validate reports")
	return in
}

func TestCatalogInputSurvivesTheWire(t *testing.T) {
	budget := 0
	in := stemflow.SeparateCatalogInput{
		Name: "june", Source: &stemflow.ObjectRef{Bucket: "b-2", Key: "lists/june.csv"}, Window: 7, CreditBudget: &budget,
		Bucket: "b-1", Prefix: "x/y", Type: stemflow.SplitStemAdvanced, StemName: "Kick",
		CallbackGrace: stemflow.Duration(time.Minute), PollInterval: stemflow.Duration(2 * time.Second),
		Deadline: stemflow.Duration(time.Hour),
		Force:    true, AllowPartial: true,
	}
	data, err := json.Marshal(in)
	require.NoError(t, err)
	require.Equal(t, in, decodeCatalog(t, string(data)))
	require.NoError(t, in.Validate())
}

// A track says what is its own; the rest it has from the catalogue. That holds however often the
// input is encoded on its way.
func TestInlineTracksGetWhatHoldsForAll(t *testing.T) {
	in := decodeCatalog(
		t,
		`{"type": "split_stem", "stemName": "Kick", "prefix": "p", "force": true, "deadline": "1h", "tracks": [
		{"taskId": "t", "audioId": "a"},
		{"taskId": "t", "audioId": "b", "type": "separate_vocal", "force": false, "prefix": "q"},
		{"taskId": "t", "audioId": "c", "type": "split_stem_advanced"},
		{"taskId": "t", "audioId": "d", "separationTaskId": "3e63"}]}`,
	)
	hour := stemflow.Duration(time.Hour)
	want := []stemflow.SeparateStemsInput{
		{TaskID: "t", AudioID: "a", Type: stemflow.SplitStem, Prefix: "p", Deadline: hour, Force: true},
		{TaskID: "t", AudioID: "b", Type: stemflow.SeparateVocal, Prefix: "q", Deadline: hour},
		{
			TaskID:   "t",
			AudioID:  "c",
			Type:     stemflow.SplitStemAdvanced,
			StemName: "Kick",
			Prefix:   "p",
			Deadline: hour,
			Force:    true,
		},
		{TaskID: "t", AudioID: "d", Type: stemflow.SplitStem, SeparationTaskID: "3e63", Prefix: "p", Deadline: hour},
	}
	for range 3 {
		require.NoError(t, in.Validate())
		require.Equal(t, want, in.Tracks)
		require.Equal(t, "p", in.Prefix, "the catalogue's own objects are there, too")
		data, err := json.Marshal(in)
		require.NoError(t, err)
		in = decodeCatalog(t, string(data))
	}
}

// What is empty in a track says nothing, before and after the input was encoded: it is left out
// then.
func TestWhatIsEmptyInATrackSaysNothing(t *testing.T) {
	in := decodeCatalog(t, `{"type": "split_stem_advanced", "stemName": "Kick", "bucket": "stems", "prefix": "p",
		"force": true, "tracks": [{"taskId": "t", "audioId": "a", "type": "", "stemName": "", "bucket": "",
		"prefix": "", "separationTaskId": ""}]}`)
	for range 2 {
		require.Equal(t, stemflow.SplitStemAdvanced, in.Tracks[0].Type)
		require.Equal(t, "Kick", in.Tracks[0].StemName)
		require.True(t, in.Tracks[0].Force)
		require.Equal(t, "stems", in.Tracks[0].Bucket)
		require.Equal(t, "p", in.Tracks[0].Prefix)
		data, err := json.Marshal(in)
		require.NoError(t, err)
		in = decodeCatalog(t, string(data))
	}
}

func TestCatalogValidateNamesTheField(t *testing.T) {
	track := `{"taskId": "t", "audioId": "a"}`
	many := strings.TrimSuffix(strings.Repeat(track+",", stemflow.MaxInlineTracks+1), ",")
	for name, c := range map[string]struct {
		input string
		want  []string // the beginning of each problem
	}{
		"nothing":               {`{}`, []string{"tracks: is required, give the tracks, or in source an object that lists them"}},
		"no object":             {`[]`, []string{"the input must be one JSON object, like {\"tracks\": "}},
		"an empty list":         {`{"tracks": []}`, []string{"tracks: is required"}},
		"both":                  {`{"tracks": [` + track + `], "source": {"key": "k"}}`, []string{"source: names an object with the tracks, and tracks has them too"}},
		"misspelt":              {`{"tracks": [` + track + `], "creditsBudget": 5}`, []string{"creditsBudget: no such field, did you mean creditBudget?"}},
		"no list":               {`{"tracks": ` + track + `}`, []string{`tracks: must be a list, like [{"taskId": "...", "audioId": "..."}, ...]`}},
		"no number":             {`{"source": {"key": "k"}, "window": "5"}`, []string{`window: "5" is not a whole number, write it without quotes`}},
		"a fraction":            {`{"source": {"key": "k"}, "creditBudget": 10.5}`, []string{`creditBudget: 10.5 is not a whole number`}},
		"a large window":        {`{"source": {"key": "k"}, "window": 251}`, []string{"window: 251 is not between 1 and 250"}},
		"a negative window":     {`{"source": {"key": "k"}, "window": -1}`, []string{"window: -1 is not between 1 and 250"}},
		"a negative budget":     {`{"source": {"key": "k"}, "creditBudget": -1}`, []string{"creditBudget: -1 is negative; 0 pays nothing"}},
		"a number of parts":     {`{"source": {"key": "k"}, "creditBudget": 1e400}`, []string{`creditBudget: 1e400 is not a whole number`}},
		"force forbidden":       {`{"tracks": [{"taskId": "t", "audioId": "a", "separationTaskId": "s"}], "force": true, "forbidForce": true}`, []string{"force: is forbidden here"}},
		"an unknown type":       {`{"source": {"key": "k"}, "type": "karaoke", "stemName": "Kick"}`, []string{`type: "karaoke" is unknown`}},
		"no key":                {`{"source": {"bucket": "b-1"}}`, []string{"source.key: is required"}},
		"a key of no string":    {`{"source": {"key": 5}}`, []string{"source.key: 5 is not a string"}},
		"a misspelt key":        {`{"source": {"Key": "k"}}`, []string{"source.Key: no such field, did you mean key?", "source.key: is required"}},
		"a source of no object": {`{"source": "k"}`, []string{`source: must be an object, like {"key": "tracks.csv"}`}},
		"a bad bucket":          {`{"source": {"key": "k", "bucket": "B"}, "bucket": "C"}`, []string{`source.bucket: "B" is not`, `bucket: "C" is not`}},
		"a bad name":            {`{"source": {"key": "k"}, "name": "a/b"}`, []string{`name: "a/b" is no name for a catalogue`}},
		"what holds for all":    {`{"tracks": [` + track + `, {}], "type": "karaoke", "pollInterval": "1ms"}`, []string{`type: "karaoke" is unknown`, "pollInterval: 1ms is too short"}},
		"a stem name":           {`{"source": {"key": "k"}, "stemName": "---"}`, []string{`stemName: "---" is no name of an instrument`}},
		"what is one track's":   {`{"tracks": [` + track + `, {"taskId": "t", "audioID": "b"}, 7]}`, []string{"tracks[1]: audioID: no such field, did you mean audioId?", "tracks[1]: audioId: is required", "tracks[2]: the input must be one JSON object", "tracks[2]: taskId: is required", "tracks[2]: audioId: is required"}},
		"a track twice":         {`{"tracks": [` + track + `, {"taskId": "t", "audioId": "b"}, {"taskId": "t", "audioId": "a", "prefix": "p"}]}`, []string{"tracks[2]: is the same separation as tracks[0]"}},
		"too many":              {`{"tracks": [` + many + `]}`, nil},
		"an advanced one":       {`{"tracks": [{"taskId": "t", "audioId": "b", "stemName": "Kick"}], "type": "split_stem_advanced"}`, []string{}},
		"a name for the stems":  {`{"tracks": [` + track + `], "stemName": "Kick"}`, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			err := decodeCatalog(t, c.input).Validate()
			if c.want != nil && len(c.want) == 0 {
				require.NoError(t, err)
				return
			}
			var invalid *stemflow.InputError
			require.ErrorAs(t, err, &invalid)
			if c.want == nil {
				require.Contains(
					t,
					invalid.Problems[0].String(),
					"tracks: 501 are too many for the input, which takes 500: put them into the bucket",
				)
				require.Len(t, invalid.Problems, stemflow.MaxProblems)
				require.Equal(t, stemflow.MaxInlineTracks+1-stemflow.MaxProblems, invalid.More)
				return
			}
			require.Len(t, invalid.Problems, len(c.want), fmt.Sprint(invalid.Problems))
			for i, want := range c.want {
				require.True(t, strings.HasPrefix(invalid.Problems[i].String(), want), invalid.Problems[i])
			}
		})
	}
}

// JSON knows one kind of numbers, and some languages write whole ones with a fraction.
func TestWholeNumbersHoweverTheyAreWritten(t *testing.T) {
	for text, want := range map[string]int{
		"100": 100, "100.0": 100, "1e2": 100, "1.5E+1": 15, "2500e-1": 250, "0.0": 0, "-0": 0, "0e999999999": 0,
	} {
		in := decodeCatalog(t, `{"source": {"key": "k"}, "window": `+text+`, "creditBudget": `+text+`}`)
		require.NoError(t, in.Validate(), text)
		require.Equal(t, want, in.Window, text)
		require.Equal(t, want, *in.CreditBudget, text)
	}
	for _, text := range []string{
		"1.5", "1e-1", "1e-999999999", "1e999999999", "9223372036854775808", "9223372036854775807.5", `"1"`, "[1]",
	} {
		in := decodeCatalog(t, `{"source": {"key": "k"}, "creditBudget": `+text+`}`)
		require.ErrorContains(t, in.Validate(), "creditBudget: ", text)
		require.ErrorContains(t, in.Validate(), "is not a whole number", text)
	}
}

func TestCatalogWorkflowID(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{`{"name": "june", "source": {"key": "lists/july.csv"}}`, "catalog:june"},
		{`{"source": {"key": "lists/july.csv"}}`, "catalog:july"},
		{`{"source": {"key": "lists/_Früher, 2025 (1).jsonl"}}`, "catalog:Fr_her__2025__1_"},
		{`{"source": {"key": "目录.csv"}}`, "catalog:catalog"},
		{`{"tracks": [{"taskId": "t", "audioId": "a"}]}`, "catalog:inline-fa178dc1fc1f"},
		{`{"tracks": [{"taskId": "t", "audioId": "b"}]}`, "catalog:inline-54ea1651efb3"},
	} {
		in := decodeCatalog(t, c.input)
		require.NoError(t, in.Validate())
		require.Equal(t, c.want, stemflow.CatalogWorkflowID(in))
	}
}

func TestPricesAreThoseOfTheDocuments(t *testing.T) {
	text, err := os.ReadFile("docs/metrics.md")
	require.NoError(t, err)
	for _, kind := range stemflow.SeparationTypes() {
		require.Positive(t, stemflow.Price(kind))
		require.Contains(t, string(text), fmt.Sprintf("| `%s` | %d |\n", kind, stemflow.Price(kind)))
	}
	require.Zero(t, stemflow.Price("karaoke"))
}

func TestCountsCountEveryStatus(t *testing.T) {
	var counts stemflow.CatalogCounts
	for _, status := range stemflow.TrackStatuses() {
		counts.Add(status)
	}
	require.Equal(
		t,
		stemflow.CatalogCounts{Archived: 1, Found: 1, Partial: 1, Failed: 1, Skipped: 1, Cancelled: 1},
		counts,
	)
	require.Equal(t, 6, counts.Ended())
}

func FuzzCatalogInput(f *testing.F) {
	f.Add([]byte(`{"source":{"key":"a/b.csv"},"type":"split_stem","creditBudget":5}`))
	f.Add([]byte(`{"tracks":[{"taskId":"t","audioId":"a"},{}],"force":true}`))
	f.Add([]byte(`{"tracks":[null],"source":[],"window":1e9}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		in := decodeCatalog(t, string(data))
		if in.Validate() != nil {
			return
		}
		id := stemflow.CatalogWorkflowID(in)
		require.Less(t, len(id), 200)
		again, err := json.Marshal(in)
		require.NoError(t, err)
		back := decodeCatalog(t, string(again))
		require.NoError(t, back.Validate())
		require.Equal(t, id, stemflow.CatalogWorkflowID(back))
	})
}
