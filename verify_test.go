package stemflow_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestFindingTypesListEveryConstant(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "verify_finding.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var constants, listed []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Finding") {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.Equal(t, spec.Names[0].Name, "Finding"+value)
			constants = append(constants, value)
		}
		return true
	})
	for _, kind := range stemflow.FindingTypes() {
		listed = append(listed, string(kind.Kind))
		found, ok := stemflow.LookupFindingType(kind.Kind)
		require.True(t, ok)
		require.Equal(t, kind, found)
	}
	require.Equal(t, constants, listed)
	_, ok := stemflow.LookupFindingType("Unforeseen")
	require.False(t, ok)
}

// As with error types, paying is never the only remedy of a finding, and never the first one.
func TestNoRemedyOfAFindingAdvisesToPayFirst(t *testing.T) {
	for _, kind := range stemflow.FindingTypes() {
		before, _, pays := strings.Cut(kind.Remedy, "`force`")
		require.Equal(t, pays, strings.Contains(kind.Remedy, "pays"), kind.Kind)
		if pays {
			require.Contains(t, before, "unpaid", kind.Kind)
			require.Contains(t, before, "only ", kind.Kind)
		}
	}
}

// The table of findings is made from the list, as that of the error types is.
func TestTheDocumentListsTheFindings(t *testing.T) {
	const begin, end, name = "<!-- findings -->\n", "<!-- end of findings -->\n", "docs/verify.md"
	var table strings.Builder
	table.WriteString("| finding | repair | what to do |\n|---|---|---|\n")
	for _, kind := range stemflow.FindingTypes() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", kind.Kind, kind.Repair, kind.Remedy)
	}
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(data), begin)
	require.True(t, ok)
	is, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(head+begin+table.String()+end+tail), 0o644))
		return
	}
	require.Equal(t, table.String(), is, "%s differs from stemflow.FindingTypes: run go generate", name)
}

func TestVerifyArchiveInput(t *testing.T) {
	for input, want := range map[string]string{
		`{}`: "", `{"prefix": "/", "readData": "1/7", "limitRate": "10M", "deadline": "48h", "repair": true}`: "",
		`{"taskId": "t", "audioId": "a", "type": "split_stem_advanced", "stemName": "Lead Vocal"}`: "",
		`{"taskId": "t"}`:                       "audioId: is required",
		`{"taskid": "t"}`:                       "did you mean taskId?",
		`{"stemName": "x"}`:                     "taskId: is required with type and stemName",
		`{"readData": "x%"}`:                    "readData: ",
		`{"readData": true}`:                    "readData: ",
		`{"limitRate": "1M"}`:                   "limitRate: goes only with readData",
		`{"readData": "all", "limitRate": ""}`:  "",
		`{"readData": "all", "limitRate": "x"}`: "limitRate: ",
		`{"deadline": "-1s"}`:                   "deadline: ",
		`{"bucket": "X"}`:                       "bucket: ",
		`{"prefix": "../x"}`:                    "prefix: ",
		`[]`:                                    "must be one JSON object",
	} {
		var in stemflow.VerifyArchiveInput
		require.NoError(t, json.Unmarshal([]byte(input), &in))
		err := in.Validate()
		if want == "" {
			require.NoError(t, err, input)
		} else {
			require.ErrorContains(t, err, want, input)
		}
	}
}

// A check has no audioUrl to give in place of the ids, and what did not decode is not missing.
func TestVerifyArchiveInputSaysWhatIsWrongOnce(t *testing.T) {
	for input, want := range map[string]string{
		`{"audioId": "a"}`:                 "taskId: is required, give the id of the music task that made the track",
		`{"taskId": 5, "audioId": "a"}`:    "taskId: 5 is not a string",
		`{"taskId": 5, "type": "x"}`:       "taskId: 5 is not a string",
		`{"taskId": "t", "audioId": true}`: "audioId: true is not a string",
	} {
		var in stemflow.VerifyArchiveInput
		require.NoError(t, json.Unmarshal([]byte(input), &in))
		require.EqualError(t, in.Validate(), want, input)
	}
}

func TestResultCountsWhatItDoesNotList(t *testing.T) {
	var r stemflow.VerifyArchiveResult
	for range stemflow.MaxListedFindings {
		r.AddFinding(stemflow.ArchiveFinding{Kind: stemflow.FindingStemMissing})
	}
	r.AddFinding(stemflow.ArchiveFinding{Kind: stemflow.FindingUploadUnfinished, Notice: true})
	r.AddFinding(stemflow.ArchiveFinding{Kind: stemflow.FindingStemMissing, Repair: stemflow.RepairDone})
	r.AddFinding(stemflow.ArchiveFinding{Kind: stemflow.FindingStemMissing, Repair: stemflow.RepairLost})
	require.Len(t, r.Findings, stemflow.MaxListedFindings)
	require.Equal(t, []int{3, stemflow.MaxListedFindings + 1, 1, 1, 1},
		[]int{r.More, r.Damage, r.Notices, r.Repaired, r.Lost})
	require.Equal(t, stemflow.MaxListedFindings+2, r.Kinds[0].Count)
}
