package stemflow_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/contractschema"
)

// The JSON Schema is made from the Go types, and TypeScript's types from it: go generate writes
// both.
func TestTheSchemaIsUpToDate(t *testing.T) {
	document, err := contractschema.Document(os.DirFS("."))
	require.NoError(t, err)
	content, err := contractschema.Encode(document)
	require.NoError(t, err)
	requireGenerated(t, contractschema.File, string(content))
	requireGenerated(t, contractschema.TypeScriptFile, contractschema.TypeScript(document))
}

func requireGenerated(t *testing.T, name, content string) {
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
		return
	}
	is, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, content, string(is), "%s is not what the Go types say: run go generate .", name)
}
