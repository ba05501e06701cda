package stemflow_test

import (
	"flag"
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

var update = flag.Bool("update", false, "write the tables of error types into the documents")

func TestErrorTypesListEveryConstant(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Error") {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.Equal(t, spec.Names[0].Name, "Error"+value)
			constants = append(constants, value)
		}
		return true
	})
	var listed []string
	for _, kind := range stemflow.ErrorTypes() {
		listed = append(listed, kind.Name)
		found, ok := stemflow.LookupErrorType(kind.Name)
		require.True(t, ok)
		require.Equal(t, kind, found)
	}
	require.Equal(t, constants, listed)
	_, ok := stemflow.LookupErrorType("Unforeseen")
	require.False(t, ok)
}

// Paying is never the only remedy, and never the first one, where something else may help. Of a
// task that failed nothing can be had without paying.
func TestNoRemedyAdvisesToPayFirst(t *testing.T) {
	for _, kind := range stemflow.ErrorTypes() {
		before, _, pays := strings.Cut(kind.Remedy, "`force`")
		if pays {
			require.Contains(t, before, "unpaid", kind.Name)
			require.Contains(t, before, "only ", kind.Name)
		}
		if kind.Name != stemflow.ErrorSeparationFailed && kind.Name != stemflow.ErrorWAVFailed {
			require.Equal(t, pays, strings.Contains(kind.Remedy, "pays"), kind.Name)
		}
	}
}

func TestErrorTypesCannotBeChangedByCallers(t *testing.T) {
	stemflow.ErrorTypes()[0].Remedy = "pay"
	require.NotEqual(t, "pay", stemflow.ErrorTypes()[0].Remedy)
}

// The table of error types is made from the list: go generate writes it.
func TestTheDocumentListsTheErrorTypes(t *testing.T) {
	const begin, end, name = "<!-- error types -->\n", "<!-- end of error types -->\n", "docs/errors.md"
	var table strings.Builder
	table.WriteString("| type | paid? | what to do |\n|---|---|---|\n")
	for _, kind := range stemflow.ErrorTypes() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", kind.Name, kind.Paid, kind.Remedy)
	}
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(data), begin)
	require.True(t, ok, "%s has no line %q", name, begin)
	is, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no line %q", name, end)
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(head+begin+table.String()+end+tail), 0o644))
		return
	}
	require.Equal(t, table.String(), is, "%s differs from stemflow.ErrorTypes: run go generate", name)
}
