package catalog

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestCells(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "Lead Vocal": "Lead Vocal", "a=b": "a=b", "'80s Synth": "'80s Synth", "=HYPERLINK(1)": "'=HYPERLINK(1)", "+1": "'+1",
		"-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", " =x": "' =x", "x ": "'x ", "'=x": "''=x", "''=x": "'''=x",
		"＝x": "'＝x",
	} {
		require.Equal(t, want, Cell(text))
		require.Equal(t, text, textOf(want))
	}
	require.Equal(t, "Kick", textOf(" Kick\t"), "people align cells")
}

// Spreadsheets guess what separates the cells of a file, or take what their language says.
func TestNoSpreadsheetFindsAFormula(t *testing.T) {
	for _, hidden := range []string{
		"a;=1+1", "a;=1+1;b", ";=1+1", "a; =1+1", "a;\u00a0=1+1", "a;'=1+1", "a\t=1+1", "a\n=1+1", "a\r=1+1",
		"a\r\n@x", "a;\"=1+1",
		"a;\"\"=1+1", "a;\"=1+1\";b", "a;;-1", "a;\t+1", "a;\n＝1", "=1;=1", "a,=1", "a\",=1", "a;b;c;=1+1",
	} {
		require.Equal(t, hidden, textOf(Cell(hidden)), "%q", hidden)
		text := row(t, stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a", Title: hidden}, hidden)
		for _, separators := range []string{";", ",;\t", ";\t", "\t", ","} {
			for _, cell := range spreadsheet(text, separators) {
				require.NotContains(t, "=+-@＝＋－＠", firstLetter(cell), "%q, separated by %q", text, separators)
			}
		}
	}
}

func firstLetter(cell string) string {
	for _, r := range strings.TrimLeft(cell, " \u00a0") {
		return string(r)
	}
	return "none"
}

// spreadsheet reads a file's cells as spreadsheets do: quotation marks count at the beginning of a
// cell only, and what follows the closing one belongs to the cell.
func spreadsheet(text, separators string) (cells []string) {
	runes := []rune(text)
	var cell strings.Builder
	began, quoted := false, false
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case quoted && r == '"' && i+1 < len(runes) && runes[i+1] == '"':
			cell.WriteRune(r)
			i++
		case r == '"' && (quoted || !began):
			began, quoted = true, !quoted
		case !quoted && strings.ContainsRune(separators+"\r\n", r):
			cells = append(cells, cell.String())
			cell.Reset()
			began = false
		default:
			began = true
			cell.WriteRune(r)
		}
	}
	return append(cells, cell.String())
}

// row is a report of one track, as the report's writer writes it.
func row(t *testing.T, track stemflow.SeparateStemsInput, message string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	require.NoError(t, w.Write(ReportColumns()))
	cells := []string{
		"2", track.TaskID, track.AudioID, string(track.Type), track.StemName, "failed", "X", message, "3e63", "callback", "10",
		"false", "0", "0", "another-bucket", "-key", track.Title,
	}
	for i := range cells {
		cells[i] = Cell(cells[i])
	}
	require.NoError(t, w.Write(cells))
	w.Flush()
	return b.String()
}

func TestAReportIsAList(t *testing.T) {
	track := stemflow.SeparateStemsInput{
		TaskID:   "t",
		AudioID:  "a",
		Type:     stemflow.SplitStemAdvanced,
		StemName: "=HYPERLINK(\"x\")",
		Title:    "=A song",
	}
	var got []activityapi.CatalogTrack
	_, err := Check(strings.NewReader(row(t, track, "=1+1")), stemflow.SeparateCatalogInput{}, nil,
		func(track activityapi.CatalogTrack) error { got = append(got, track); return nil })
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, track, got[0].Input, "what became of it is left out")
}

func FuzzCells(f *testing.F) {
	for _, seed := range []string{
		"=1", "'=1", "\t", " x ", "'", "''", "-", "\r", "a\n=b", `"`, ",", "\ufeff=1",
		"\u00a0=1", "a;=1", "a;'=1\n\"-1",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, text, message string) {
		cell := Cell(text)
		require.Equal(t, text, textOf(cell))
		require.False(t, cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])), "%q", cell)
		for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
			require.NotContains(t, "=+-@＝＋－＠", firstLetter(part), "%q", cell)
		}

		track := stemflow.SeparateStemsInput{
			TaskID:   "t",
			AudioID:  "a",
			Type:     stemflow.SplitStemAdvanced,
			StemName: text,
		}
		// The CSV reader makes one line break of two characters another, and JSON replaces what is
		// no UTF-8.
		if track.Validate() != nil || strings.Contains(text+message, "\r\n") || len(message) > 1000 ||
			!utf8.ValidString(text) {
			return
		}
		_, err := Check(strings.NewReader(row(t, track, message)), stemflow.SeparateCatalogInput{}, nil,
			func(got activityapi.CatalogTrack) error {
				require.Equal(t, track, got.Input)
				return nil
			})
		require.NoError(t, err)
	})
}

// secretCell stands in every place of a list, and in no error about it.
const secretCell = "s3cr3t-c3ll"

func TestErrorsRepeatNothingOfAList(t *testing.T) {
	lists := []string{
		secretCell + "\n", "taskId,audioId," + secretCell + "\n", "taskId,audioId\nt,a," + secretCell + "\n", secretCell + ";" + secretCell,
		"{\"" + secretCell + "\": 1}", "{\"taskId\": " + secretCell + "}", "[" + secretCell, "{\"taskId\":\"a\"} " + secretCell,
		"taskId,audioId\n\"" + secretCell + "\"x,a\n", "taskId,audioId,taskId\n" + secretCell,
	}
	for _, field := range stemflow.InputFields() {
		for _, value := range []string{secretCell + " !", "../" + secretCell, secretCell + "\\n//", "-" + secretCell} {
			if field.Name != "taskId" && field.Name != "audioId" {
				lists = append(lists, "taskId,audioId,"+field.Name+"\nt,a,\""+value+"\"\n")
			}
			text, _ := json.Marshal(value)
			lists = append(lists, `{"taskId": "t", "audioId": "a", "`+field.Name+`": `+string(text)+`}`,
				`{"taskId": "t", "audioId": "a", "`+field.Name+`": {"a": `+string(text)+`}}`)
		}
	}
	denied := func(in stemflow.SeparateStemsInput) error {
		return &stemflow.InputError{Problems: []stemflow.InputProblem{{
			Field: "prefix", Message: in.Prefix + " is wrong " + in.StemName, Rule: "is wrong",
		}}}
	}
	for _, list := range lists {
		_, err := Check(
			strings.NewReader(list),
			stemflow.SeparateCatalogInput{},
			denied,
			func(activityapi.CatalogTrack) error { return nil },
		)
		require.Error(t, err, list)
		require.NotContains(t, err.Error(), "s3cr", list)
		require.NotContains(t, err.Error(), "c3ll", list)
		require.Contains(t, err.Error(), "line ", list)
	}
	kept := []byte("{\"number\":1,\"line\":1,\"input\":{\"taskId\":\"" + secretCell + " !\",\"audioId\":\"a\"}}\n")
	_, _, err := ReadPage(bytes.NewReader(kept), 1)
	require.ErrorIs(t, err, ErrNotKept)
	require.NotContains(t, err.Error(), secretCell)
}
