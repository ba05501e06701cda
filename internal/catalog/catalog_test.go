package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

// collect checks a list and returns its tracks.
func collect(list string, in stemflow.SeparateCatalogInput) ([]activityapi.CatalogTrack, error) {
	var tracks []activityapi.CatalogTrack
	n, err := Check(strings.NewReader(list), in, nil, func(t activityapi.CatalogTrack) error {
		tracks = append(tracks, t)
		return nil
	})
	if err == nil && n != len(tracks) {
		return nil, fmt.Errorf("%d tracks are counted, and %d taken", n, len(tracks))
	}
	return tracks, err
}

func TestBothFormatsSayTheSame(t *testing.T) {
	in := stemflow.SeparateCatalogInput{
		Type: stemflow.SplitStem, StemName: "Kick", Bucket: "stems", Prefix: "albums", Force: true, Deadline: stemflow.Duration(time.Hour),
	}
	common := stemflow.SeparateStemsInput{
		TaskID: "t", Type: stemflow.SplitStem, Bucket: "stems", Prefix: "albums", Force: true, Deadline: stemflow.Duration(time.Hour),
	}
	var want []stemflow.SeparateStemsInput
	for _, adjust := range []func(*stemflow.SeparateStemsInput){
		func(in *stemflow.SeparateStemsInput) { in.AudioID = "a1" },
		func(in *stemflow.SeparateStemsInput) {
			in.AudioID, in.Type, in.Force = "a2", stemflow.SeparateVocal, false
		},
		func(in *stemflow.SeparateStemsInput) {
			in.AudioID, in.Type, in.StemName = "a3", stemflow.SplitStemAdvanced, "Kick"
		},
		func(in *stemflow.SeparateStemsInput) {
			in.AudioID, in.Type, in.StemName = "a4", stemflow.SplitStemAdvanced, "Lead Vocal"
		},
		func(in *stemflow.SeparateStemsInput) { in.AudioID, in.SeparationTaskID, in.Force = "a5", "3e63", false },
		func(in *stemflow.SeparateStemsInput) {
			in.AudioID, in.Deadline = "a6", stemflow.Duration(90*time.Minute)
		},
	} {
		track := common
		adjust(&track)
		want = append(want, track)
	}
	for name, list := range map[string]string{
		"JSON lines": `{"taskId": "t", "audioId": "a1"}
{"taskId": "t", "audioId": "a2", "type": "separate_vocal", "force": false}

  {"taskId": "t", "audioId": "a3", "type": "split_stem_advanced", "stemName": null}
{"taskId": "t", "audioId": "a4", "type": "split_stem_advanced", "stemName": "Lead Vocal"}` + "\r\n" + `
{"taskId": "t", "audioId": "a5", "separationTaskId": "3e63"}
{"taskId": "t", "audioId": "a6", "deadline": "1h30m"}`,
		"CSV": byteOrderMark + `taskId,audioId,type,stemName,separationTaskId,deadline,force
t,a1,,,,,
t,"a2",separate_vocal,,,,FALSE
,,,,,,
t, a3 ,split_stem_advanced,,,,
t,a4,split_stem_advanced,"Lead Vocal",,,true

t,a5,,,3e63,,
t,a6,,,,1h30m,` + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			tracks, err := collect(list, in)
			require.NoError(t, err)
			for i, track := range tracks {
				require.Equal(t, i+1, track.Number)
				require.Equal(t, want[i], track.Input)
			}
			require.Len(t, tracks, len(want))
			require.Equal(
				t,
				map[string]int{"JSON lines": 4, "CSV": 5}[name],
				tracks[2].Line,
				"the lines of the file are counted, empty ones too",
			)
		})
	}
}

func TestEveryProblemIsNamedWithItsLine(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, c := range map[string]struct {
		list string
		want []string
	}{
		"several in several lines": {
			"{\"taskId\":\"t\",\"audioID\":\"a\"}\n{\"taskId\":7,\"audioId\":\"b\"}\n\nnonsense\n{\"taskId\":\"t\",\"audioId\":\"c\",\"type\":\"karaoke\"}",
			[]string{
				"line 1, column 15: no such field, did you mean audioId?",
				"line 1: audioId: is required, give the id of the track within its music task",
				"line 2, column 2: taskId: is not a string",
				"line 4, column 2: the input must be one JSON object, like {\"taskId\": \"...\", \"audioId\": \"...\"}",
				"line 4: taskId: is required, give the id of the music task that made the track, or audioUrl for a song of your own",
				"line 4: audioId: is required, give the id of the track within its music task",
				`line 5, column 29: type: is unknown, use separate_vocal, split_stem or split_stem_advanced`,
			},
		},
		"twice": {
			"{\"taskId\":\"t\",\"audioId\":\"a\"}\n{\"taskId\":\"t\",\"audioId\":\"b\"}\n{\"taskId\":\"t\",\"audioId\":\"a\",\"type\":\"separate_vocal\",\"prefix\":\"p\"}",
			[]string{"line 3: is the same separation as line 1, leave one of them out"},
		},
		"a first row that is none": {
			"taskId,\"audio\"Id\nt,a\n",
			[]string{"line 1, column 14: is no row of a CSV file (extraneous or missing \" in quoted-field), " +
				"put quotation marks around a cell that contains some, and double them"},
		},
		"a JSON list": {
			"[\n{\"taskId\":\"t\",\"audioId\":\"a\"}\n]",
			[]string{"line 1: begins a JSON list, write an object in each line, with neither brackets around nor commas between them"},
		},
		"a long line": {
			"{\"taskId\":\"t\",\"audioId\":\"a\"}\n{\"taskId\":\"" + long + long + "\"}\n{\"taskId\":\"t\"}",
			[]string{
				"line 2: is longer than 65536 bytes, write one track in each line",
				"line 3: audioId: is required, give the id of the track within its music task",
			},
		},
		"nothing":       {"", []string{"line 1: lists no track, write one in each line"}},
		"empty lines":   {"\n \n", []string{"line 1: lists no track, write one in each line"}},
		"a header only": {"taskId,audioId\n,\n", []string{"line 1: lists no track, write one in each line"}},
		"UTF-16":        {"\xff\xfet\x00a\x00", []string{"line 1: is UTF-16, save the list as UTF-8"}},
		"no header": {"5c79,e231\n", []string{"line 1: the first row names the columns, and has no taskId: " +
			"begin the list with a row like taskId,audioId,type, or audioUrl,type for songs of your own"}},
		"a misspelt column": {"taskId,audioId,tpye\nt,a,split_stem\n", []string{
			"line 1, column 3: the name is like type and is not: write type, or another name to keep the column for the report",
		}},
		"a missing column": {"taskId,type\nt,split_stem\n", []string{"line 1: the first row names the columns, and has no audioId: " +
			"begin the list with a row like taskId,audioId,type, or audioUrl,type for songs of your own"}},
		"songs alone": {"audioUrl,type\ns3://music/a.mp3,split_stem\n,split_stem\n", []string{
			"line 3: taskId: is required, give the id of the music task that made the track, or audioUrl for a song of your own",
			"line 3: audioId: is required, give the id of the track within its music task",
		}},
		"a column twice": {"taskId,audioId,Task ID\n", []string{"line 1, column 3: has the name of column 1 again, rename one of them"}},
		"a kept column twice": {"taskId,notes,audioId,Notes\n", []string{
			"line 1, column 4: has the name of column 2 again, rename one of them",
		}},
		"a column without a name": {"taskId,audioId,\nt,a,\nt,b,x\n", []string{
			"line 3, column 3: is a cell in a column that the first row does not name",
		}},
		"too much for the report": {"taskId,audioId,notes\nt,a," + strings.Repeat("x", maxTrackColumns) + "\n", []string{
			"line 2: has columns of more than 8192 bytes that are only for the report, leave some out",
		}},
		"cells": {"taskId,audioId,force\nt\nt,a,yes\nt,b,true,x\n", []string{
			"line 2: has 1 cells, and the first row names 3",
			`line 3, column 3: force: is not a boolean, write true or false without quotes`,
			"line 4: has 4 cells, and the first row names 3",
		}},
		"a bare quotation mark": {"taskId,audioId\nt,a\"b\nt,c\nx y,d\n", []string{
			`line 2, column 4: is no row of a CSV file (bare " in non-quoted-field), put quotation marks around a cell that contains some, and double them`,
			`line 4, column 1: taskId: is not an id of the provider (letters, digits, '.', '_' and '-', at most 128)`,
		}},
		"a quotation mark left open": {"taskId,audioId\nt,a\nt,\"b\n" + strings.Repeat("t,c\n", maxLine/2), []string{
			"line 3: begins a row of more than 65536 bytes: a quotation mark may be left open",
		}},
		"a cell over several lines": {"taskId,audioId\nt,\"a\nb\"\n,c\n", []string{
			`line 2, column 2: audioId: is not an id of the provider (letters, digits, '.', '_' and '-', at most 128)`,
			"line 4, column 1: taskId: is required, give the id of the music task that made the track, or audioUrl for a song of your own",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := collect(c.list, stemflow.SeparateCatalogInput{})
			var invalid *stemflow.InputError
			require.ErrorAs(t, err, &invalid)
			texts := make([]string, len(invalid.Problems))
			for i, problem := range invalid.Problems {
				texts[i] = problem.String()
			}
			require.Equal(t, c.want, texts)
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	_, err := collect(strings.Repeat("{}\n", 1000), stemflow.SeparateCatalogInput{})
	var invalid *stemflow.InputError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Problems, stemflow.MaxProblems)
	require.Equal(t, 2000-stemflow.MaxProblems, invalid.More)
	require.ErrorContains(t, err, "; and 1950 problems more")
}

func TestNoMoreTracksThanACatalogueTakes(t *testing.T) {
	c := check{tracks: stemflow.MaxCatalogTracks}
	err := c.track(1_000_002, stemflow.SeparateStemsInput{}, nil, nil)
	require.EqualError(t, err, "line 1000002: is one track more than the 1000000 that a catalogue takes, split it")
}

// Nothing is taken once something is wrong: what is kept of the list will not be used.
func TestNothingIsTakenAfterAProblem(t *testing.T) {
	tracks, err := collect(
		"{\"taskId\":\"t\",\"audioId\":\"a\"}\n{}\n{\"taskId\":\"t\",\"audioId\":\"b\"}\n",
		stemflow.SeparateCatalogInput{},
	)
	require.Error(t, err)
	require.Len(t, tracks, 1)
}

func TestErrorsOfReaderAndTakerAreTheirs(t *testing.T) {
	broken := errors.New("broken")
	for _, list := range []string{"{\"taskId\":\"t\",\"audioId\":\"a\"}\n", "taskId,audioId\nt,a\n"} {
		_, err := Check(
			io.MultiReader(strings.NewReader(list), iotest.ErrReader(broken)),
			stemflow.SeparateCatalogInput{},
			nil,
			func(activityapi.CatalogTrack) error { return nil },
		)
		require.Equal(t, broken, err)
		_, err = Check(
			strings.NewReader(list),
			stemflow.SeparateCatalogInput{},
			nil,
			func(activityapi.CatalogTrack) error { return broken },
		)
		require.Equal(t, broken, err)
	}
	_, err := Check(iotest.ErrReader(broken), stemflow.SeparateCatalogInput{}, nil, nil)
	require.Equal(t, broken, err)
}

func TestKeptTracksAreReadInPages(t *testing.T) {
	var kept []byte
	var want []activityapi.CatalogTrack
	for i := range 5 {
		track := activityapi.CatalogTrack{Number: i + 1, Line: i + 2, Input: stemflow.SeparateStemsInput{
			TaskID: "t", AudioID: fmt.Sprintf("a%d", i), Prefix: "ü/<&>", Deadline: stemflow.Duration(time.Hour), AllowPartial: i%2 == 0,
		}}
		want = append(want, track)
		kept = Append(kept, track)
	}
	var got []activityapi.CatalogTrack
	for offset := int64(0); offset < int64(len(kept)); {
		tracks, size, err := ReadPage(bytes.NewReader(kept[offset:]), 2)
		require.NoError(t, err)
		require.NotEmpty(t, tracks)
		got = append(got, tracks...)
		offset += size
	}
	require.Equal(t, want, got)

	_, _, err := ReadPage(bytes.NewReader(kept[:len(kept)-1]), 100)
	require.ErrorIs(t, err, ErrNotKept)
	_, _, err = ReadPage(strings.NewReader("{}\n"), 100)
	require.ErrorIs(t, err, ErrNotKept)
	_, _, err = ReadPage(strings.NewReader("nonsense\n"), 100)
	require.ErrorIs(t, err, ErrNotKept)
}

// Whatever a list is, it is read to its end in bounded memory, tracks are right, and each problem
// names a line.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"taskId,audioId,type\nt,a,\nt,b,split_stem\n", "taskId,audioId\n\"t\",\"a\nb\"\n", "taskId;audioId", "\ufefftaskId,audioId\r\nt,a",
		`{"taskId":"t","audioId":"a","force":false}` + "\n" + `{"taskId":"t"}`, "[{}]", "{\n}", "\xff\xfe", "\"", "{\"taskId\":\"t\",\"audioId\":\"a\"}\n\n{",
		"sep=;\r\nTask ID;audio_id;Künstler;\r\nt;a;\"x\ny\";\r\n", "\ntaskId\taudioId\ttitle\nt\ta\tA  song\n", "taskId,audioId,,\nt,a,,\n",
	} {
		f.Add([]byte(seed))
	}
	in := stemflow.SeparateCatalogInput{Type: stemflow.SplitStemAdvanced, StemName: "Kick", Force: true}
	f.Fuzz(func(t *testing.T, list []byte) {
		var kept []byte
		taken := 0
		n, err := Check(bytes.NewReader(list), in, nil, func(track activityapi.CatalogTrack) error {
			taken++
			require.Equal(t, taken, track.Number)
			require.NoError(t, track.Input.Validate())
			require.LessOrEqual(t, track.Line, bytes.Count(list, []byte("\n"))+1)
			kept = Append(kept, track)
			return nil
		})
		if err != nil {
			var invalid *stemflow.InputError
			require.ErrorAs(t, err, &invalid)
			for _, problem := range invalid.Problems {
				require.Regexp(t, `^line [1-9][0-9]*(, column [1-9][0-9]*)?$`, problem.Item)
			}
			return
		}
		require.Equal(t, n, taken)
		require.Zero(t, bytes.Count(kept, []byte("\n"))-n)
		again, size, err := ReadPage(bytes.NewReader(kept), n)
		require.NoError(t, err)
		require.Len(t, again, n)
		require.EqualValues(t, len(kept), size)
	})
}
